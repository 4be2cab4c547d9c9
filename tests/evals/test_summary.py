from __future__ import annotations

from dataclasses import replace

import pytest

from adagym.evals.summary import EpisodeFacts, rows, summarise

RIGHT = EpisodeFacts("source/s4", False, 1.0, 8.0, 3, 3, ("Point", "AStar"), 2)
WRONG = EpisodeFacts("source/s8", False, 0.0, 2.0, 5, 3, ("Point", "Point"), 1)
VOID = EpisodeFacts("source/s8", True, None, None, 2, 0, ("Point",), 0)


def test_hand_computed_summary() -> None:
    summary = summarise([RIGHT, WRONG, VOID])
    assert summary["n"] == 3
    assert summary["infra_failures"] == 1
    assert summary["accuracy"] == 0.5
    # Wilson, 1 of 2, z = 1.96: centre 0.5, half = 1.96 / 2.9208 * sqrt(0.125 + 0.2401) = 0.405470
    assert summary["accuracy_ci95"] == pytest.approx([0.094530, 0.905470], abs=2e-6)
    assert summary["turns"] == 4.0
    assert summary["calls_per_sample"] == 2.0
    assert summary["calls_by_tool"] == {"AStar": 0.5, "Point": 1.5}
    assert summary["call_success_rate"] == 0.75
    assert summary["format_rate"] == 0.75
    assert summary["reward_mean"] == 5.0
    assert {name: group["accuracy"] for name, group in summary["by_group"].items()} == {
        "source/s4": 1.0,
        "source/s8": 0.0,
    }
    assert summary["by_group"]["source/s8"]["n"] == 1


def test_order_does_not_matter() -> None:
    episodes = [replace(RIGHT, reward=value) for value in (0.1, 0.2, 0.3, 1e16)] + [WRONG, VOID]
    assert summarise(episodes) == summarise(episodes[::-1])


def test_nothing_scored_gives_none_not_zero() -> None:
    summary = summarise([VOID, replace(VOID, failed=False, turns=0, calls=())])
    assert summary["accuracy"] is None
    assert summary["accuracy_ci95"] is None
    assert summary["reward_mean"] is None
    assert summary["call_success_rate"] is None
    assert dict(rows(summary))["accuracy"] == "-  n=2"


def test_graded_answers_have_a_mean_and_no_binomial_interval() -> None:
    summary = summarise([replace(RIGHT, right=0.5), RIGHT])
    assert summary["accuracy"] == 0.75
    assert summary["accuracy_ci95"] is None
