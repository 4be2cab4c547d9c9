"""Jigsaw puzzles of published benchmarks, from their Parquet files.

AdaEval-Jigsaw-COCO has the columns ``idx, question_image, choice_images, question_text, correct_answer``; the Jigsaw
part of BLINK (arXiv 2404.12390) has ``idx, prompt, image_1 ... image_4, choices, answer``. A row is read when its task
is asked for.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from adagym.envs.tasks.jigsaw_text import JIGSAW, MAX_CHOICES, lettered, options
from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import check_family, one_of
from adagym.envs.tasks.row_picture import bytes_of
from adagym.errors import DataError
from adagym.pictures import PictureBytes
from adagym.rewards.choices import LETTERS
from adagym.types import Task

SPLITS = ("val", "test")
"""The splits of BLINK; answers of the second are not published."""


class _Rows(LazyTasks):
    """Tasks of Parquet rows."""

    name: ClassVar[str]
    _columns: ClassVar[tuple[str, ...]]

    def __init__(self, family: str, path: Path) -> None:
        self.family = check_family(family, JIGSAW, self.name)
        self._path = path
        self._rows = ParquetRows(path, self._columns)

    def __len__(self) -> int:
        return len(self._rows)

    def _at(self, index: int) -> Task:
        return self._task(index, self._rows[index])

    @abstractmethod
    def _task(self, index: int, row: Mapping[str, Any]) -> Task: ...

    def _make(
        self, index: int, task_id: str, prompt: str, pictures: Sequence[Any], choices: tuple[str, ...], answer: str
    ) -> Task:
        where = f"row {index} of {self._path.name}"
        if not 2 <= len(choices) <= MAX_CHOICES or len(pictures) != len(choices) + 1:
            raise DataError(
                f"In {where} there are {len(choices)} options and {len(pictures)} pictures; a puzzle has 2 to "
                f"{MAX_CHOICES} options, and a picture more than that. Fetch the file again."
            )
        if answer not in ("", *LETTERS[: len(choices)]):
            raise DataError(f"In {where} the answer is {answer[:40]!r}; it is one of {LETTERS[: len(choices)]}.")
        prompt = re.sub(r"\s*<image>\s*", " ", prompt).strip()
        return Task(
            id=task_id,
            family=JIGSAW,
            prompt=prompt if "(A)" in prompt else f"{prompt} {lettered(choices)}",
            images=tuple(PictureBytes(bytes_of(cell, where), where) for cell in pictures),
            choices=choices,
            answer=answer,
            answer_type="choice",
            meta={"choices": len(choices)},
        )


class JigsawCoco(_Rows):
    """AdaEval-Jigsaw-COCO, rows in order.

    Args:
        family: ``jigsaw``.
        folder: Holds the Parquet files, perhaps in ``data``; or one file.

    Raises:
        MissingExtra: pyarrow is not installed.
        DataError: A file is missing or has other columns; when a task is read, its row cannot be used.
    """

    name = "jigsaw-coco"
    _columns = ("idx", "question_image", "choice_images", "question_text", "correct_answer")

    def __init__(self, family: str, folder: str | Path) -> None:
        super().__init__(family, _home(Path(folder), "data"))

    def _task(self, index: int, row: Mapping[str, Any]) -> Task:
        pictures = [row["question_image"], *(row["choice_images"] or ())]
        choices = options(min(len(pictures) - 1, MAX_CHOICES))
        return self._make(
            index,
            f"jigsaw-coco/c{len(choices)}/{row['idx']}",
            str(row["question_text"] or ""),
            pictures,
            choices,
            _letter(row["correct_answer"]),
        )


class BlinkJigsaw(_Rows):
    """The Jigsaw part of BLINK, rows in order.

    The answers of the test split are hidden: its episodes can be played and saved, but not scored.

    Args:
        family: ``jigsaw``.
        folder: Holds ``val-*.parquet`` and ``test-*.parquet``, perhaps in ``Jigsaw``; or one file.
        split: ``val`` or ``test``.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: There is no such split.
        DataError: The file is missing or has other columns; when a task is read, its row cannot be used.
    """

    name = "blink-jigsaw"
    _columns = ("idx", "prompt", "image_1", "image_2", "image_3", "image_4", "choices", "answer")

    def __init__(self, family: str, folder: str | Path, split: str = "val") -> None:
        one_of(split, SPLITS, "split")
        path = _home(Path(folder), "Jigsaw")
        if path.is_dir():
            path = next(iter(sorted(path.glob(f"{split}-*.parquet"))), path / f"{split}-00000-of-00001.parquet")
        super().__init__(family, path)

    def _task(self, index: int, row: Mapping[str, Any]) -> Task:
        pictures = [row[f"image_{number}"] for number in range(1, 5) if row[f"image_{number}"] is not None]
        answer = "" if row["answer"] == "hidden" else _letter(row["answer"])
        return self._make(
            index,
            f"blink-jigsaw/{row['idx']}",
            str(row["prompt"] or ""),
            pictures,
            tuple(str(choice) for choice in row["choices"] or ()),
            answer,
        )


def _home(folder: Path, below: str) -> Path:
    """The folder that holds the files, or the file."""
    return folder / below if (folder / below).is_dir() else folder


def _letter(value: object) -> str:
    return str(value).strip(" ()").upper() or "none"
