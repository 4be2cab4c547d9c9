"""What the frozen-lake blueprints share: calls, maps put together from pointed cells, wrong candidates, verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from adagym.agents.blueprints.base import Case, Desk, Envelope, Part, Unfit
from adagym.agents.blueprints.lake_words import WORDINGS
from adagym.envs.lake import MOVES, Lake
from adagym.tools.maps import MapReading, read_map
from adagym.types import ToolCall

INSERTED = 0.3
"""Share of slips that insert a move; the others change one (AdaReasoner, ``path_navigation_stage2.py``)."""

_TRIES = 64

Points = list[list[int]]
"""Pixels ``[[x, y], ...]``."""


class LakeDesk(Desk):
    """Makes the moves of a frozen-lake plan.

    Args:
        case: What the plan has to work with.
        stumble: The step at which calls fail, such as ``Elf`` or ``draw``; None where all succeed.
        fallback: Whether the second try at that step fails too.

    Raises:
        Unfit: The picture shows no map.
    """

    def __init__(self, case: Case, stumble: str | None = None, fallback: bool = False) -> None:
        super().__init__(case, WORDINGS, stumble, fallback)
        reading = read_map(case.scene.image)
        if reading is None:
            raise Unfit("the picture shows no map")
        self.reading: MapReading = reading

    def point(self, description: str, think: str) -> Part:
        """Have something pointed out; the result holds its points."""
        call = ToolCall("Point", {"image": self.case.scene.image_name, "description": description})
        return self.call(description, think, call)

    def draw(self, start: Sequence[int], moves: str, think: str) -> Part:
        """Have a path drawn; the result holds the points it passes."""
        arguments = {
            "image": self.case.scene.image_name,
            "start_point": list(start),
            "directions": ",".join(moves),
        }
        return self.call("draw", think, ToolCall("Draw2DPath", arguments))

    def seen(self) -> str:
        """The map in words, as read by one's own eyes."""
        places = {
            kind: ", ".join(f"({y + 1}, {x + 1})" for y, x in _cells(self.reading, kind)) or "nowhere" for kind in "SGH"
        }
        return self.voice.say("seen", elf=places["S"], gift=places["G"], holes=places["H"])


def points_of(result: Envelope) -> Points:
    """The points that a call returned."""
    return [list(point) for point in result.get("points", [])]


def only(points: Points) -> list[int]:
    """The one point there is.

    Raises:
        Unfit: There is none, or several.
    """
    if len(points) != 1:
        raise Unfit(f"{len(points)} things were pointed at where one is expected")
    return points[0]


def lake_of(reading: MapReading, start: Sequence[int], goal: Sequence[int], holes: Points) -> Lake:
    """The map that pointed cells make up; its size is that of the picture's frames."""
    rows = [["F"] * reading.cols for _ in range(reading.rows)]
    for letter, points in (("H", holes), ("S", [start]), ("G", [goal])):
        for x, y in points:
            rows[y // reading.cell][x // reading.cell] = letter
    return Lake(tuple("".join(row) for row in rows))


def stays(reading: MapReading, start: Sequence[int], moves: str) -> bool:
    """Whether a path from a pixel ``[x, y]`` stays on the map, so that it can be drawn."""
    col, row = start[0] // reading.cell, start[1] // reading.cell
    for move in moves:
        row, col = row + MOVES[move][0], col + MOVES[move][1]
        if not (0 <= row < reading.rows and 0 <= col < reading.cols):
            return False
    return True


def slip(rng: np.random.Generator, moves: str) -> str:
    """A path with one mistake: one move changed, or one more."""
    letters = list(MOVES)
    if rng.random() < INSERTED:
        place = int(rng.integers(len(moves) + 1))
        return moves[:place] + str(rng.choice(letters)) + moves[place:]
    place = int(rng.integers(len(moves)))
    other = [letter for letter in letters if letter != moves[place]]
    return moves[:place] + str(rng.choice(other)) + moves[place + 1 :]


def slips(rng: np.random.Generator, moves: str, shown: Sequence[str], fits: Callable[[str], bool]) -> str:
    """A path with one mistake.

    Args:
        rng: Source of randomness.
        moves: The right path.
        shown: Paths already drawn; they are not repeated.
        fits: Whether a path may be drawn as a wrong one.

    Raises:
        Unfit: None was found.
    """
    for _ in range(_TRIES):
        wrong = slip(rng, moves)
        if wrong not in (moves, *shown) and fits(wrong):
            return wrong
    raise Unfit("no wrong path can be drawn on this map")


def _cells(reading: MapReading, kind: str) -> list[tuple[int, int]]:
    """Rows and columns of all cells of a kind."""
    return [(y, x) for y, row in enumerate(reading.kinds) for x, letter in enumerate(row) if letter == kind]
