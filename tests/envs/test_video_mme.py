"""Video-MME, from small files of exactly its schema; no video is opened here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.video_mme import read_subtitles
from adagym.envs.tasks.video_records import VideoRecords
from adagym.errors import DataError, UsageError
from adagym.evals.scorers import Scored
from adagym.rewards.accuracy import RULES
from adagym.types import Task

Row = dict[str, Any]


def level(episodes: Sequence[Scored]) -> float:
    return float(np.mean([episode.accuracy for episode in episodes]))


def mme_row(number: int, **changes: Any) -> Row:
    return {
        "video_id": f"{number:03}",
        "duration": ("short", "medium", "long")[number % 3],
        "domain": "Knowledge",
        "sub_category": "Geography",
        "url": "https://example.org",
        "videoID": f"fFjv93ACGo{number}",
        "question_id": f"{number:03}-1",
        "task_type": "Counting Problem",
        "question": "How many?",
        "options": ["A. One.", "B. Two.", "C. Three.", "D. Four."],
        "answer": "C",
        **changes,
    }


def test_video_mme(
    tmp_path: Path,
    source: Callable[[str], VideoRecords],
    write_parquet: Callable[..., None],
    touch: Callable[..., None],
    check_scoring: Callable[[Task], None],
    guessed: Callable[..., list[Scored]],
) -> None:
    write_parquet(tmp_path / "videomme/test-00000-of-00001.parquet", [mme_row(number) for number in range(3)])
    touch(tmp_path / "data/fFjv93ACGo1.mkv")
    tasks = source(f"video-mme:{tmp_path}")
    assert [task.id for task in tasks] == ["video-mme/short/000-1", "video-mme/medium/001-1", "video-mme/long/002-1"]
    assert tasks[0].choices == ("One.", "Two.", "Three.", "Four.")
    assert tasks[0].prompt.startswith("How many?\n(A) One.\n(B)")
    assert "ubtitle" not in tasks[0].prompt
    assert tasks[0].video == str(tmp_path / "data/fFjv93ACGo0.mp4")
    assert tasks[1].video == str(tmp_path / "data/fFjv93ACGo1.mkv")
    assert tasks[0].meta["kind"] == "Counting Problem"
    check_scoring(tasks[0])
    assert RULES["choice"](tasks[0], "And then C") == 1, "no option A in `And`"
    assert [task.id for task in source(f"video-mme:{tmp_path},duration=long")] == ["video-mme/long/002-1"]
    assert level(guessed(tasks, 2000)) == pytest.approx(0.25, abs=0.02)
    with pytest.raises(UsageError, match="No question has `duration` 'huge'; there are long, medium"):
        load_tasks(f"video-mme:{tmp_path},duration=huge", "video_qa")


def test_video_mme_in_the_form_of_the_official_template(tmp_path: Path, source: Callable[[str], VideoRecords]) -> None:
    shared = ("video_id", "duration", "domain", "sub_category")
    row = mme_row(2)
    asked = ("question_id", "task_type", "question", "options", "answer")
    video = {key: row[key] for key in shared}
    questions = [{key: row[key] for key in asked}, {**{key: row[key] for key in asked}, "question_id": "002-2"}]
    (tmp_path / "eval.json").write_text(json.dumps([{**video, "questions": questions}]))
    tasks = source(f"video-mme:{tmp_path}")
    assert [task.id for task in tasks] == ["video-mme/long/002-1", "video-mme/long/002-2"]
    assert tasks[0].video == str(tmp_path / "data/002.mp4")
    (tmp_path / "eval.json").write_text(json.dumps([{**video, "questions": questions}, video]))
    with pytest.raises(DataError, match=r"Video 1 of .* has no list of `questions`"):
        load_tasks(f"video-mme:{tmp_path}", "video_qa")


SRT = """\ufeff1
00:00:01,000 --> 00:00:02,500
<font color="white" size=".72c">Tom &amp; Ann</font>
go home.

2
00:01:00,250 --> 00:01:01,000 X1:40
{\\an8}12

3
01:00:00,000 --> 01:00:01,000

4
01:00:02,000 --> 01:00:03,000
42
"""


def test_subtitles(tmp_path: Path) -> None:
    path = tmp_path / "x.srt"
    path.write_text(SRT, encoding="utf-8")
    assert read_subtitles(path) == [
        (1.0, 2.5, "Tom & Ann go home."),
        (60.25, 61.0, "12"),
        (3602.0, 3603.0, "42"),
    ]
    path.write_text("")
    assert read_subtitles(path) == []
    path.write_text("nothing of the kind")
    with pytest.raises(DataError, match="holds no time"):
        read_subtitles(path)


def test_video_mme_with_subtitles(
    tmp_path: Path, source: Callable[[str], VideoRecords], write_parquet: Callable[..., None]
) -> None:
    write_parquet(tmp_path / "test-0.parquet", [mme_row(0), mme_row(1)])
    (tmp_path / "subtitle").mkdir()
    (tmp_path / "subtitle/fFjv93ACGo0.srt").write_text(SRT, encoding="utf-8")
    tasks = source(f"video-mme:{tmp_path},subtitles=true")
    assert tasks[0].prompt.startswith("The subtitles of the video:\n1.0-2.5 s: Tom & Ann go home.\n")
    assert "\n\nHow many?\n(A) One." in tasks[0].prompt
    assert tasks[1].prompt.startswith("How many?"), "this video has none"
    assert [task.meta["subtitles"] for task in tasks] == [True, False]
    assert "ubtitle" not in source(f"video-mme:{tmp_path}")[0].prompt
