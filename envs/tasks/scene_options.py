"""What may be chosen about generated scenes, for all sources that draw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adagym.envs.tasks.records import number, one_of
from adagym.errors import UsageError

DIFFICULTIES: Mapping[str, int] = {"easy": 20, "medium": 40, "hard": 80}
"""How many times an object's size goes into the picture's width. In a thumbnail 448 pixels wide it has 22, 11 or 6."""
MAX_SIDE = 7680
MIN_SIZE = 16
"""Smallest size of an object, in pixels."""


@dataclass(frozen=True)
class SceneOptions:
    """How many tasks there are, and what their scenes are like."""

    split: str
    seed: int
    n: int
    side: int
    """Width of a picture in pixels."""
    difficulty: str
    clutter: float
    """Share of the places in a scene at which other objects stand, 0 to 1."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: One is out of range.
        """
        if self.n < 1 or self.seed < 0:
            raise UsageError(f"n of at least 1 and a seed of at least 0 are needed, not {self.n} and {self.seed}.")
        share(self.clutter, "clutter")
        least = MIN_SIZE * DIFFICULTIES[one_of(self.difficulty, tuple(DIFFICULTIES), "difficulty")]
        if not least <= self.side <= MAX_SIDE:
            raise UsageError(f"`side` is from {least} ({self.difficulty}) to {MAX_SIDE} pixels, not {self.side}.")

    @classmethod
    def read(
        cls, split: str, difficulty: str, *, seed: int | str, n: int | str, side: int | str, clutter: float | str
    ) -> SceneOptions:
        """Read numbers that may be written as text.

        Raises:
            UsageError: One is none, or a value is out of range.
        """
        whole = {name: number(value, int, name) for name, value in (("seed", seed), ("n", n), ("side", side))}
        return cls(split=split, difficulty=difficulty, clutter=number(clutter, float, "clutter"), **whole)

    @property
    def height(self) -> int:
        """Height of a picture in pixels."""
        return self.side * 9 // 16

    @property
    def size(self) -> int:
        """Side of an object in pixels."""
        return round(self.side / DIFFICULTIES[self.difficulty])


def share(value: float, option: str) -> float:
    """Return an option's value if it is a share.

    Raises:
        UsageError: It is not from 0 to 1.
    """
    if not 0 <= value <= 1:
        raise UsageError(f"`{option}` is from 0 to 1, not {value}.")
    return value
