"""Video-Holmes, from small files of exactly its schema; no video is opened here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.video_records import VideoRecords
from adagym.errors import DataError, UsageError
from adagym.evals.scorers import Scored
from adagym.types import Task
from adagym.video import open_video

Row = dict[str, Any]


def level(episodes: Sequence[Scored]) -> float:
    return float(np.mean([episode.accuracy for episode in episodes]))


def holmes_row(number: int, **changes: Any) -> Row:
    return {
        "video ID": f"1z{number}",
        "Question ID": number,
        "Question Type": ("SR", "IMC")[number % 2],
        "Question": "Who did it?",
        "Options": {letter: f"person {letter}" for letter in "BADCEF"},
        "Answer": "F",
        "Explanation": "...",
        **changes,
    }


def test_video_holmes(
    tmp_path: Path,
    source: Callable[[str], VideoRecords],
    check_scoring: Callable[[Task], None],
    guessed: Callable[..., list[Scored]],
) -> None:
    (tmp_path / "test_Video-Holmes.json").write_text(json.dumps([holmes_row(number) for number in range(4)]))
    tasks = source(f"video-holmes:{tmp_path}")
    assert [task.id for task in tasks[:2]] == ["video-holmes/SR/1z0-0", "video-holmes/IMC/1z1-1"]
    assert tasks[0].choices == tuple(f"person {letter}" for letter in "ABCDEF")
    assert tasks[0].video == str(tmp_path / "videos_cropped/1z0.mp4")
    for task in tasks:
        check_scoring(task)
    assert len(source(f"video-holmes:{tmp_path},task=SR")) == 2
    assert level(guessed(tasks, 3000)) == pytest.approx(1 / 6, abs=0.015)
    with pytest.raises(UsageError, match="No question has `task` 'X'; there are IMC, SR"):
        load_tasks(f"video-holmes:{tmp_path},task=X", "video_qa")
    with pytest.raises(DataError, match=r"holds none of train_Video-Holmes\.json"):
        load_tasks(f"video-holmes:{tmp_path},split=train", "video_qa")


def test_frames_that_were_built_stand_in_for_a_video(tmp_path: Path, source: Callable[[str], VideoRecords]) -> None:
    (tmp_path / "test_Video-Holmes.json").write_text(json.dumps([holmes_row(number) for number in range(2)]))
    for name in ("1z0.mp4", "1z1.mp4"):
        folder = tmp_path / "videos" / name
        folder.mkdir(parents=True)
        for number in (1, 2):
            Image.new("RGB", (32, 16)).save(folder / f"frame_{number}.jpg")
    index = {"files": ["frame_1.jpg", "frame_2.jpg"], "times": [0.5, 7.25], "duration": 9.0}
    (tmp_path / "videos" / "1z0.mp4" / "frames.json").write_text(json.dumps(index))
    tasks = source(f"video-holmes:{tmp_path}")
    assert list(open_video(str(tasks[0].video)).times) == [0.5, 7.25]
    assert tasks[1].video == str(tmp_path / "videos_cropped/1z1.mp4"), "a folder without an index is no video"
    assert tasks.missing() == [tmp_path / "videos_cropped/1z1.mp4"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Answer": "G"}, "names none"),
        ({"Options": {"A": "x", "C": "y"}}, "the options A, C"),
        ({"Options": 3}, "cannot"),
    ],
)
def test_video_holmes_rows_that_cannot_be_used(tmp_path: Path, change: Row, message: str) -> None:
    (tmp_path / "test_Video-Holmes.json").write_text(json.dumps([holmes_row(0, **change)]))
    with pytest.raises(DataError, match=message):
        load_tasks(f"video-holmes:{tmp_path}", "video_qa")[0]
