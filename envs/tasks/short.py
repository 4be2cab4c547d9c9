"""The tasks of another source whose prompts are short enough, from a folder that ``adagym build short`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adagym.envs.tasks.picked import Origin, Picked
from adagym.errors import UsageError

ORIGIN = Origin("build short", "lengths.jsonl", "length", "measures")


@dataclass(frozen=True)
class Row:
    """One line of ``lengths.jsonl``."""

    id: str
    index: int
    """The task's position in its source."""
    tokens: int | None
    """Of its first observation; None if it could not be opened."""


class Short(Picked):
    """The tasks that are short enough, in the order of their source.

    Args:
        family: Task family of the environment; the folder's must be the same.
        folder: The folder.
        max_tokens: The most tokens a prompt may have.

    Raises:
        DataError: The folder holds no lengths, or lengths of other tasks; says which file is to blame.
        UsageError: ``max_tokens`` is no number of at least 1, or no task is that short.
    """

    def __init__(self, family: str, folder: str | Path, max_tokens: int | str = 8192) -> None:
        if not str(max_tokens).isdecimal() or int(max_tokens) < 1:
            raise UsageError(f"`max_tokens` is a number of tokens, at least 1, not {max_tokens!r}.")
        super().__init__(family, folder, ORIGIN)
        limit = int(max_tokens)
        rows = self._read(_row, "a number of tokens or null")
        self._rows = [row for row in rows if row.tokens is not None and row.tokens <= limit]
        if not self._rows:
            known = [row.tokens for row in rows if row.tokens is not None]
            raise UsageError(
                f"No task in `{self._path}` has at most {limit} tokens; the shortest has {min(known, default='none')}."
            )
        self._try_out()


def _row(value: Mapping[str, Any]) -> Row | None:
    row = Row(value["id"], value["index"], value["tokens"])
    return row if row.tokens is None or (isinstance(row.tokens, int) and row.tokens > 0) else None
