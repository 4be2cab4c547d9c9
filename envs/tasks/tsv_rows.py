"""Rows of tab-separated files that are too large to hold: read once to find where each row is, then row by row.

Python's own reader refuses fields of more than 128 kB unless a limit of the whole process is raised; pictures in base64
are longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, overload

from adagym.errors import DataError

Row = Mapping[str, str]


class TsvRows(Sequence[Row]):
    """The rows of one file with a line of column names, read when they are asked for.

    Fields may stand in double quotes, and then hold tabs, line breaks, and quotes written twice. What is kept is where
    each row begins, and the first column. Reading a row opens the file anew, so the rows can be pickled.

    Args:
        path: The file, in UTF-8.
        columns: Columns that must be there.

    Raises:
        DataError: The file cannot be read, lacks a column, or has a row of another number of fields.
    """

    def __init__(self, path: str | Path, columns: Sequence[str] = ()) -> None:
        self._path = str(path)
        self._places: list[tuple[int, int]] = []
        self.first: list[str] = []
        """The first field of each row."""
        try:
            with open(path, "rb") as file:
                self._survey(file, columns)
        except OSError as error:
            raise DataError(f"`{path}` cannot be read: {error.strerror or error}. Check the path.") from error

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._row(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"Row {index} of {len(self)}.")
        return self._row(index % len(self))

    def _survey(self, file: BinaryIO, columns: Sequence[str]) -> None:
        records = _records(file)
        _, head = next(records, (0, b""))
        self.columns = tuple(_fields(head.removeprefix(b"\xef\xbb\xbf")))
        missing = [name for name in columns if name not in self.columns]
        if missing:
            raise DataError(
                f"`{self._path}` has no column {', '.join(map(repr, missing))}; its columns are "
                f"{', '.join(self.columns)[:300]}. Give the file of the benchmark that this source reads."
            )
        for start, record in records:
            fields = _fields(record)
            if len(fields) != len(self.columns):
                raise DataError(
                    f"Row {len(self)} of `{self._path}` has {len(fields)} fields, and there are {len(self.columns)} "
                    "columns. Fetch the file again."
                )
            self._places.append((start, len(record)))
            self.first.append(fields[0])

    def _row(self, index: int) -> Row:
        start, length = self._places[index]
        try:
            with open(self._path, "rb") as file:
                file.seek(start)
                fields = _fields(file.read(length))
        except OSError as error:
            raise DataError(f"`{self._path}` cannot be read: {error.strerror or error}. Check the path.") from error
        return dict(zip(self.columns, fields, strict=True))


def _records(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Where each row begins, and its bytes. A line break in quotes ends no row, and empty lines are none."""
    start, record = 0, b""
    for line in file:
        record += line
        if record.count(b'"') % 2:
            continue
        if record.strip(b"\r\n"):
            yield start, record
        start, record = start + len(record), b""
    if record:
        yield start, record


def _fields(record: bytes) -> list[str]:
    """The fields of a row. A tab in quotes ends no field."""
    fields: list[str] = []
    pending = ""
    for part in record.decode("utf-8", errors="replace").rstrip("\r\n").split("\t"):
        pending = f"{pending}\t{part}" if pending else part
        if pending.count('"') % 2 == 0:
            fields.append(_unquoted(pending))
            pending = ""
    return [*fields, pending] if pending else fields


def _unquoted(field: str) -> str:
    quoted = len(field) > 1 and field[0] == field[-1] == '"'
    return field[1:-1].replace('""', '"') if quoted else field
