"""MathVista (arXiv 2310.02255): mathematical questions about pictures, with options or without.

The Parquet files have ``pid, question, decoded_image, choices, unit, precision, answer, question_type, answer_type,
metadata``. The answers of the test split are not published: its episodes can be played and saved, but not scored.

The published scoring has a language model extract the answer; none is used here, so figures differ a little. It also
takes the option that is nearest in spelling for the one that was meant, however far off, and cuts fractions off where
a whole number is asked for. Here an answer names an option, or is the number: the same whole number, or the same
decimal number when both are rounded to the precision that the question asks for.
"""

from __future__ import annotations

from pathlib import Path

from adagym.envs.tasks.image_records import FAMILY
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import (
    ASK_LETTER,
    Record,
    Records,
    check_family,
    found_file,
    letter_of,
    lettered_prompt,
    one_of,
)
from adagym.envs.tasks.row_picture import RowPicture
from adagym.errors import DataError
from adagym.rewards.choices import LETTERS
from adagym.types import Task

COLUMNS = (
    "pid",
    "question",
    "choices",
    "unit",
    "precision",
    "answer",
    "question_type",
    "answer_type",
)
SPLITS = ("testmini", "test")

_GUIDES = {
    "integer": "Answer with a whole number.",
    "list": "Answer with a list, such as [1, 2, 3].",
    "text": "Answer with a word or a short phrase.",
}


class MathVista(Records):
    """Rows in order. On ``testmini`` the paper gives a chance level of 17.9 %.

    Guessing is right only where there are options; a question with ``k`` of them is guessed in one of ``k`` cases.

    Args:
        family: ``image_qa``.
        folder: Holds ``testmini-*.parquet`` or ``test-*.parquet``, perhaps in ``data``; or one file.
        split: ``testmini`` or ``test``; of no account if a file is given.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: There is no such split.
        DataError: The file is missing or has other columns; when a task is read, its row cannot be used.
    """

    def __init__(self, family: str, folder: str | Path, split: str = "testmini") -> None:
        check_family(family, FAMILY, "mathvista")
        one_of(split, SPLITS, "split")
        path = found_file(folder, f"data/{split}-*.parquet", f"{split}-*.parquet")
        ParquetRows(path, ("decoded_image",))  # refuses files without pictures before one is asked for
        super().__init__(ParquetRows(path, COLUMNS), path)

    def _task(self, index: int, record: Record) -> Task:
        kind = "choice" if record["question_type"] == "multi_choice" else str(record["answer_type"])
        name = f"mathvista/{kind}/{record['pid']}"
        question = str(record["question"] or "").strip()
        if not question or kind not in ("choice", "float", *_GUIDES):
            raise DataError(f"`{name}` has no question, or no known type of answer. Fetch the file again.")
        if record["unit"]:
            question = f"{question} (Unit: {record['unit']})"
        picture = RowPicture(self._path, "decoded_image", index)
        make = _chosen if kind == "choice" else _free
        return make(name, question, picture, kind, record)


def _chosen(name: str, question: str, picture: RowPicture, kind: str, record: Record) -> Task:
    """A question with options. The reference is the text of one of them; of two alike, the first."""
    choices = tuple(str(choice).strip() for choice in record["choices"] or ())
    answer = str(record["answer"] or "").strip()
    if len(choices) < 2:
        raise DataError(f"`{name}` has {len(choices)} options. Fetch the file again.")
    letter = LETTERS[choices.index(answer)] if answer in choices else answer and letter_of(answer, choices, name)
    return Task(
        id=name,
        family=FAMILY,
        prompt=lettered_prompt(question, choices, ASK_LETTER),
        images=(picture,),
        choices=choices,
        answer=letter,
        answer_type="choice",
        meta={"kind": kind},
    )


def _free(name: str, question: str, picture: RowPicture, kind: str, record: Record) -> Task:
    """A question without options."""
    answer = str(record["answer"] or "").strip()
    decimals = int(record["precision"] or 0)
    guide = _GUIDES.get(kind, f"Answer with a number, rounded to {decimals} decimal place{'s' * (decimals != 1)}.")
    meta: dict[str, object] = {"kind": kind}
    if kind == "float":
        meta["decimals"] = decimals
    if kind == "list":
        meta["answers"] = [answer.replace(" ", "")]  # lists may be written without spaces
    return Task(
        id=name,
        family=FAMILY,
        prompt=f"{question}\n{guide}",
        images=(picture,),
        answer=answer,
        answer_type="number" if kind in ("integer", "float") else "text",
        meta=meta,
    )
