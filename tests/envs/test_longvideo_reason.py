"""LongVideo-Reason, from small files of exactly its schema; no video is opened here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.video_records import VideoRecords
from adagym.errors import DataError
from adagym.evals.scorers import Scored
from adagym.types import Task

Row = dict[str, Any]


def level(episodes: Sequence[Scored]) -> float:
    return float(np.mean([episode.accuracy for episode in episodes]))


def long_row(**changes: Any) -> Row:
    problem = "<video>\nWhy did he leave?\nA. rain\nB. a call\nC. hunger\nD. no reason"
    return {"videos": "longvila_videos/abc.mp4", "problem": problem, "answer": "B", "reasoning": "...", **changes}


def test_longvideo_reason_keeps_several_questions_about_a_video(
    tmp_path: Path,
    source: Callable[[str], VideoRecords],
    check_scoring: Callable[[Task], None],
    guessed: Callable[..., list[Scored]],
) -> None:
    rows = [long_row(), long_row(answer="<answer>C</answer>", videos=["./abc.mp4"]), long_row(answer="a call")]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    tasks = source(f"longvideo-reason:{tmp_path}")
    assert [task.id for task in tasks] == [f"longvideo-reason/test/{number}" for number in range(3)]
    assert [task.answer for task in tasks] == ["B", "C", "B"]
    assert {task.video for task in tasks} == {str(tmp_path / "longvila_videos/abc.mp4")}
    assert tasks[0].prompt.startswith("Why did he leave?\n(A) rain\n(B) a call\n")
    for task in tasks:
        check_scoring(task)
    assert level(guessed(tasks, 2000)) == pytest.approx(0.25, abs=0.02)


def test_longvideo_reason_open_questions_and_parquet(
    tmp_path: Path, source: Callable[[str], VideoRecords], write_parquet: Callable[..., None]
) -> None:
    rows = [{"videos": "x.webm", "problem": "Why?", "answer": "He was hungry"}]
    (tmp_path / "openended.jsonl").write_text("\n".join(map(json.dumps, rows)))
    write_parquet(tmp_path / "data/val-0.parquet", [long_row()])
    (task,) = source(f"longvideo-reason:{tmp_path},split=openended")
    assert (task.answer_type, task.answer, task.split) == ("free_form", "He was hungry", "openended")
    (task,) = source(f"longvideo-reason:{tmp_path},split=val")
    assert (task.answer, task.split) == ("B", "val")
    with pytest.raises(DataError, match=r"holds none of test\.jsonl, data/test\*\.parquet"):
        load_tasks(f"longvideo-reason:{tmp_path}", "video_qa")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"answer": "E"}, "names none"), ({"videos": "../../x.mp4"}, "not inside"), ({"problem": ""}, "no question with")],
)
def test_longvideo_reason_rows_that_cannot_be_used(tmp_path: Path, change: Row, message: str) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps(long_row(**change)))
    with pytest.raises(DataError, match=message):
        load_tasks(f"longvideo-reason:{tmp_path}", "video_qa")[0]
