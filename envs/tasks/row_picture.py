"""Pictures in Parquet rows, read when they are loaded."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from adagym.envs.tasks.parquet import ParquetRows
from adagym.errors import DataError
from adagym.pictures import read_picture
from adagym.types import Array


@dataclass(frozen=True)
class RowPicture:
    """The picture in one cell."""

    path: str
    """A Parquet file, or a folder of such."""
    column: str
    row: int
    item: int | None = None
    """Which one of the cell, from 0, if the cell is a list."""

    def load(self) -> Array:
        """Read and decode it, ``(height, width, 3)`` ``uint8`` RGB.

        Raises:
            DataError: The cell holds no picture, or a damaged one.
        """
        where = f"row {self.row} of {self.path}"
        cell = _column(self.path, self.column)[self.row][self.column]
        data = bytes_of(cell if self.item is None else cell[self.item], where)
        try:
            return read_picture(data)
        except DataError as error:
            raise DataError(f"In {where}: {error}") from error


def pictures_of(path: str, column: str, row: int) -> tuple[RowPicture, ...]:
    """The pictures in a cell that is a list of them. Reads the cell's row group, to count them.

    Raises:
        DataError: The cell is not a list, or an empty one.
    """
    cell = _column(path, column)[row][column]
    if not isinstance(cell, list) or not cell:
        raise DataError(f"In row {row} of {path} there is no list of pictures in `{column}`. Fetch the file again.")
    return tuple(RowPicture(path, column, row, item) for item in range(len(cell)))


@lru_cache(maxsize=1)
def _column(path: str, column: str) -> ParquetRows:
    """The rows read last; they keep one row group."""
    return ParquetRows(path, (column,))


def bytes_of(cell: object, where: str) -> bytes:
    """The file that a cell holds as bytes, as a struct with ``bytes``, or in base64.

    Raises:
        DataError: It holds none; the message says where.
    """
    if isinstance(cell, Mapping):
        cell = cell.get("bytes")
    if isinstance(cell, str):
        try:
            return base64.b64decode(cell, validate=True)
        except binascii.Error as error:
            raise DataError(f"In {where} the picture is not base64: {error}. Fetch the file again.") from error
    if not isinstance(cell, bytes):
        raise DataError(f"In {where} there is no picture; it is bytes, a struct with `bytes`, or base64.")
    return cell
