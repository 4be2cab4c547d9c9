"""Headline figures of image benchmarks, worked out by hand."""

from __future__ import annotations

import pytest

from adagym.envs.tasks.mme import COGNITION, PERCEPTION
from adagym.envs.tasks.spar_bench import LEVELS
from adagym.evals.scorers import Scored, benchmark_figures


def mme(kind: str, pair: int, number: int, accuracy: float | None) -> Scored:
    return Scored(f"mme/{kind}/{pair}-{number}", f"mme/{kind}", {"kind": kind, "pair": f"{kind}/{pair}"}, accuracy)


def test_mme_counts_questions_and_pairs() -> None:
    episodes = [mme("count", 1, 1, 1.0), mme("count", 1, 2, 1.0), mme("count", 2, 1, 1.0), mme("count", 2, 2, 0.0)]
    figures = benchmark_figures(episodes)
    assert figures["points count"] == 75 + 50
    assert figures["mme_total"] is figures["perception"] is figures["cognition"] is None, "thirteen are missing"
    alone = benchmark_figures([*episodes, mme("count", 3, 1, 1.0), mme("count", 4, 1, None)])
    assert alone["points count"] == 80 + 50, "half a pair counts as a question only"
    assert benchmark_figures([mme("count", 3, 1, 1.0)])["points count"] is None


def test_mme_totals() -> None:
    kinds = (*PERCEPTION, *COGNITION)
    episodes = [mme(kind, 1, number, float(kind != "OCR")) for kind in kinds for number in (1, 2)]
    figures = benchmark_figures(episodes[::-1])
    assert (figures["perception"], figures["cognition"], figures["mme_total"]) == (1800, 800, 2600)
    some = benchmark_figures([episode for episode in episodes if episode.meta["kind"] in COGNITION])
    assert (some["perception"], some["cognition"], some["mme_total"]) == (None, 800, None)


def test_mmbench_needs_every_copy() -> None:
    right = {(1, 0): 1.0, (1, 1): 1.0, (2, 0): 1.0, (2, 1): 0.0, (3, 0): 0.0, (3, 1): 1.0, (4, 0): 1.0, (5, 0): None}
    episodes = [
        Scored(f"mmbench/x/{cycle * 1_000_000 + number}", "mmbench/x", {"question": number, "cycle": cycle}, accuracy)
        for (number, cycle), accuracy in right.items()
    ]
    assert benchmark_figures(episodes) == {"vanilla": 0.75, "circular": 0.5}
    assert benchmark_figures(episodes[-1:]) == {"vanilla": None, "circular": None}


def test_mmstar_has_three_figures() -> None:
    rows = [("math", "geometry", 1.0), ("math", "geometry", 1.0), ("math", "algebra", 0.0), ("logic", "geometry", 0.0)]
    episodes = [
        Scored(f"mmstar/{kind}/{place}", f"mmstar/{kind}", {"kind": kind, "fine": fine}, accuracy)
        for place, (kind, fine, accuracy) in enumerate(rows)
    ]
    figures = benchmark_figures(episodes)
    assert figures["micro"] == 0.5
    assert figures["mean_of_fine_categories"] == pytest.approx(1 / 3)
    assert figures["category math"] == pytest.approx(2 / 3)
    assert figures["category logic"] == 0


def test_spar_bench_weighs_tasks_alike() -> None:
    assert [len(names) for names in LEVELS.values()] == [8, 3, 9]
    rows = [("depth_prediction_oc", 0.4), ("depth_prediction_oc", 0.6), ("view_change_infer", 0.1)]
    rows += [("position_matching", 1.0), ("spatial_imagination_oo", 0.0)]
    episodes = [
        Scored(f"spar-bench/{kind}/{place}", f"spar-bench/{kind}", {"kind": kind}, accuracy)
        for place, (kind, accuracy) in enumerate(rows)
    ]
    figures = benchmark_figures(episodes)
    assert figures == {
        "mean_of_tasks": pytest.approx(0.4),
        "low": pytest.approx(0.5),
        "middle": pytest.approx(0.55),
        "high": 0.0,
    }
    assert benchmark_figures(episodes[:2])["high"] is None
