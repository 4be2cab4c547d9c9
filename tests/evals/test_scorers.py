"""The figures that benchmarks report, computed by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from adagym.envs.tasks import SOURCES
from adagym.evals.scorers import SCORERS, Scored, benchmark_figures
from adagym.evals.scorers.base import mean, means_by, task_of
from adagym.evals.summary import EpisodeFacts, rows, summarise


def of(source: str, **tasks: Sequence[float | None]) -> list[Scored]:
    """Episodes of a benchmark, by sub-task."""
    return [
        Scored(f"{source}/{task}/{number}", f"{source}/{task}", {}, value)
        for task, values in tasks.items()
        for number, value in enumerate(values)
    ]


def test_every_scorer_is_of_a_source() -> None:
    assert set(SCORERS.names()) <= set(SOURCES.names())


def test_means() -> None:
    assert mean([1.0, None, 0.0]) == 0.5
    assert mean([None]) is None
    assert means_by(of("x", a=[1, 0], b=[None]), task_of) == {"a": 0.5}


def test_mvbench_weighs_every_task_the_same() -> None:
    episodes = of("mvbench", action_count=[1, 1, 1, 1], state_change=[0, 0], fine_grained_pose=[None])
    assert benchmark_figures(episodes) == {"mean_of_tasks": 0.5, "tasks": 2}


def test_mvbench_counts_an_empty_answer_as_wrong() -> None:
    episodes = [
        Scored("mvbench/action_count/0", "mvbench/action_count", {}, 0.0, ""),
        Scored("mvbench/action_count/1", "mvbench/action_count", {}, 1.0, "B"),
    ]
    assert benchmark_figures(episodes)["mean_of_tasks"] == 0.5


def test_vsi_bench_takes_the_three_levels_of_direction_as_one_task() -> None:
    figures = benchmark_figures(
        of(
            "vsi-bench",
            object_rel_direction_easy=[1, 1],
            object_rel_direction_medium=[0.0],
            object_rel_direction_hard=[0, 0, 1, 1],
            object_counting=[0.9, 0.3],
            route_planning=[0.0],
        )
    )
    assert figures["object_rel_direction"] == pytest.approx(0.5)  # (1 + 0 + 0.5) / 3
    assert figures["object_counting"] == pytest.approx(0.6)
    assert figures["tasks"] == 3
    assert figures["mean_of_tasks"] == pytest.approx((0.5 + 0.6 + 0.0) / 3)
    assert "object_rel_direction_easy" not in figures


def test_vsi_bench_leaves_out_levels_that_were_not_played() -> None:
    figures = benchmark_figures(of("vsi-bench", object_rel_direction_easy=[1, 0]))
    assert figures == {"mean_of_tasks": 0.5, "tasks": 1, "object_rel_direction": 0.5}


def test_video_mmmu_gains_knowledge() -> None:
    figures = benchmark_figures(
        of("video-mmmu", perception=[1, 1], comprehension=[1, 0], adaptation=[1, 1, 1, 0], question_only=[1, 0, 0, 0])
    )
    assert figures["overall"] == pytest.approx(6 / 8), "without the questions asked before the lecture"
    assert figures["adaptation"] == 0.75
    assert figures["knowledge_gain"] == pytest.approx((0.75 - 0.25) / (1 - 0.25))


def test_video_mmmu_loses_knowledge_or_has_nothing_to_gain() -> None:
    lost = benchmark_figures(of("video-mmmu", adaptation=[0, 0], question_only=[1, 0]))
    assert lost["knowledge_gain"] == pytest.approx(-1.0)
    full = benchmark_figures(of("video-mmmu", adaptation=[1], question_only=[1]))
    assert full["knowledge_gain"] is None
    assert "knowledge_gain" not in benchmark_figures(of("video-mmmu", adaptation=[1]))


def test_nothing_is_added_without_a_scorer_or_for_several_sources() -> None:
    assert benchmark_figures([]) == {}
    assert benchmark_figures(of("video-holmes", SR=[1])) == {}
    assert benchmark_figures([*of("mvbench", action_count=[1]), *of("vsi-bench", route_planning=[1])]) == {}


@pytest.mark.parametrize("name", ["mvbench", "video-mmmu", "vsi-bench"])
def test_figures_do_not_depend_on_the_order_and_can_be_empty(name: str) -> None:
    episodes = of(name, one=[1, 0, 0.1, 0.2], two=[0.3, 1], three=[0])
    figures = benchmark_figures(episodes)
    random.Random(0).shuffle(episodes)
    assert benchmark_figures(episodes) == figures
    assert all(value is None or isinstance(value, int | float) for value in figures.values())
    assert all(not value for value in benchmark_figures(of(name, one=[None])).values()), "nothing scored, nothing said"


def facts_of(number: int, right: float | None, *, failed: bool = False) -> EpisodeFacts:
    task = f"mvbench/{'action_count' if number < 3 else 'state_change'}"
    return EpisodeFacts(task, failed, right, right, 1, 1, (), 0, f"{task}/{number}", {}, "A")


def test_the_summary_holds_the_figures_and_leaves_void_episodes_out() -> None:
    episodes = [facts_of(0, 1), facts_of(1, 1), facts_of(2, 1), facts_of(3, 0), facts_of(4, None, failed=True)]
    summary = summarise(episodes)
    assert summary["accuracy"] == 0.75
    assert summary["benchmark"] == {"mean_of_tasks": 0.5, "tasks": 2}
    assert summarise(episodes[::-1]) == summary
    table = dict(rows(summary))
    assert table["benchmark mean_of_tasks"] == "0.500"
    assert table["benchmark tasks"] == "2"
    assert "benchmark" not in summarise([facts_of(4, None, failed=True)]), "nothing was played"
