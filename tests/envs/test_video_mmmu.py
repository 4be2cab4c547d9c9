"""Video-MMMU, from small files of exactly its schema; no video is opened here."""

from __future__ import annotations

import io
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
from adagym.rewards.accuracy import RULES
from adagym.types import Task

Row = dict[str, Any]


def level(episodes: Sequence[Scored]) -> float:
    return float(np.mean([episode.accuracy for episode in episodes]))


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (12, 8), (0, 200, 0)).save(stream, "PNG")
    return stream.getvalue()


def mmmu_row(name: str, **changes: Any) -> Row:
    return {
        "id": name,
        "question": "Which <image 1>?",
        "options": [f"option {number}" for number in range(10)],
        "answer": "J",
        "question_type": "multiple-choice",
        **changes,
    }


@pytest.fixture
def lectures(tmp_path: Path, write_parquet: Callable[..., None]) -> Path:
    lettered = [f"{letter}. word" for letter in "ABCD"]
    for config in ("Perception", "Comprehension"):
        kind = "perception" if config == "Perception" else "multiple-choice"
        rows = [mmmu_row("dev_Biology_3", options=lettered, answer="B", question_type=kind)]
        write_parquet(tmp_path / config / "test-00000-of-00001.parquet", rows)
    pictures = [{"bytes": png(), "path": None}, None, {"bytes": png(), "path": None}]
    rows = [
        mmmu_row("validation_Art_Theory_12"),
        mmmu_row("validation_Math_4", options=[], answer="0.5", question_type="open"),
        mmmu_row("validation_Energy_and_Power_7", options=[], answer="['24/7', 'always']", question_type="open"),
    ]
    rows = [{**row, "image": picture} for row, picture in zip(rows, pictures, strict=True)]
    write_parquet(tmp_path / "Adaptation" / "test-00000-of-00001.parquet", rows)
    return tmp_path


def test_video_mmmu(
    lectures: Path, source: Callable[[str], VideoRecords], check_scoring: Callable[[Task], None]
) -> None:
    tasks = source(f"video-mmmu:{lectures}")
    assert [task.id for task in tasks] == [
        "video-mmmu/perception/dev_Biology_3",
        "video-mmmu/comprehension/dev_Biology_3",
        "video-mmmu/adaptation/validation_Art_Theory_12",
        "video-mmmu/adaptation/validation_Math_4",
        "video-mmmu/adaptation/validation_Energy_and_Power_7",
    ]
    assert tasks[0].video == str(lectures / "Science/dev_Biology_3.mp4")
    assert tasks[2].video == str(lectures / "Art/validation_Art_Theory_12.mp4")
    assert tasks[4].video == str(lectures / "Engineering/validation_Energy_and_Power_7.mp4")
    assert tasks[0].choices == ("word",) * 4
    assert "ignore it" in tasks[1].prompt
    assert tasks[1].images == ()
    assert tasks[2].meta["subject"] == "Art_Theory"
    check_scoring(tasks[2])


def test_video_mmmu_shows_the_picture_of_an_adaptation_question(
    lectures: Path, source: Callable[[str], VideoRecords]
) -> None:
    tasks = source(f"video-mmmu:{lectures},config=adaptation")
    assert len(tasks[0].images) == len(tasks[2].images) == 1
    assert tasks[0].images[0].load()[0, 0].tolist() == [0, 200, 0]
    assert tasks[0].prompt.startswith("Watch the lecture and apply what it teaches to this question. The picture")
    assert "question is img_1." in tasks[0].prompt
    assert tasks[1].images == ()
    assert "at the end of the video" in tasks[1].prompt


def test_video_mmmu_without_the_lecture(lectures: Path, source: Callable[[str], VideoRecords]) -> None:
    tasks = source(f"video-mmmu:{lectures},config=question_only")
    assert (tasks[0].video, len(tasks[0].images)) == (None, 1)
    assert "lecture" not in tasks[0].prompt
    assert (tasks[1].video, len(tasks[1].images)) == (str(lectures / "question_only/validation_Math_4_image.mp4"), 0)
    assert [str(path.name) for path in tasks.missing()] == ["validation_Math_4_image.mp4"]
    assert len(source(f"video-mmmu:{lectures},config=question_only,present_only=true")) == 2


def test_video_mmmu_scores_open_questions(lectures: Path, source: Callable[[str], VideoRecords]) -> None:
    *_, number, text = source(f"video-mmmu:{lectures}")
    assert number.prompt.endswith("\nAnswer with the final result only.")
    rule = RULES["number"]
    assert (number.answer_type, number.answer) == ("number", "0.5")
    assert rule(number, "1/2") == rule(number, "The answer is 0.504.") == 1
    assert all(rule(number, answer) == 0 for answer in ("0.52", "", "5", "10.5", "0.5 or 0.6"))
    rule = RULES["text"]
    assert (text.answer_type, text.answer, text.meta["answers"]) == ("text", "24/7", ["always"])
    assert rule(text, "24/7") == rule(text, "Always.") == 1
    assert all(rule(text, answer) == 0 for answer in ("", "not always", "4/7"))


def test_video_mmmu_by_chance(lectures: Path, guessed: Callable[..., list[Scored]]) -> None:
    tasks = [task for task in load_tasks(f"video-mmmu:{lectures}", "video_qa") if task.answer_type == "choice"]
    assert level(guessed(tasks, 3000)) == pytest.approx((1 / 4 + 1 / 4 + 1 / 10) / 3, abs=0.02)


def test_video_mmmu_files_that_cannot_be_used(lectures: Path, write_parquet: Callable[..., None]) -> None:
    with pytest.raises(UsageError, match="`config` is one of perception"):
        load_tasks(f"video-mmmu:{lectures},config=sleep", "video_qa")
    with pytest.raises(DataError, match="holds no folder `Perception`"):
        load_tasks(f"video-mmmu:{lectures / 'no'}", "video_qa")
    write_parquet(lectures / "Perception/test-00000-of-00001.parquet", [mmmu_row("dev_Cooking_3")])
    with pytest.raises(DataError, match="the id 'dev_Cooking_3', which names no subject"):
        load_tasks(f"video-mmmu:{lectures}", "video_qa")


def test_video_mmmu_rows_without_an_answer(lectures: Path, write_parquet: Callable[..., None]) -> None:
    rows = [mmmu_row("dev_Biology_3", options=[], answer=answer, question_type="open") for answer in ("[]", None)]
    write_parquet(lectures / "Perception/test-00000-of-00001.parquet", rows)
    tasks = load_tasks(f"video-mmmu:{lectures},config=perception", "video_qa")
    for index in range(2):
        with pytest.raises(DataError, match=rf"Question {index} of .* cannot be read"):
            tasks[index]
