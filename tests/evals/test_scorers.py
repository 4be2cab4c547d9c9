"""The figures that benchmarks report, computed by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from adagym.envs.tasks import SOURCES, load_tasks
from adagym.envs.video_qa import VideoQA
from adagym.errors import DataError
from adagym.evals.runner import EvalConfig, evaluate
from adagym.evals.scorers import SCORERS, Scored, benchmark_figures
from adagym.evals.scorers.base import mean, means_by, task_of
from adagym.evals.summary import EpisodeFacts, summarise
from adagym.evals.table import rows


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


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """Three questions of MVBench about two folders of frames."""
    row = {"question": "Who?", "candidates": ["Ross", "Joey"], "answer": "Joey", "start": 0.5, "end": 2}
    rows = [{**row, "video": f"clip{number % 2}"} for number in range(3)]
    (tmp_path / "episodic_reasoning.json").write_text(json.dumps(rows))
    for number in range(2):
        folder = tmp_path / f"tvqa/frames_fps3_hq/clip{number}"
        folder.mkdir(parents=True)
        for frame in range(9):
            Image.new("RGB", (40, 30), (20 * frame, 0, 0)).save(folder / f"{frame + 1:05}.png")
    return tmp_path


def test_a_benchmark_is_played_scored_and_resumed(bench: Path, tmp_path: Path) -> None:
    config = EvalConfig("adagym/VideoQA-v0", "random", f"mvbench:{bench}", env_kwargs={"frames": 2, "max_turns": 2})
    summary = evaluate(config, tmp_path / "run")
    assert summary["benchmark"] == {"mean_of_tasks": summary["accuracy"], "tasks": 1}
    assert list(summary["by_group"]) == ["mvbench/episodic_reasoning"]
    episodes = tmp_path / "run/episodes.jsonl"
    kept = episodes.read_text().splitlines(keepends=True)
    episodes.write_text("".join(kept[1:]))
    assert evaluate(config, tmp_path / "run", resume=True) == summary
    assert json.loads((tmp_path / "run/summary.json").read_text())["benchmark"] == summary["benchmark"]


def test_the_part_that_is_asked_about_is_shown(bench: Path) -> None:
    env = VideoQA(f"mvbench:{bench}", frames=64)
    observation, _ = env.reset(seed=0, options={"task": 0})
    # 3 frames per second from 0.5 s to 2 s: the frames shown from 1/3, 2/3, 1, 4/3 and 5/3 s on.
    assert [int(image[0, 0, 0]) for image in observation["images"]] == [20, 40, 60, 80, 100]
    assert "The video lasts 1.50 s and has 5 frames of 40x30 pixels." in observation["text"]
    assert observation["text"].endswith("Who?\n(A) Ross\n(B) Joey\nAnswer with the letter of the right option.")


def test_a_missing_video_is_told_before_and_while_playing(bench: Path, tmp_path: Path) -> None:
    (bench / "tvqa/frames_fps3_hq/clip1").rename(bench / "away")
    spec = f"mvbench:{bench}"
    tasks = load_tasks(spec, "video_qa")
    assert len(tasks) == 3, "listing needs no video"
    config = EvalConfig("adagym/VideoQA-v0", "random", spec, env_kwargs={"frames": 2, "max_turns": 1})
    with pytest.raises(DataError, match=r"1 of 2 videos of `mvbench` are missing, the first is .*clip1\. Fetch"):
        evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    env = VideoQA(tasks, frames=2)
    with pytest.raises(DataError, match=r"clip1.* It is asked about in `mvbench/episodic_reasoning/1`\. Fetch the"):
        env.reset(options={"task": 1})
    there = EvalConfig("adagym/VideoQA-v0", "random", f"{spec},present_only=true", env_kwargs=config.env_kwargs)
    assert evaluate(there, tmp_path / "run")["n"] == 2
