"""Perception Test, from small files of exactly its schema; no video is opened here."""

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
from adagym.rewards.accuracy import RULES
from adagym.types import Task

Row = dict[str, Any]


def level(episodes: Sequence[Scored]) -> float:
    return float(np.mean([episode.accuracy for episode in episodes]))


def perception(**changes: Any) -> Row:
    item = {
        "id": 7,
        "question": "What opens?",
        "options": ["a door", "a cup", "a window"],
        "answer_id": 1,
        "area": "semantics",
        "reasoning": "descriptive",
        "tag": ["action recognition"],
        **changes,
    }
    return {key: value for key, value in item.items() if value != "withheld"}


def annotated(*items: Row) -> str:
    metadata = {"split": "valid", "video_id": "video_1", "frame_rate": 30.0, "num_frames": 100}
    return json.dumps({"video_1": {"metadata": metadata, "mc_question": list(items)}, "video_2": {"metadata": {}}})


def test_perception_test(
    tmp_path: Path,
    source: Callable[[str], VideoRecords],
    check_scoring: Callable[[Task], None],
    guessed: Callable[..., list[Scored]],
) -> None:
    (tmp_path / "mc_question_valid.json").write_text(annotated(perception(), perception(id=8, answer_id=0)))
    tasks = source(f"perception-test:{tmp_path}")
    assert [task.id for task in tasks] == ["perception-test/semantics/video_1-7", "perception-test/semantics/video_1-8"]
    assert [task.answer for task in tasks] == ["B", "A"]
    assert tasks[0].video == str(tmp_path / "videos/video_1.mp4")
    assert (tasks[0].meta["reasoning"], tasks[0].meta["tags"]) == ("descriptive", ["action recognition"])
    for task in tasks:
        check_scoring(task)
    assert RULES["choice"](tasks[1], "a cup") == 0, "the article is no option"
    assert level(guessed(tasks, 3000)) == pytest.approx(1 / 3, abs=0.02)


def test_perception_test_cuts_videos_where_the_answer_would_show(
    tmp_path: Path, source: Callable[[str], VideoRecords]
) -> None:
    (tmp_path / "mc_question_valid.json").write_text(annotated(perception()))
    for cut, reference in ((60, f"part:0-1.983333:{tmp_path / 'videos/video_1.mp4'}"), (-1, None)):
        (tmp_path / "cut_frame_mapping_valid.json").write_text(json.dumps({"video_1": cut}))
        assert source(f"perception-test:{tmp_path}")[0].video == (reference or str(tmp_path / "videos/video_1.mp4"))


def test_perception_test_as_parquet_cannot_be_cut(
    tmp_path: Path, source: Callable[[str], VideoRecords], write_parquet: Callable[..., None]
) -> None:
    item = perception(question_id=7, video_name="video_1")
    del item["id"]
    write_parquet(tmp_path / "mc_question_val/validation-0.parquet", [{**item, "answer_id": "2"}])
    (task,) = source(f"perception-test:{tmp_path}")
    assert (task.id, task.answer) == ("perception-test/semantics/video_1-7", "C")
    (tmp_path / "cut_frame_mapping_valid.json").write_text(json.dumps({"video_1": 60}))
    with pytest.raises(DataError, match="does not say how many frames"):
        load_tasks(f"perception-test:{tmp_path}", "video_qa")[0]


def test_perception_test_without_answers(tmp_path: Path, source: Callable[[str], VideoRecords]) -> None:
    (tmp_path / "mc_question_test.json").write_text(annotated(perception(answer_id="withheld")))
    (task,) = source(f"perception-test:{tmp_path},split=test")
    assert task.answer == ""
    assert RULES["choice"](task, "B") is None, "neither right nor wrong"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "does not map videos"),
        (annotated({"question": "?"}), "does not map videos"),
        (annotated(perception(options=list("abcd"))), "has 4 options, not 3"),
        (annotated(perception(answer_id=3)), "names none"),
    ],
)
def test_perception_test_files_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mc_question_valid.json").write_text(text)
    with pytest.raises(DataError, match=message):
        load_tasks(f"perception-test:{tmp_path}", "video_qa")[0]
