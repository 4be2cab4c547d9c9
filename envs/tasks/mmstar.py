"""MMStar (arXiv 2403.20330): 1,500 questions that need the picture, 250 of each of six categories.

``mmstar.parquet`` has ``index, question, image, answer, category, l2_category, meta_info``; the options are part of the
question, which is shown as it is. The benchmark's own figure is the plain accuracy over all questions. lmms-eval takes
the mean over the second level of categories, which is another figure; the scorer gives both, under their names.
"""

from __future__ import annotations

from pathlib import Path

from adagym.envs.tasks.image_records import FAMILY, inline_task, slug
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import Record, Records, check_family, found_file
from adagym.envs.tasks.row_picture import RowPicture
from adagym.types import Task

COLUMNS = ("index", "question", "answer", "category", "l2_category")


class MMStar(Records):
    """Rows in order. By chance about a quarter of the answers is right: questions have four options.

    Args:
        family: ``image_qa``.
        folder: Holds ``mmstar.parquet``, or ``val-*.parquet``; or one file.

    Raises:
        MissingExtra: pyarrow is not installed.
        DataError: The file is missing or has other columns; when a task is read, its row cannot be used.
    """

    def __init__(self, family: str, folder: str | Path) -> None:
        check_family(family, FAMILY, "mmstar")
        path = found_file(folder, "mmstar.parquet", "val-*.parquet", "val/*.parquet", "data/*.parquet", "*.parquet")
        ParquetRows(path, ("image",))  # refuses files without pictures before one is asked for
        super().__init__(ParquetRows(path, COLUMNS), path)

    def _task(self, index: int, record: Record) -> Task:
        category, fine = slug(record["category"]), slug(record["l2_category"])
        picture = RowPicture(self._path, "image", index)
        meta = {"kind": category, "fine": fine}
        return inline_task(f"mmstar/{category}/{record['index']}", record, (picture,), meta)
