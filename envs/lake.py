"""Frozen lake maps: their rules, shortest plans and random generation. Plain Python, no Gymnasium.

A map is a tuple of rows of the letters ``S`` (start), ``F`` (ice), ``H`` (hole) and ``G`` (goal). A plan is a
string of the letters ``L, D, R, U``. Moving off the edge has no effect. Cells are ``(row, column)`` from the
top left. Rules as in the maze part of Visual-Spatial-Planning (arXiv 2407.01863), which plays them in
Gymnasium's FrozenLake without slipping.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from adagym.errors import DataError, UsageError

Cell = tuple[int, int]
"""``(row, column)``."""

MOVES: dict[str, Cell] = {"D": (1, 0), "R": (0, 1), "U": (-1, 0), "L": (0, -1)}
"""Letter to ``(row, column)`` step, in the order in which equally short plans are preferred."""

MAX_SIDE = 64
"""Largest side that :meth:`Lake.generate` accepts; beyond it a picture would not fit any model."""

_MAX_DRAWS = 10_000


@dataclass(frozen=True)
class LakeWalk:
    """What came of following a plan."""

    reached_goal: bool
    """Whether the walk stood on the goal at some point."""
    fell: bool
    """Whether the walk ended in a hole."""
    cells: tuple[Cell, ...]
    """Every cell stood on, the start first; a move off the edge repeats the cell."""


@dataclass(frozen=True)
class Lake:
    """A map with one start and one goal.

    Raises:
        DataError: The rows are empty, uneven, hold another letter, or not exactly one ``S`` and one ``G``.
    """

    rows: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the map."""
        if not self.rows or not self.rows[0] or len({len(row) for row in self.rows}) != 1:
            raise DataError(f"A map needs rows of one length, not {list(self.rows)!r}.")
        letters = "".join(self.rows)
        if strange := set(letters) - set("SFHG"):
            raise DataError(f"A map consists of S, F, H and G; this one also holds {sorted(strange)}.")
        for letter, name in (("S", "start"), ("G", "goal")):
            if letters.count(letter) != 1:
                raise DataError(f"A map needs exactly one {name} ({letter}); this one has {letters.count(letter)}.")

    @property
    def side(self) -> int:
        """The longer side, in cells."""
        return max(len(self.rows), len(self.rows[0]))

    @property
    def start(self) -> Cell:
        """Where the player starts."""
        return self._only("S")

    @property
    def goal(self) -> Cell:
        """Where the player should arrive."""
        return self._only("G")

    @property
    def holes(self) -> tuple[Cell, ...]:
        """All holes, row by row."""
        return tuple((i, j) for i, row in enumerate(self.rows) for j, letter in enumerate(row) if letter == "H")

    def step(self, cell: Cell, move: str) -> Cell:
        """The cell reached by one move; off the edge it is the same cell.

        Raises:
            UsageError: The move is not one of L, D, R, U.
        """
        if move not in MOVES:
            raise UsageError(f"{move!r} is not a move; moves are L, D, R and U.")
        row, col = cell[0] + MOVES[move][0], cell[1] + MOVES[move][1]
        inside = 0 <= row < len(self.rows) and 0 <= col < len(self.rows[0])
        return (row, col) if inside else cell

    def simulate(self, plan: str, *, stop_at_goal: bool = True) -> LakeWalk:
        """Follow a plan. A hole always ends the walk.

        Args:
            plan: Letters L, D, R, U without separators.
            stop_at_goal: Whether the goal ends the walk too: so in navigation, not in verification, where
                only holes matter.

        Raises:
            UsageError: The plan holds another letter.
        """
        cell = self.start
        cells = [cell]
        reached = False
        for move in plan:
            cell = self.step(cell, move)
            cells.append(cell)
            reached = reached or cell == self.goal
            if self._at(cell) == "H" or (stop_at_goal and reached):
                break
        return LakeWalk(reached, self._at(cell) == "H", tuple(cells))

    def shortest_plan(self) -> str | None:
        """A shortest plan from start to goal by breadth-first search, or None where there is none.

        Among equally short plans the one that comes first in the order D, R, U, L.
        """
        start, goal = self.start, self.goal
        plans = {start: ""}
        queue = deque([start])
        while queue:
            cell = queue.popleft()
            if cell == goal:
                return plans[cell]
            for move in MOVES:
                after = self.step(cell, move)
                if after not in plans and self._at(after) != "H":
                    plans[after] = plans[cell] + move
                    queue.append(after)
        return None

    @classmethod
    def generate(cls, rng: np.random.Generator, side: int, hole_density: float = 0.2) -> Lake:
        """Draw a map with start and goal anywhere that can be solved from its start.

        Args:
            rng: Source of randomness.
            side: Cells per side, 2 to ``MAX_SIDE``.
            hole_density: Chance of each other cell to be a hole, in [0, 1).

        Raises:
            UsageError: An argument is out of range, or no solvable map was found.
        """
        if not 2 <= side <= MAX_SIDE:
            raise UsageError(f"A side of {side} cells was asked for; give 2 to {MAX_SIDE}.")
        if not 0 <= hole_density < 1:
            raise UsageError(f"A hole density of {hole_density} was asked for; give a number in [0, 1).")
        for _ in range(_MAX_DRAWS):
            letters = np.where(rng.random(side * side) < hole_density, "H", "F")
            start, goal = rng.choice(side * side, size=2, replace=False)
            letters[start], letters[goal] = "S", "G"
            lake = cls(tuple("".join(row) for row in letters.reshape(side, side)))
            if lake.shortest_plan() is not None:
                return lake
        raise UsageError(
            f"No solvable {side}x{side} map in {_MAX_DRAWS} draws at hole density {hole_density}; lower the density."
        )

    def _at(self, cell: Cell) -> str:
        return self.rows[cell[0]][cell[1]]

    def _only(self, letter: str) -> Cell:
        return divmod("".join(self.rows).index(letter), len(self.rows[0]))
