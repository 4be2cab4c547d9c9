"""MMSI-Bench (arXiv 2505.23764): 1,000 questions about space over two pictures or more.

``MMSI_Bench.parquet`` has ``id, images, question_type, question, answer, thought``. Its pictures are lists of plain
JPEG bytes, not the structs of other sets, and its options are part of the question, which is shown as it is. Types of
questions are written with different dashes, which would count as different types; they are made alike here. Options
keep their order: the circular variant of other suites gives other figures.
"""

from __future__ import annotations

from pathlib import Path

from adagym.envs.tasks.image_records import FAMILY, inline_task, slug
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import Record, Records, check_family, found_file
from adagym.envs.tasks.row_picture import pictures_of
from adagym.types import Task

COLUMNS = ("id", "question_type", "question", "answer")


class MMSIBench(Records):
    """Rows in order. By chance a quarter of the answers is right: every question has four options.

    Args:
        family: ``image_qa``.
        folder: Holds ``MMSI_Bench.parquet``; or one file.

    Raises:
        MissingExtra: pyarrow is not installed.
        DataError: The file is missing or has other columns; when a task is read, its row cannot be used.
    """

    def __init__(self, family: str, folder: str | Path) -> None:
        check_family(family, FAMILY, "mmsi-bench")
        path = found_file(folder, "MMSI_Bench.parquet", "*.parquet", "data/*.parquet")
        ParquetRows(path, ("images",))  # refuses files without pictures before one is asked for
        super().__init__(ParquetRows(path, COLUMNS), path)

    def _task(self, index: int, record: Record) -> Task:
        kind = slug(record["question_type"])
        pictures = pictures_of(self._path, "images", index)
        return inline_task(f"mmsi-bench/{kind}/{record['id']}", record, pictures, {"kind": kind})
