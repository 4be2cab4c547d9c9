"""When a run is stopped, by hand-written series of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from adagym.algos.collapse import CollapseConfig, CollapseWatch
from adagym.errors import UsageError


def stops(config: CollapseConfig, series: Sequence[Mapping[str, float]]) -> list[int]:
    """Places, from 0, at which the watch wants to stop."""
    watch = CollapseWatch(config)
    return [place for place, metrics in enumerate(series) if watch.check(metrics) is not None]


def entropies(*values: float) -> list[dict[str, float]]:
    return [{"entropy": value, "reward": float(place)} for place, value in enumerate(values)]


def test_nothing_stops_by_default() -> None:
    assert stops(CollapseConfig(), [{"entropy": 0.0, "reward": 0.0, "part_a": 0.0}] * 100) == []


def test_the_entropy_must_stay_low() -> None:
    config = CollapseConfig(entropy_min=0.1, patience=3)
    assert stops(config, entropies(0.05, 0.05, 0.1, 0.05, 0.09, 0.01, 0.02, 0.2)) == [5, 6]


def test_the_entropy_must_stay_high() -> None:
    config = CollapseConfig(entropy_max=2.0, patience=2)
    assert stops(config, entropies(3, 2, 2.1, 5, 1)) == [3]
    assert stops(config, entropies(1, float("nan"), float("nan"))) == [2]


def test_steps_without_an_update_are_passed_over() -> None:
    config = CollapseConfig(entropy_min=0.1, patience=2)
    assert stops(config, [*entropies(0.0), {"reward": 1.0}, {"infra_failures": 8.0}, *entropies(0.0)]) == [3]


def test_a_constant_total_stops() -> None:
    config = CollapseConfig(constant_parts=3)
    values = [4, 4, 5, 8, 8, 8 + 1e-12, 8, 7]
    parts = [{"reward": float(value), "part_a": float(place)} for place, value in enumerate(values)]
    assert stops(config, parts) == [5, 6]


def test_parts_stop_only_together() -> None:
    config = CollapseConfig(constant_parts=2)
    series = [
        {"reward": 1.0, "part_a": 1.0, "part_b": 0.5},
        {"reward": 2.0, "part_a": 1.0, "part_b": 0.6},  # a alone: the form is simply learnt
        {"reward": 3.0, "part_a": 1.0, "part_b": 0.6},
        {"reward": 4.0, "part_a": 1.0},  # b could not be measured
        {"reward": 5.0, "part_a": 1.0},
    ]
    assert stops(config, series) == [2, 4]
    assert stops(config, [{"reward": float(place)} for place in range(5)]) == []


def test_the_reason_is_a_sentence_with_advice() -> None:
    low = CollapseWatch(CollapseConfig(entropy_min=0.5, patience=1)).check({"entropy": 0.25})
    assert low is not None
    assert "below 0.5 in the last 1 updates (now 0.25 nats per token)" in low
    assert "lower learning rate" in low
    watch = CollapseWatch(CollapseConfig(constant_parts=2))
    watch.check({"reward": 8.0, "part_accuracy": 1.0})
    reason = watch.check({"reward": 8.0, "part_accuracy": 1.0})
    assert reason is not None
    assert reason.startswith("The total reward was 8 in each of the last 2 steps")
    assert "take harder ones" in reason


def test_a_watch_shown_the_past_goes_on_from_it() -> None:
    config = CollapseConfig(entropy_min=0.1, constant_parts=4, patience=3)
    series = [{"entropy": value, "reward": 1.0} for value in (0.05, 0.2, 0.05, 0.05, 0.05)]
    whole = CollapseWatch(config)
    reasons = [whole.check(metrics) for metrics in series]
    for stop in range(1, 5):
        resumed = CollapseWatch(config)
        for metrics in series[:stop]:
            resumed.check(metrics)
        assert [resumed.check(metrics) for metrics in series[stop:]] == reasons[stop:]
    assert [reason is not None for reason in reasons] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"patience": 0}, "patience is 0"),
        ({"constant_parts": -1}, "constant_parts is -1"),
        ({"constant_parts": 1}, "at least 2 steps"),
        ({"entropy_min": 1.0, "entropy_max": 0.5}, "entropy_min 1.0 is not below entropy_max 0.5"),
    ],
)
def test_settings_are_checked(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        CollapseConfig(**options)
