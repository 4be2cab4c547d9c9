"""MVBench, and how all readers of video benchmarks treat missing videos; no video is opened here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.mvbench import FOLDERS
from adagym.envs.tasks.video_records import VideoRecords
from adagym.errors import DataError, UsageError
from adagym.evals.scorers import Scored, benchmark_figures
from adagym.types import Task

Row = dict[str, Any]


FIVE = ["v1", "w2", "x3", "y4", "z5"]


def mvbench_rows(**more: Any) -> list[Row]:
    """Two questions, with three and five options."""
    return [
        {"video": "one.mp4", "question": "What happens?", "candidates": ["x", "y", "z"], "answer": "y", **more},
        {"video": "two.mp4", "question": "Why?", "candidates": FIVE, "answer": "z5", **more},
    ]


def mvbench(folder: Path, **tasks: list[Row]) -> Path:
    (folder / "json").mkdir()
    for task, rows in tasks.items():
        (folder / "json" / f"{task}.json").write_text(json.dumps(rows))
    return folder


def test_mvbench(tmp_path: Path, source: Callable[[str], VideoRecords], check_scoring: Callable[[Task], None]) -> None:
    mvbench(tmp_path, action_count=mvbench_rows(), action_sequence=mvbench_rows(start=1.5, end=4))
    tasks = source(f"mvbench:{tmp_path}")
    assert [task.id for task in tasks] == [
        f"mvbench/{task}/{number}" for task in ("action_count", "action_sequence") for number in range(2)
    ]
    assert tasks[1].prompt.startswith("Why?\n(A) v1\n(B) w2\n")
    assert tasks[1].answer == "E"
    assert tasks[0].video == str(tmp_path / "video/perception/videos/one.mp4")
    assert tasks[2].video == f"part:1.5-4:{tmp_path / 'video/star/Charades_segment/one.mp4'}"
    assert (tasks[2].meta["kind"], tasks[2].meta["start"]) == ("action_sequence", 1.5)
    for task in tasks:
        check_scoring(task)


def test_mvbench_in_both_published_layouts(
    tmp_path: Path, source: Callable[[str], VideoRecords], touch: Callable[..., None]
) -> None:
    mvbench(tmp_path, object_interaction=mvbench_rows(start=1.2999999999999998, end=15.0))
    whole, piece = tmp_path / "star/Charades_v1_480/one.mp4", tmp_path / "video/star/Charades_segment"
    touch(whole, piece / "two_1.3_15.mp4", piece / "two_1.3_16.mp4", piece / "twotwo_1.3_15.mp4")
    tasks = source(f"mvbench:{tmp_path},task=object_interaction")
    assert tasks[0].video == f"part:1.3-15:{whole}"
    assert tasks[1].video == str(piece / "two_1.3_15.mp4"), "cut already"


def test_mvbench_names_that_hold_the_bounds(tmp_path: Path, source: Callable[[str], VideoRecords]) -> None:
    rows = [{**mvbench_rows(start=1.5, end=4)[0], "video": "one_1.5_4.0.mp4"}]
    (task,) = source(f"mvbench:{mvbench(tmp_path, action_prediction=rows)}")
    assert task.video == str(tmp_path / "video/star/Charades_segment/one_1.5_4.0.mp4")


def test_mvbench_frames(tmp_path: Path, source: Callable[[str], VideoRecords], touch: Callable[..., None]) -> None:
    row = mvbench_rows(start=0, end=9.5)[0]
    rows = [{**row, "video": name} for name in ("friends_s01", "friends_s02.mp4", "friends_s03")]
    mvbench(tmp_path, episodic_reasoning=rows)
    folder = tmp_path / "tvqa/frames_fps3_hq/friends_s03"
    touch(folder / "00001.jpg")
    tasks = source(f"mvbench:{tmp_path}")
    there = tmp_path / "video/tvqa/video_fps3_hq_segment"
    assert tasks[0].video == f"part:0-9.5:frames:{there / 'friends_s01'},fps=3"
    assert tasks[1].video == f"part:0-9.5:{there / 'friends_s02.mp4'}"
    assert tasks[2].video == f"part:0-9.5:frames:{folder},fps=3"


def test_mvbench_as_parquet(
    tmp_path: Path, source: Callable[[str], VideoRecords], write_parquet: Callable[..., None]
) -> None:
    write_parquet(tmp_path / "state_change/train-0.parquet", mvbench_rows())
    write_parquet(tmp_path / "action_localization/train-0.parquet", mvbench_rows(start=2.0, end=3.0))
    tasks = source(f"mvbench:{tmp_path}")
    assert [task.meta["kind"] for task in tasks] == ["action_localization"] * 2 + ["state_change"] * 2
    assert (tasks[0].video or "").startswith("part:2-3:")


def test_mvbench_has_twenty_tasks(tmp_path: Path) -> None:
    assert len(FOLDERS) == 20
    mvbench(tmp_path, action_count=mvbench_rows())
    with pytest.raises(UsageError, match="`task` is one of action_antonym"):
        load_tasks(f"mvbench:{tmp_path},task=dancing", "video_qa")
    with pytest.raises(DataError, match=r"holds no json/state_change\.json"):
        load_tasks(f"mvbench:{tmp_path},task=state_change", "video_qa")
    with pytest.raises(DataError, match=r"holds no json/action_antonym\.json"):
        load_tasks(f"mvbench:{tmp_path / 'no'}", "video_qa")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "q"}, "names none of them"),
        ({"candidates": ["y"]}, "no question with at least two options"),
        ({"question": " "}, "no question with at least two"),
        ({"candidates": None}, "cannot be read"),
        ({"video": "../../../etc/passwd"}, "not inside"),
        ({"start": 5, "end": 4}, "is to be cut from 5 to 4 s"),
    ],
)
def test_mvbench_records_that_cannot_be_used(tmp_path: Path, change: Row, message: str) -> None:
    mvbench(tmp_path, action_sequence=[{**mvbench_rows()[0], **change}])
    tasks = load_tasks(f"mvbench:{tmp_path}", "video_qa")
    with pytest.raises(DataError, match=message):
        tasks[0]


def test_mvbench_by_chance(tmp_path: Path, guessed: Callable[..., list[Scored]]) -> None:
    mvbench(tmp_path, action_count=mvbench_rows()[:1], episodic_reasoning=mvbench_rows()[1:])
    figures = benchmark_figures(guessed(load_tasks(f"mvbench:{tmp_path}", "video_qa"), 4000))
    assert figures["mean_of_tasks"] == pytest.approx((1 / 3 + 1 / 5) / 2, abs=0.02)


def test_missing_videos_are_counted_and_can_be_left_out(
    tmp_path: Path, source: Callable[[str], VideoRecords], touch: Callable[..., None]
) -> None:
    mvbench(tmp_path, action_count=mvbench_rows(), object_shuffle=mvbench_rows())
    touch(tmp_path / "perception/videos/two.mp4")
    tasks = source(f"mvbench:{tmp_path}")
    assert tasks.missing() == [tmp_path / "video/perception/videos/one.mp4"]
    with pytest.raises(DataError, match=r"1 of 2 videos of `mvbench` are missing, .*one\.mp4\. Fetch .*present_only"):
        tasks.require_videos()
    there = source(f"mvbench:{tmp_path},present_only=true")
    assert [task.id for task in there] == ["mvbench/action_count/1", "mvbench/object_shuffle/1"], "ids stay"
    assert [task.id for task in there[-1:]] == ["mvbench/object_shuffle/1"]
    there.require_videos()
    with pytest.raises(IndexError):
        there[2]
    (tmp_path / "perception/videos/two.mp4").unlink()
    with pytest.raises(DataError, match=r"None of the videos is there; the first is .*one\.mp4"):
        load_tasks(f"mvbench:{tmp_path},present_only=true", "video_qa")


def test_only_the_videos_of_the_tasks_that_are_played_must_be_there(
    tmp_path: Path, source: Callable[[str], VideoRecords], touch: Callable[..., None]
) -> None:
    mvbench(tmp_path, action_count=mvbench_rows())
    touch(tmp_path / "perception/videos/one.mp4")
    source(f"mvbench:{tmp_path}").require_videos(1)


def test_options_of_all_readers(tmp_path: Path) -> None:
    mvbench(tmp_path, action_count=mvbench_rows())
    with pytest.raises(UsageError, match="`mvbench` holds tasks of the family `video_qa`, not `vstar`"):
        load_tasks(f"mvbench:{tmp_path}", "vstar")
    with pytest.raises(UsageError, match="`present_only` is true or false, not 'maybe'"):
        load_tasks(f"mvbench:{tmp_path},present_only=maybe", "video_qa")
