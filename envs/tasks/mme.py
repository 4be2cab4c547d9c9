"""MME (arXiv 2306.13394): 2,374 questions to be answered by yes or no, two about each picture.

The Parquet files have ``question_id, image, question, answer, category``. Both questions about a picture have the same
``question_id``, so tasks are told apart by an own number; pairs are found by category and id. The published scoring
takes an answer for yes or no if the word is among its first four characters, so that "not sure" and "know" are a no;
here it must be the word and nothing else.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from adagym.envs.tasks.image_records import FAMILY
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import Record, Records, check_family, found_file
from adagym.envs.tasks.row_picture import RowPicture
from adagym.errors import DataError
from adagym.types import Task

COLUMNS = ("question_id", "question", "answer", "category")
PERCEPTION = (
    "existence",
    "count",
    "position",
    "color",
    "posters",
    "celebrity",
    "scene",
    "landmark",
    "artwork",
    "OCR",
)
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")


class MME(Records):
    """Rows in order.

    Chance: each sub-task scores 100 times the share of right answers and 100 times the share of pictures with two right
    answers, so 75 of 200 by guessing, and 1,050 of 2,800 over all.

    Args:
        family: ``image_qa``.
        folder: Holds ``test-*.parquet``, perhaps in ``data``; or one file.

    Raises:
        MissingExtra: pyarrow is not installed.
        DataError: The file is missing or has other columns; when a task is read, its row cannot be used.
    """

    def __init__(self, family: str, folder: str | Path) -> None:
        check_family(family, FAMILY, "mme")
        path = found_file(folder, "data/test-*.parquet", "test-*.parquet", "*.parquet")
        ParquetRows(path, ("image",))  # refuses files without pictures before one is asked for
        super().__init__(ParquetRows(path, COLUMNS), path)
        self._numbers: list[int] = []
        seen: Counter[tuple[str, str]] = Counter()
        for row in ParquetRows(path, ("category", "question_id")):
            pair = str(row["category"]), str(row["question_id"])
            seen[pair] += 1
            self._numbers.append(seen[pair])

    def _task(self, index: int, record: Record) -> Task:
        category, pair = str(record["category"]), str(record["question_id"])
        question, answer = str(record["question"] or "").strip(), str(record["answer"] or "").strip().casefold()
        if not question or answer not in ("yes", "no"):
            raise DataError(f"Row {index} of `{self._path}` needs a question and the answer Yes or No.")
        stem = pair.removeprefix(f"{category}/").replace("/", "-")
        return Task(
            id=f"mme/{category}/{stem}-{self._numbers[index]}",
            family=FAMILY,
            prompt=question,
            images=(RowPicture(self._path, "image", index),),
            answer=answer,
            answer_type="yes_no",
            meta={"kind": category, "pair": f"{category}/{pair}"},
        )
