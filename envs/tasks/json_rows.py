"""Rows of JSON files that are too large to hold: read once to find where each row is, then row by row."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from adagym.envs.tasks.lazy import Lazy
from adagym.errors import DataError

Row = Mapping[str, Any]

BLOCK = 1 << 20
"""Bytes that are read at a time while a file is searched."""

_DECODER = json.JSONDecoder()
_BETWEEN = re.compile(r"[\s,\ufeff]*")
_WANTED = "Give a JSON list of objects, or JSON lines."


class JsonRows(Lazy[Row]):
    """The objects of one file, a JSON list of objects or JSON lines, read when they are asked for.

    What is kept is where each row begins and ends. Reading a row opens the file anew, so the rows can be pickled and
    shared by threads.

    Args:
        path: The file, in UTF-8.
        keep: Called once with each row, in order; rows for which it is false are left out. None keeps all.

    Raises:
        DataError: The file cannot be read, or holds anything else than objects; says where.
    """

    def __init__(self, path: str | Path, keep: Callable[[Row], bool] | None = None) -> None:
        self._path = str(path)
        self._spans = [span for span, row in _spans(self._path) if keep is None or keep(row)]

    def __len__(self) -> int:
        return len(self._spans)

    def _at(self, index: int) -> Row:
        start, end = self._spans[index]
        try:
            with open(self._path, "rb") as file:
                file.seek(start)
                row = json.loads(file.read(end - start))
        except (OSError, ValueError) as error:
            raise DataError(
                f"`{self._path}` has changed or is gone since it was opened: {error}. Open it again."
            ) from error
        if not isinstance(row, dict):
            raise DataError(f"`{self._path}` has changed since it was opened. Open it again.")
        return row


def first_row(path: str | Path) -> Row | None:
    """The first object of a file, for telling what kind of file it is; None if it begins with something else."""
    try:
        return next((row for _, row in _spans(str(path))), None)
    except DataError:
        return None


def _spans(path: str) -> Iterator[tuple[tuple[int, int], Row]]:
    """Each object of a file with the bytes where it begins and ends."""
    try:
        with open(path, "rb") as file:
            text = _Text(file)
            listed = text.next_character() == "["
            if listed:
                text.advance(text.at + 1)
            while character := text.next_character():
                if listed and character == "]":
                    return
                if character != "{":
                    shown = text.held[text.at : text.at + 40]
                    raise DataError(
                        f"`{path}` has something else than an object at byte {text.where}: {shown!r}. {_WANTED}"
                    )
                start = text.where
                row = text.decode()
                yield (start, text.where), row
            if listed:
                raise DataError(f"`{path}` ends in the middle of its list. Fetch it again.")
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror or error}. Check the path.") from error
    except RecursionError as error:
        raise DataError(f"`{path}` has an object that is nested too deeply. {_WANTED}") from error
    except ValueError as error:
        raise DataError(f"`{path}` is not JSON: {error}. {_WANTED}") from error


class _Text:
    """The part of a file that is being decoded.

    Args:
        file: Open for reading, at its beginning.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.held = ""
        self.at = 0
        """The character in ``held`` that comes next."""
        self.where = 0
        """The byte of the file that it begins at."""

    def next_character(self) -> str:
        """Skip what may stand between objects; return the character after it, or nothing at the end of the file."""
        while True:
            found = _BETWEEN.match(self.held, self.at)
            self.advance(found.end() if found else self.at)
            if self.at < len(self.held):
                return self.held[self.at]
            if not self._read():
                return ""

    def advance(self, to: int) -> None:
        """Go on to a character of ``held``."""
        self.where += len(self.held[self.at : to].encode())
        self.at = to

    def decode(self) -> Row:
        """Read the object that begins here."""
        while True:
            try:
                row, end = _DECODER.raw_decode(self.held, self.at)
            except json.JSONDecodeError:
                # It may only be that the rest of the object has not been read yet.
                if not self._read():
                    raise
                continue
            self.advance(end)
            found: Row = row
            return found

    def _read(self) -> bool:
        """Hold more of the file; as much again as there is, so that a long object is not decoded too often."""
        self.held, self.at = self.held[self.at :], 0
        block = self._file.read(max(BLOCK, len(self.held)))
        self.held += self._decoder.decode(block, final=not block)
        return bool(block)
