"""Published jigsaw benchmarks are read from Parquet files of their schema."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.parquet import ParquetRows
from adagym.errors import DataError, UsageError
from adagym.rewards.accuracy import accuracy_reward
from adagym.testing import check_task_source


def jpeg(grey: int, side: int = 32) -> bytes:
    stream = BytesIO()
    Image.new("L", (side, side), grey).save(stream, "JPEG")
    return stream.getvalue()


def coco_row(**changes: Any) -> dict[str, Any]:
    return {
        "idx": "COCO_test_0000_000000073826",
        "question_image": {"bytes": jpeg(0, 64), "path": "question.jpg"},
        "choice_images": [{"bytes": jpeg(grey), "path": "choice.jpg"} for grey in (50, 100, 150)],
        "question_text": "<image><image>Given img_1 with one part missing, which is the missing part?",
        "correct_answer": "C",
        "category": "jigsaw",
        **changes,
    }


def blink_row(**changes: Any) -> dict[str, Any]:
    return {
        "idx": "val_Jigsaw_1",
        "sub_task": "Jigsaw",
        "question": "Which image is the missing part?",
        "prompt": "Which image is the missing part?\nThe choices:\n(A) the second image\n(B) the third image\n",
        "image_1": {"bytes": jpeg(0, 64), "path": None},
        "image_2": {"bytes": jpeg(50), "path": None},
        "image_3": {"bytes": jpeg(100), "path": None},
        "image_4": None,
        "choices": ["the second image", "the third image"],
        "answer": "(B)",
        **changes,
    }


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    types = {"choice_images": pa.list_(picture), "choices": pa.list_(pa.string())}
    schema = pa.schema(
        [(name, types.get(name, picture if "image" in name and name != "images" else pa.string())) for name in rows[0]]
    )
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return path


def test_jigsaw_coco(tmp_path: Path) -> None:
    two = coco_row(idx="b", choice_images=coco_row()["choice_images"][:2], correct_answer="(a)")
    write(tmp_path / "data/test-00000-of-00001.parquet", coco_row(), two)
    tasks = load_tasks(f"jigsaw-coco:{tmp_path}", "jigsaw")
    check_task_source(tasks, "jigsaw")
    task = tasks[0]
    assert task.id == "jigsaw-coco/c3/COCO_test_0000_000000073826"
    assert (task.answer, task.answer_type, tasks[1].answer) == ("C", "choice", "A")
    assert [image.load().shape for image in task.images] == [(64, 64, 3), *[(32, 32, 3)] * 3]
    assert [round(float(np.mean(image.load()))) for image in task.images] == [0, 50, 100, 150]
    assert task.prompt == (
        "Given img_1 with one part missing, which is the missing part? "
        "(A) The second image (img_2) (B) The third image (img_3) (C) The fourth image (img_4)"
    )
    assert tasks[1].choices == ("The second image (img_2)", "The third image (img_3)")
    assert [task.id for task in tasks[0:2]] == [task.id for task in tasks]
    assert tasks[-1] == tasks[1]


def test_options_that_the_question_lists_stay(tmp_path: Path) -> None:
    text = "Which? (A) The second image (img_2) (B) The third image (img_3) (C) The fourth image (img_4)"
    path = write(tmp_path / "x.parquet", coco_row(question_text=text))
    assert load_tasks(f"jigsaw-coco:{path}", "jigsaw")[0].prompt == text


def test_blink(tmp_path: Path) -> None:
    write(tmp_path / "Jigsaw/val-00000-of-00001.parquet", blink_row())
    write(tmp_path / "Jigsaw/test-00000-of-00001.parquet", blink_row(idx="test_Jigsaw_1", answer="hidden"))
    (task,) = load_tasks(f"blink-jigsaw:{tmp_path}", "jigsaw")
    assert (task.id, task.answer) == ("blink-jigsaw/val_Jigsaw_1", "B")
    assert task.prompt == blink_row()["prompt"].strip()
    assert task.choices == ("the second image", "the third image")
    assert [image.load().shape[0] for image in task.images] == [64, 32, 32]
    (hidden,) = load_tasks(f"blink-jigsaw:{tmp_path / 'Jigsaw'},split=test", "jigsaw")
    assert (hidden.id, hidden.answer) == ("blink-jigsaw/test_Jigsaw_1", "")


def test_episodes_without_a_published_answer_are_not_scored(tmp_path: Path) -> None:
    path = write(tmp_path / "test.parquet", blink_row(answer="hidden"))
    env: Any = gym.make("adagym/Jigsaw-v0", tasks=f"blink-jigsaw:{path}", dialect="hermes").unwrapped
    env.reset(seed=0)
    env.step("A")
    assert accuracy_reward(env.task, env.trajectory()) is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (coco_row(correct_answer="D"), r"row 0 of x\.parquet the answer is 'D'; it is one of ABC"),
        (coco_row(correct_answer=""), "the answer is 'none'"),
        (coco_row(choice_images=[]), "0 options and 1 pictures"),
        (coco_row(question_image=None), "there is no picture"),
        (coco_row(question_image={"bytes": None, "path": "q.jpg"}), "there is no picture"),
        (blink_row(image_3=None), "2 options and 2 pictures"),
        (blink_row(answer="(C)"), "the answer is 'C'; it is one of AB"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    path = write(tmp_path / "x.parquet", row)
    source = "jigsaw-coco" if "question_image" in row else "blink-jigsaw"
    tasks = load_tasks(f"{source}:{path}", "jigsaw")
    with pytest.raises(DataError, match=words):
        tasks[0]


def test_a_damaged_picture_names_its_row(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", coco_row(question_image={"bytes": b"GIF89a", "path": None}))
    task = load_tasks(f"jigsaw-coco:{path}", "jigsaw")[0]
    with pytest.raises(DataError, match=r"^row 0 of x\.parquet: The picture of 6 bytes cannot be read"):
        task.images[0].load()


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", blink_row())
    with pytest.raises(DataError, match="has no column 'question_image'"):
        load_tasks(f"jigsaw-coco:{path}", "jigsaw")
    with pytest.raises(DataError, match=r"val-00000-of-00001\.parquet` does not exist"):
        load_tasks(f"blink-jigsaw:{tmp_path}", "jigsaw")
    with pytest.raises(UsageError, match="`split` is one of val, test, not 'train'"):
        load_tasks(f"blink-jigsaw:{path},split=train", "jigsaw")
    with pytest.raises(UsageError, match="`blink-jigsaw` holds tasks of the family `jigsaw`"):
        load_tasks(f"blink-jigsaw:{path}", "vstar")


def test_rows_are_read_when_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.parquet", coco_row())
    read: list[int] = []
    row = ParquetRows._at
    monkeypatch.setattr(ParquetRows, "_at", lambda self, index: (read.append(index), row(self, index))[1])
    tasks = load_tasks(f"jigsaw-coco:{path}", "jigsaw")
    assert len(tasks) == 1
    assert read == []
    assert tasks[0].answer == "C"
    assert read == [0]
