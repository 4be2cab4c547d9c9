"""Rows of tab-separated files that are too large to hold: read once to find where each row is, then row by row.

Python's own reader refuses fields of more than 128 kB unless a limit of the whole process is raised; pictures in base64
are longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from adagym.envs.tasks.lazy import Lazy
from adagym.errors import DataError

Row = Mapping[str, str]


@dataclass(frozen=True)
class TsvCell:
    """One field, read when it is asked for."""

    path: str
    start: int
    """Where its row begins, in bytes."""
    length: int
    """Of the row, in bytes."""
    column: int

    def read(self) -> str:
        """The field.

        Raises:
            DataError: The file cannot be read, or was changed.
        """
        fields = _fields_at(self.path, self.start, self.length)
        if self.column >= len(fields):
            raise DataError(f"`{self.path}` was changed while it was used. Start again.")
        return fields[self.column]


class TsvRows(Lazy[Row]):
    """The rows of one file with a line of column names, read when they are asked for.

    Fields may stand in double quotes, and then hold tabs, line breaks, and quotes written twice. What is kept is where
    each row begins, and the column by which rows are told apart. Reading a row opens the file anew, so the rows can be
    pickled.

    Args:
        path: The file, in UTF-8.
        key: The column by which rows are told apart.
        columns: Other columns that must be there.

    Raises:
        DataError: The file cannot be read, lacks a column, or has a row of another number of fields.
    """

    def __init__(self, path: str | Path, key: str, columns: Sequence[str] = ()) -> None:
        self._path = str(path)
        self._places: list[tuple[int, int]] = []
        self._rows: dict[str, int] = {}
        try:
            with open(path, "rb") as file:
                self._survey(file, key, columns)
        except OSError as error:
            raise DataError(f"`{path}` cannot be read: {error.strerror or error}. Check the path.") from error

    def __len__(self) -> int:
        return len(self._places)

    def row_of(self, key: str) -> int | None:
        """The (first) row with a key; None if there is none."""
        return self._rows.get(key)

    def cell(self, index: int, column: str) -> TsvCell:
        """One field of a row, not yet read."""
        return TsvCell(self._path, *self._places[index], self.columns.index(column))

    def _survey(self, file: BinaryIO, key: str, columns: Sequence[str]) -> None:
        records = _records(file)
        _, head = next(records, (0, b""))
        self.columns = tuple(_fields(head.removeprefix(b"\xef\xbb\xbf")))
        missing = [name for name in (key, *columns) if name not in self.columns]
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
            self._rows.setdefault(fields[self.columns.index(key)], len(self))
            self._places.append((start, len(record)))

    def _at(self, index: int) -> Row:
        return dict(zip(self.columns, _fields_at(self._path, *self._places[index]), strict=True))


def _fields_at(path: str, start: int, length: int) -> list[str]:
    """The fields of the row that begins at a place of a file."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return _fields(file.read(length))
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror or error}. Check the path.") from error


def _records(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Where each row begins, and its bytes. A line break in quotes ends no row, and empty lines are none."""
    start, lines, inside = 0, list[bytes](), False
    for line in file:
        lines.append(line)
        inside ^= bool(line.count(b'"') % 2)
        if inside:
            continue
        record = b"".join(lines)
        if record.strip(b"\r\n"):
            yield start, record
        start, lines = start + len(record), []
    if lines:
        raise DataError(f"`{file.name}` ends inside of quotes that begin after byte {start}. Fetch the file again.")


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
