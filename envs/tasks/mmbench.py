"""MMBench (arXiv 2307.06281) from its tab-separated files.

A row has ``index, question, hint, A, B, C, D, answer, category, l2-category, image``. A question is there several
times, its options shifted by one place each time: the copies have the index of the first plus 1,000,000 times their
number. A picture is base64, or the index of the row that holds it, which is how copies save space. An option that is
empty, or that a table program wrote as ``nan``, is not offered; options called ``None`` or ``NA`` are, though the usual
reader of such tables drops them. Files whose answers are withheld can be played, but not scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adagym.envs.tasks.image_records import FAMILY, slug
from adagym.envs.tasks.records import Record, Records, check_family, found_file, lettered_prompt, one_of
from adagym.envs.tasks.row_picture import bytes_of
from adagym.envs.tasks.tsv_rows import TsvCell, TsvRows
from adagym.errors import DataError
from adagym.pictures import read_picture
from adagym.rewards.choices import LETTERS
from adagym.types import Array, Task

COLUMNS = ("question", "A", "B", "image", "category")
SPLITS = ("DEV_EN", "TEST_EN", "DEV_CN", "TEST_CN")
CYCLE = 1_000_000
"""What the index of a copy is raised by."""
POINTER = 12
"""A field of at most so many digits is the index of another row; a picture is longer."""


class MMBench(Records):
    """Rows in order, copies included.

    Chance: one in the number of options, so 25 % with four. A question counts as right in ``circular`` only if all its
    copies are, which guessing achieves in one of 256 cases with four.

    Args:
        family: ``image_qa``.
        folder: Holds ``MMBench_DEV_EN.tsv`` or another split's file; or one file.
        split: ``DEV_EN``, ``TEST_EN``, ``DEV_CN`` or ``TEST_CN``; of no account if a file is given.

    Raises:
        UsageError: There is no such split.
        DataError: The file is missing, has other columns, or a damaged row; when a task is read, it cannot be used.
    """

    def __init__(self, family: str, folder: str | Path, split: str = "DEV_EN") -> None:
        check_family(family, FAMILY, "mmbench")
        path = found_file(folder, f"MMBench_{one_of(split, SPLITS, 'split')}.tsv")
        self._rows = TsvRows(path, "index", COLUMNS)
        super().__init__(self._rows, path)

    def _task(self, index: int, record: Record) -> Task:
        where = f"Row {index} of `{self._path}`"
        offered = [letter for letter in LETTERS[:4] if _given(record.get(letter, ""))]
        answer = str(record.get("answer", "")).strip() if _given(record.get("answer", "")) else ""
        if len(offered) < 2 or answer not in ("", *offered) or not record["question"]:
            raise DataError(
                f"{where} has {len(offered)} options and the answer {answer[:40]!r}; it needs a question, and the "
                "letter of one of its options. Fetch the file again."
            )
        choices = tuple(record[letter] for letter in offered)
        hint = record.get("hint", "")
        question = f"{hint}\n{record['question']}" if _given(hint) else record["question"]
        number = int(record["index"])
        return Task(
            id=f"mmbench/{slug(record['category'])}/{number}",
            family=FAMILY,
            prompt=lettered_prompt(question, choices),
            images=(self._picture(index, record["image"].strip()),),
            choices=choices,
            answer=LETTERS[offered.index(answer)] if answer else "",
            answer_type="choice",
            meta={"kind": slug(record["category"]), "question": number % CYCLE, "cycle": number // CYCLE},
        )

    def _picture(self, index: int, field: str) -> TsvPicture:
        """The picture of a row, or of the row that it points to."""
        row = index
        if field.isascii() and field.isdigit() and len(field) <= POINTER:
            found = self._rows.row_of(field)
            if found is None:
                raise DataError(f"The picture of row {index} is that of the index {field}, which no row has.")
            row = found
        return TsvPicture(self._rows.cell(row, "image"), f"row {row} of {self._path}")


@dataclass(frozen=True)
class TsvPicture:
    """A picture in base64 in a table."""

    cell: TsvCell
    name: str
    """Where it is, for messages."""

    def load(self) -> Array:
        """Read and decode it, ``(height, width, 3)`` ``uint8`` RGB.

        Raises:
            DataError: There is no picture, or a damaged one.
        """
        try:
            return read_picture(bytes_of(self.cell.read().strip(), self.name))
        except DataError as error:
            raise DataError(f"In {self.name}: {error}") from error


def _given(field: str) -> bool:
    """Whether a field holds something."""
    return field.strip().casefold() not in ("", "nan")
