"""Rows of Parquet files, one row group in memory at a time: benchmarks keep gigabytes of pictures in them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from adagym.envs.tasks.lazy import Lazy
from adagym.errors import DataError, require

Row = Mapping[str, Any]
"""Column to value. A picture is what the file holds: bytes, or a struct ``{"bytes", "path"}``."""

GROWTH = 100
"""A row group in memory may be so many times as large as its file. Benchmarks' texts grow tenfold, bombs a
thousandfold and more."""
FLOOR = 64 << 20
"""Bytes that a row group of even the smallest file may have."""
_BATCH = 16
"""Rows that are decoded before their size is looked at again, at least."""


class ParquetRows(Lazy[Row]):
    """All rows of one file, or of the ``*.parquet`` files of a folder by name, read when they are asked for.

    The row group read last is kept, so reading in order decodes each once; jumping about decodes one per jump. A
    slice is read at once. Pickling keeps the place of the rows, not the rows.

    Args:
        path: A file, or a folder of files with the same columns; or some of a folder, such as ``DIR/test-*.parquet``.
        columns: The columns to read, which must be there; None reads all.

    Raises:
        MissingExtra: pyarrow is not installed.
        DataError: There is no file, one cannot be read, one lacks a column, or a row group that is read would be out
            of all proportion to its file.
    """

    def __init__(self, path: str | Path, columns: Sequence[str] | None = None) -> None:
        require("pyarrow.parquet", "export")
        self._wanted = None if columns is None else tuple(columns)
        self._schema: dict[str, str] = {}
        self._groups: list[tuple[str, int]] = []
        sizes: list[int] = []
        for file in _files(Path(path)):
            sizes += self._survey(file)
        self._ends = list(accumulate(sizes))
        self._held: tuple[int, Any] | None = None

    def columns(self) -> dict[str, str]:
        """Name to type of every column, as the (last) file declares them, for messages."""
        return dict(self._schema)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": None}

    def _at(self, index: int) -> Row:
        group = bisect_right(self._ends, index)
        table = self._table(group)
        start = self._ends[group - 1] if group else 0
        row: Row = table.slice(index - start, 1).to_pylist()[0]
        return row

    def _table(self, group: int) -> Any:
        held = self._held
        if held is None or held[0] != group:
            self._held = held = None  # lets go of the old group before the next one is read
            file, number = self._groups[group]
            held = (group, _read_group(file, number, self._wanted))
            self._held = held
        return held[1]

    def _survey(self, file: Path) -> list[int]:
        """Note a file's columns and row groups; return the sizes of the groups."""
        with _opened(file) as opened:
            schema = {field.name: str(field.type) for field in opened.schema_arrow}
            missing = [name for name in self._wanted or () if name not in schema]
            if missing:
                found = ", ".join(f"{name} ({kind})" for name, kind in schema.items()) or "none"
                raise DataError(
                    f"`{file}` has no column {', '.join(map(repr, missing))}; its columns are {found}. "
                    "Give the file of the benchmark that this source reads."
                )
            self._schema = schema
            sizes = [opened.metadata.row_group(number).num_rows for number in range(opened.metadata.num_row_groups)]
        self._groups += [(str(file), number) for number in range(len(sizes))]
        return sizes


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(path.parent.glob(path.name) if "*" in path.name else path.glob("*.parquet"))
    if not files:
        state = "holds no *.parquet file" if path.is_dir() else "does not exist"
        raise DataError(f"`{path}` {state}. Give a Parquet file, or the folder that holds the files.")
    return files


def _opened(file: str | Path) -> Any:
    pyarrow, parquet = require("pyarrow", "export"), require("pyarrow.parquet", "export")
    try:
        return parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"`{file}` cannot be read as Parquet: {error} Fetch the file again.") from error


def _read_group(file: str, number: int, columns: Sequence[str] | None) -> Any:
    pyarrow = require("pyarrow", "export")
    with _opened(file) as opened:
        try:
            most = max(FLOOR, GROWTH * Path(file).stat().st_size)
            batch = _batch_rows(opened.metadata.row_group(number), columns, most, file)
            wanted = None if columns is None else list(columns)
            read, size = [], 0
            # What a dictionary of few values grows to is written nowhere in the file, so it is watched while it grows.
            for rows in opened.iter_batches(batch, row_groups=[number], columns=wanted):
                size += rows.nbytes
                if size > most:
                    raise _too_large(file, size)
                read.append(rows)
            fields = opened.schema_arrow if wanted is None else [opened.schema_arrow.field(name) for name in wanted]
            return pyarrow.Table.from_batches(read, read[0].schema if read else pyarrow.schema(fields))
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"Row group {number} of `{file}` is damaged: {error} Fetch the file again.") from error


def _batch_rows(group: Any, columns: Sequence[str] | None, most: int, file: str) -> int:
    """How many rows to decode at a time: no value can be larger than its column."""
    chunks = [group.column(place) for place in range(group.num_columns)]
    read = [chunk for chunk in chunks if columns is None or chunk.path_in_schema.partition(".")[0] in columns]
    sizes = [int(chunk.total_uncompressed_size) for chunk in read]
    if sum(sizes) > most:
        raise _too_large(file, sum(sizes))
    limit: int = most // max([*sizes, 1])
    return max(_BATCH, min(int(group.num_rows), limit))


def _too_large(file: str, size: int) -> DataError:
    return DataError(
        f"`{file}` has {Path(file).stat().st_size} bytes, and one of its row groups would take more than {size} in "
        f"memory; up to {GROWTH} times the file and {FLOOR} bytes are read. Give the file as its makers publish it."
    )
