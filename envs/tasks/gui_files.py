"""Questions about screens of published benchmarks: GUIChat (GUICourse) and the questions of WebMMU (arXiv 2508.16763).

Neither has a rule of its own for scoring; AdaReasoner judges both by a model. Here answers are scored by ANLS, so the
figures are not those of the papers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import check_family, read_json
from adagym.envs.tasks.row_picture import RowPicture
from adagym.errors import DataError, UsageError
from adagym.types import LazyImage, Task

FAMILY = "gui_qa"
ROW_COLUMNS = ("image", "question", "answer")
"""Columns of AdaEval-web_guichat."""
WEB_COLUMNS = ("image", "question", "ground_truth", "question_type")

_GUIDE = "Answer shortly, with what the screenshot shows."
_BOX = re.compile(r"\s*\[\s*\d+(?:\.\d+)?(?:\s*,\s*\d+(?:\.\d+)?){3}\s*\]")
_MARKED = re.compile(r"<(image|box)>.*?</\1>", re.DOTALL)
_ALL_OBJECTS = re.compile(r"[^.?!]*\bground(?:ing)? all (?:the )?objects?\b[^.?!]*[.?!]?", re.IGNORECASE)


class _Listed(LazyTasks):
    """Tasks made one by one from their index."""

    _length: int

    def __len__(self) -> int:
        return self._length


class GUIChat(_Listed):
    """GUIChat, in either of the forms in which it is published.

    * AdaReasoner's evaluation set: Parquet files with the columns ``image``, ``question`` and ``answer``.
    * GUICourse's own: ``guichat_data.json`` and ``guichat_images.parquet`` (columns ``image_id`` and ``base64``). Its
      single-turn questions are read; what it says of boxes is left out of questions and answers.

    Args:
        family: ``gui_qa``.
        folder: Holds the files; or one Parquet file.
        split: ``train`` or ``test`` of GUICourse's files, which have no splits of their own: an eighth of the pictures,
            by a hash of their id, is for testing. None reads all.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: The split is unknown, or given where the files are a split already.
        DataError: A file is missing or has other columns; when a task is read, its row cannot be used.
    """

    splits: ClassVar[tuple[str, ...]] = ("train", "test")

    def __init__(self, family: str, folder: str | Path, split: str | None = None) -> None:
        check_family(family, FAMILY, "guichat")
        folder = Path(folder)
        if split is not None and split not in self.splits:
            raise UsageError(f"There is no split {split!r}; choose one of {', '.join(self.splits)}, or none for all.")
        listing, images = folder / "guichat_data.json", folder / "guichat_images.parquet"
        self._path = str(images if listing.is_file() else folder)
        self._items: list[Mapping[str, Any]] | None = None
        if not listing.is_file():
            if split is not None:
                raise UsageError("`split` is for the files of GUICourse; this folder holds no guichat_data.json.")
            ParquetRows(folder, ROW_COLUMNS)  # refuses files without the pictures' column
            self._rows = ParquetRows(folder, ROW_COLUMNS[1:])
            self._length = len(self._rows)
            return
        ids = ParquetRows(images, ("image_id",))
        self._places = {str(row["image_id"]): place for place, row in enumerate(ids)}
        self._items = [item for item in _read_list(listing) if _single(item) and split in (None, _split(item))]
        self._length = len(self._items)
        if not self._items:
            raise DataError(f"`{listing}` holds no single-turn questions{f' of the split {split}' if split else ''}.")

    def _at(self, index: int) -> Task:
        if self._items is None:
            row = self._rows[index]
            picture = RowPicture(self._path, "image", index)
            return _make(f"guichat/{index}", str(row["question"] or ""), str(row["answer"] or ""), picture)
        item = self._items[index]
        image_id = str(item["image_id"])
        if image_id not in self._places:
            raise DataError(f"guichat_images.parquet has no picture `{image_id}`. Fetch the file again.")
        said = {turn["from"]: str(turn["value"]) for turn in reversed(item["text"])}
        question, answer = cleaned(said.get("human", "")), cleaned(said.get("gpt", ""))
        picture = RowPicture(self._path, "base64", self._places[image_id])
        return _make(f"guichat/{image_id}/{index}", question, answer, picture)


class WebMMU(_Listed):
    """The questions of WebMMU about web pages (its configuration ``web_qa``), rows in order.

    Boxes in a reference are not asked for: an answer is right with or without them.

    Args:
        family: ``gui_qa``.
        folder: Holds the Parquet files of one language; or one file.
        question_type: ``Functional``, ``General Image Understanding`` or ``Complex Reasoning``; None reads all.

    Raises:
        MissingExtra: pyarrow is not installed.
        DataError: A file is missing or has other columns, or none of its questions is of the type.
    """

    def __init__(self, family: str, folder: str | Path, question_type: str | None = None) -> None:
        check_family(family, FAMILY, "webmmu")
        ParquetRows(folder, WEB_COLUMNS)  # refuses files without the pictures' column
        self._path = str(folder)
        self._rows = ParquetRows(folder, WEB_COLUMNS[1:])
        types = [str(row["question_type"]) for row in ParquetRows(folder, ("question_type",))]
        self._places = [place for place, kind in enumerate(types) if question_type in (None, kind)]
        self._length = len(self._places)
        if not self._places:
            raise DataError(f"No question is of the type {question_type!r}; there are {', '.join(sorted(set(types)))}.")

    def _at(self, index: int) -> Task:
        place = self._places[index]
        row = self._rows[place]
        answer = str(row["ground_truth"] or "")
        bare = _BOX.sub("", answer).strip()
        return _make(
            f"webmmu/{place}",
            str(row["question"] or ""),
            bare or answer,
            RowPicture(self._path, "image", place),
            {"kind": str(row["question_type"]), **({"answers": [answer]} if bare and bare != answer else {})},
        )


def cleaned(text: str) -> str:
    """A turn of GUIChat without pictures, boxes and the request to ground all objects, spaces put right."""
    text = _ALL_OBJECTS.sub("", _MARKED.sub("", text))
    return re.sub(r"\s+([.,;:!?])", r"\1", " ".join(text.split()))


def _make(name: str, question: str, answer: str, picture: LazyImage, meta: Mapping[str, Any] | None = None) -> Task:
    if not question or not answer:
        raise DataError(f"The row of {name} has no {'answer' if question else 'question'}. Fetch the file again.")
    return Task(
        id=name,
        family=FAMILY,
        prompt=f"{question}\n{_GUIDE}",
        images=(picture,),
        answer=answer,
        answer_type="box" if _BOX.fullmatch(answer) else "anls",
        meta=dict(meta or {}),
    )


def _read_list(path: Path) -> list[Mapping[str, Any]]:
    value = read_json(path)
    if not isinstance(value, list):
        raise DataError(f"`{path}` holds no list of conversations. Fetch the file again.")
    return value


def _single(item: Mapping[str, Any]) -> bool:
    return item.get("task_type") == "single-turn-vqa" and len(item.get("text", ())) >= 2


def _split(item: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(str(item["image_id"]).encode()).digest()
    return "test" if digest[0] % 8 == 0 else "train"
