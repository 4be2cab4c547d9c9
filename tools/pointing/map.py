"""Frozen-lake maps, read from their pixels."""

from __future__ import annotations

import re

from adagym.errors import UsageError
from adagym.tools.maps import read_map
from adagym.types import Array

_WORDS = {
    "S": {"elf", "player", "start", "starting", "agent", "character", "person", "figure"},
    "G": {"gift", "goal", "present", "flag", "target", "destination", "finish", "treasure"},
    "H": {"hole", "water", "pit", "trap"},
}
"""Words by which each kind of cell may be called, in the singular."""
_PATH = {"path", "line", "route", "arrow"}
"""Words for what a tool has drawn: "ice holes on the path" are those that it crosses."""


class MapPointer:
    """Points at cells of a map; a picture that shows none is left to others.

    Args:
        option: Must be empty: there is nothing to choose.
    """

    def __init__(self, option: str = "") -> None:
        if option:
            raise UsageError(f"The pointing backend `map` takes no option, and got {option!r}. Write `map` alone.")

    def locate(self, image: Array, description: str) -> list[list[int]] | None:
        """Centres of all cells of the kind described, row by row (see ``adagym.tools.pointing.base``)."""
        reading = read_map(image)
        if reading is None:
            return None
        words = {word.removesuffix("s") for word in re.findall(r"[a-z]+", description.lower())}
        kind = _kind(words)
        return [] if kind is None else reading.centres(kind, marked=bool(words & _PATH))


def _kind(words: set[str]) -> str | None:
    """The kind of cell that the words of a description name, if they name one kind only."""
    kinds = {kind for kind, names in _WORDS.items() if names & words}
    return kinds.pop() if len(kinds) == 1 else None
