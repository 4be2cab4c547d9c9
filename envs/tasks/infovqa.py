"""InfoVQA (arXiv 2104.12756): questions about infographics, answered in a few words and scored by ANLS.

The Parquet files (configuration ``InfographicVQA``) have ``questionId, question, answers, answer_type, image,
data_split``. The answers of the test split are withheld: its episodes can be played and saved, but not scored. An
answer whose edit distance is exactly half of the length scores 0, as ANLS is defined; the code of lmms-eval gives it
0.5.
"""

from __future__ import annotations

from pathlib import Path

from adagym.envs.tasks.image_records import FAMILY
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import Record, Records, check_family, found_file, one_of
from adagym.envs.tasks.row_picture import RowPicture
from adagym.errors import DataError
from adagym.types import Task

COLUMNS = ("questionId", "question", "answers", "data_split")
SPLITS = ("validation", "test")

_GUIDE = "Answer with a word or a short phrase, as the picture has it."


class InfoVQA(Records):
    """Rows in order. Chance is about 0: nothing is offered to choose from.

    Args:
        family: ``image_qa``.
        folder: Holds ``validation-*.parquet`` or ``test-*.parquet``, perhaps in ``InfographicVQA``; or one file.
        split: ``validation`` or ``test``; of no account if a file is given.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: There is no such split.
        DataError: The file is missing or has other columns; when a task is read, its row cannot be used.
    """

    def __init__(self, family: str, folder: str | Path, split: str = "validation") -> None:
        check_family(family, FAMILY, "infovqa")
        one_of(split, SPLITS, "split")
        path = found_file(folder, f"InfographicVQA/{split}-*.parquet", f"{split}-*.parquet", f"data/{split}-*.parquet")
        ParquetRows(path, ("image",))  # refuses files without pictures before one is asked for
        super().__init__(ParquetRows(path, COLUMNS), path)

    def _task(self, index: int, record: Record) -> Task:
        name = f"infovqa/{record['data_split']}/{record['questionId']}"
        answers = [str(answer) for answer in record["answers"] or () if str(answer).strip()]
        if not record["question"]:
            raise DataError(f"`{name}` has no question. Fetch the file again.")
        return Task(
            id=name,
            family=FAMILY,
            prompt=f"{str(record['question']).strip()}\n{_GUIDE}",
            images=(RowPicture(self._path, "image", index),),
            answer=answers[0] if answers else "",
            answer_type="anls",
            meta={"answers": answers[1:]} if answers[1:] else {},
        )
