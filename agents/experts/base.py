"""What an expert is: a function from what a model sees to the next move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adagym.types import Array, ToolCall

GIVE_UP = "unknown"
"""The answer where nothing can be made out."""


@dataclass(frozen=True)
class Move:
    """One turn of a blueprint: a thought, then a call or an answer."""

    think: str
    call: ToolCall | None = None
    answer: str = ""


@dataclass(frozen=True)
class Scene:
    """What the expert knows when it is its turn."""

    prompt: str
    image_name: str
    """The first picture, the one the task is about."""
    image: Array
    images: Mapping[str, Array]
    """All pictures of the conversation by name, in order of appearance."""
    results: tuple[Mapping[str, Any], ...]
    """Result envelopes of the calls made so far, in order; empty where a turn returned none."""
    draw: bool
    offered: tuple[str, ...] = ()
    """Names of the tools that may be called."""
    made: tuple[tuple[str, ...], ...] = ()
    """Names of the pictures that each call made; none where they cannot be addressed."""

    @property
    def turn(self) -> int:
        """Number of calls made so far."""
        return len(self.results)

    def points(self, turn: int) -> list[list[int]]:
        """The points the call of that turn found."""
        return [list(point) for point in self.results[turn].get("points", [])]


Blueprint = Callable[[Scene], Move]
