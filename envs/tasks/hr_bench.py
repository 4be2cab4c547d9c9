"""HR-Bench (arXiv 2408.15556) from its Parquet files, at 4K or 8K.

Each of 200 questions is there four times, its options shifted by one place each time (``cycle_0`` to ``cycle_3``).
The score is the mean over all of them, so they are tasks of their own; options keep their places.
"""

from __future__ import annotations

from pathlib import Path

from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import check_family, one_of
from adagym.envs.tasks.row_picture import RowPicture
from adagym.envs.tasks.vstar_text import VSTAR, prompt_of
from adagym.errors import DataError
from adagym.rewards.choices import LETTERS
from adagym.types import Task

SIZES = ("4k", "8k")
_COLUMNS = ("index", "question", "A", "B", "C", "D", "answer", "category", "cycle_category")


class HRBench(LazyTasks):
    """Rows in order. Texts are read when a task is asked for, its picture when it is loaded.

    Args:
        family: ``vstar``.
        folder: Holds ``hr_bench_4k.parquet`` or ``hr_bench_8k.parquet``; or one file.
        size: ``4k`` or ``8k``: which of the two.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: There is no such size.
        DataError: The file is missing or has other columns; when a task is read, its row cannot be used.
    """

    def __init__(self, family: str, folder: str | Path, size: str = "4k") -> None:
        check_family(family, VSTAR, "hr-bench")
        one_of(size, SIZES, "size")
        path = Path(folder)
        self._path = path / f"hr_bench_{size}.parquet" if path.is_dir() else path
        ParquetRows(self._path, ("image",))  # refuses files without pictures before one is asked for
        self._rows = ParquetRows(self._path, _COLUMNS)

    def __len__(self) -> int:
        return len(self._rows)

    def _at(self, index: int) -> Task:
        row = self._rows[index]
        choices = tuple(str(row[letter]) for letter in LETTERS[:4] if row[letter] is not None)
        answer = str(row["answer"]).strip(" ().")
        if answer not in tuple(LETTERS[: len(choices)]) or not row["question"]:
            raise DataError(
                f"Row {index} of `{self._path}` has {len(choices)} options and the answer {answer[:40]!r}; it needs a "
                "question, and the letter of one of its options. Fetch the file again."
            )
        return Task(
            id=f"hr-bench/{self._path.stem}/{row['cycle_category']}/{row['index']}",
            family=VSTAR,
            prompt=prompt_of(str(row["question"]), choices),
            images=(RowPicture(str(self._path), "image", index),),
            choices=choices,
            answer=answer,
            answer_type="choice",
            meta={"kind": str(row["category"]), "cycle": str(row["cycle_category"]), "question": row["index"]},
        )
