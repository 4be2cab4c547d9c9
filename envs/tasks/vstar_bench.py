"""V* bench (arXiv 2312.14135) from its own files.

Its folders ``direct_attributes`` and ``relative_position`` hold a picture and a JSON file for each question, with the
options (the right one first) and the boxes of what is asked about. Without those, ``test_questions.jsonl`` beside the
pictures is read, or Parquet files, both with ``text, category, label, question_id``. Options are shuffled in any
case: models that prefer the first one would gain.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import check_family
from adagym.envs.tasks.row_picture import RowPicture
from adagym.envs.tasks.vstar_text import VSTAR, prompt_of, shuffled
from adagym.errors import DataError, UsageError
from adagym.pictures import PictureFile
from adagym.rewards.choices import LETTERS
from adagym.types import LazyImage, Task

CATEGORIES = ("direct_attributes", "relative_position")
"""Kinds of questions, which have four options and two."""

_QUESTIONS = "test_questions.jsonl"
_OPTION = re.compile(r"^\s*\(?([A-Z])[.)]\s*(.+?)\s*$", re.MULTILINE)
_WHERE = "Give the folder of craigwu/vstar_bench."


class VStarBench(LazyTasks):
    """All questions; those of ``direct_attributes`` first. Pictures are read when they are loaded.

    Args:
        family: ``vstar``.
        folder: Holds the benchmark's files.
        seed: Source of the order of options, which depends on it and the question alone.

    Raises:
        MissingExtra: The folder holds Parquet files and pyarrow is not installed.
        UsageError: The seed is not a number of at least 0.
        DataError: The folder holds none of the benchmark's files, or one cannot be used; names it.
    """

    def __init__(self, family: str, folder: str | Path, seed: int | str = 0) -> None:
        check_family(family, VSTAR, "vstar-bench")
        if not str(seed).isascii() or not str(seed).isdigit():
            raise UsageError(f"`seed` is a number of at least 0, not {seed!r}.")
        self._seed = int(seed)
        root = Path(folder)
        if any(any((root / name).glob("*.json")) for name in CATEGORIES):
            found = self._folders(root)
        elif (root / _QUESTIONS).is_file():
            found = self._lines(root / _QUESTIONS)
        elif root.is_file() or any(root.glob("*.parquet")):
            found = self._rows(root)
        else:
            raise DataError(
                f"`{root}` holds no {' or '.join(f'{name}/*.json' for name in CATEGORIES)}, no {_QUESTIONS} and no "
                f"*.parquet. {_WHERE}"
            )
        self._tasks = list(found)

    def __len__(self) -> int:
        return len(self._tasks)

    def _at(self, index: int) -> Task:
        return self._tasks[index]

    def _folders(self, root: Path) -> Iterator[Task]:
        for category in CATEGORIES:
            for path in sorted((root / category).glob("*.json")):
                where = str(path)
                record = _object(path.read_text("utf-8", errors="replace"), where)
                question, options = record.get("question"), record.get("options")
                if not isinstance(question, str) or not isinstance(options, list) or len(options) < 2:
                    raise DataError(f"`{where}` has no `question` with `options`. {_WHERE}")
                boxes = _boxes(record, where)
                yield self._task(category, path.stem, question, list(map(str, options)), 0, _picture(path), boxes)

    def _lines(self, path: Path) -> Iterator[Task]:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    where = f"{path}:{number}"
                    record = _object(line, where)
                    picture = path.parent / str(record.get("image", ""))
                    yield self._lettered(record, where, picture.stem, PictureFile(str(picture)))

    def _rows(self, path: Path) -> Iterator[Task]:
        rows = ParquetRows(path, ("text", "category", "label", "question_id"))
        ParquetRows(path, ("image",))  # refuses files without pictures before one is asked for
        for index, row in enumerate(rows):
            yield self._lettered(
                row, f"row {index} of {path}", str(row["question_id"]), RowPicture(str(path), "image", index)
            )

    def _lettered(self, record: Mapping[str, Any], where: str, name: str, picture: LazyImage) -> Task:
        """A question whose options are lines of its text."""
        text = str(record.get("text", ""))
        found = _OPTION.findall(text)
        options = [option for _, option in found]
        label = str(record.get("label", "")).strip(" ().")
        letters = LETTERS[: len(options)]
        if len(options) < 2 or "".join(letter for letter, _ in found) != letters or label not in tuple(letters):
            raise DataError(
                f"`{where}` has no `text` with options (A), (B), ... in lines of their own and the `label` of one of "
                f"them. {_WHERE}"
            )
        question = text[: _first(text)].strip()
        return self._task(str(record.get("category", "")), name, question, options, letters.index(label), picture, {})

    def _task(
        self,
        category: str,
        name: str,
        question: str,
        options: Sequence[str],
        right: int,
        picture: LazyImage,
        boxes: Mapping[str, Any],
    ) -> Task:
        task_id = f"vstar-bench/{category}/{name}"
        digest = hashlib.sha256(f"{task_id}/{question}".encode()).digest()
        rng = np.random.default_rng([self._seed, int.from_bytes(digest[:8], "big")])
        wrong = [option for place, option in enumerate(options) if place != right]
        choices, answer = shuffled(rng, options[right], wrong)
        return Task(
            id=task_id,
            family=VSTAR,
            prompt=prompt_of(question, choices),
            images=(picture,),
            choices=choices,
            answer=answer,
            answer_type="choice",
            meta={"kind": category, **({"boxes": boxes} if boxes else {})},
        )


def _first(text: str) -> int:
    match = _OPTION.search(text)
    return match.start() if match else len(text)


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"`{where}` is not JSON: {error}. Fetch the file again.") from None
    if not isinstance(record, dict):
        raise DataError(f"`{where}` is not a JSON object. {_WHERE}")
    return record


def _boxes(record: Mapping[str, Any], where: str) -> dict[str, list[float]]:
    """Name of each target to its box ``[x1, y1, x2, y2]``; the file has ``[x, y, width, height]``."""
    names, boxes = record.get("target_object", []), record.get("bbox", [])
    try:
        return {
            str(name): [x, y, x + width, y + height] for name, (x, y, width, height) in zip(names, boxes, strict=True)
        }
    except (TypeError, ValueError):
        raise DataError(f"`{where}` does not have a `bbox` [x, y, width, height] for each `target_object`.") from None


def _picture(path: Path) -> PictureFile:
    """The picture beside a JSON file, whatever it ends in; the usual name if there is none."""
    found = [other for other in sorted(path.parent.glob(f"{path.stem}.*")) if other.suffix != ".json"]
    return PictureFile(str(found[0] if found else path.with_suffix(".jpg")))
