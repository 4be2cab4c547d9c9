"""The apprentice: demonstrations of mixed quality for the cold start.

A curated data set is never all perfect, and what reinforcement learning has to find out is which way of
working pays. The apprentice works in one of three ways, drawn per episode:

- *careful*: it looks at everything before it decides;
- *hasty*: it never looks for the holes;
- *guess*: it calls no tool and answers from what it is told or sees, or by chance. Without tools it always guesses.

How a careful navigator finds its path depends on the tools offered: AStar plans it, or, without AStar, it drafts a
straight path, draws it, checks it against the holes, and drafts one other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adagym.agents.base import Agent, Conversation
from adagym.agents.experts.base import Move, Scene
from adagym.agents.experts.lake import navigate, verify
from adagym.agents.scripted import read_scene, write_move
from adagym.errors import UsageError
from adagym.tools.maps import read_map
from adagym.types import ToolCall

_NO_MAP = "The apprentice reads maps, and this picture shows no player or no goal. Use a source of frozen-lake maps."
_TOLD = re.compile(r"has walked ([LDRU](?:,[LDRU])*) safely")


@dataclass(frozen=True)
class Mix:
    """Shares of the ways of working; they add up to 1."""

    careful: float = 0.35
    hasty: float = 0.4
    guess: float = 0.25

    def __post_init__(self) -> None:
        """Check the shares."""
        shares = (self.careful, self.hasty, self.guess)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise UsageError(f"The shares of a mix are not negative and add up to 1: {self}.")


class ApprenticeAgent(Agent):
    """Plays frozen-lake tasks in a mixture of ways.

    Args:
        mix: How often each way is taken.
    """

    name = "apprentice"

    def __init__(self, mix: Mix | None = None) -> None:
        super().__init__()
        self.mix = mix or Mix()

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write the next turn of each conversation.

        Raises:
            UsageError: The family is another one, a tool is missing, or the first picture is no map.
        """
        return [self._write(conversation) for conversation in conversations]

    def _write(self, conversation: Conversation) -> str:
        ways = WAYS.get(conversation.family)
        if ways is None:
            raise UsageError(f"The apprentice plays {', '.join(WAYS)}, not `{conversation.family}`.")
        scene = read_scene(conversation)
        # The episode's seed fixes the way for all of its turns.
        way, coin = np.random.default_rng(conversation.seed).random(2)
        number = 0 if way < self.mix.careful else 1 if way < self.mix.careful + self.mix.hasty else 2
        if not conversation.tools:
            return write_move(ways.guess(scene, coin), conversation)
        plans = "AStar" in conversation.offered
        careful = ways.careful if plans or ways.draft is None else ways.draft
        return write_move((careful, ways.hasty, ways.guess)[number](scene, coin), conversation)


Way = Callable[[Scene, float], Move]
"""The next move, given what is known and a number drawn from [0, 1) for the whole episode."""


@dataclass(frozen=True)
class Ways:
    """The three ways of working on a family."""

    careful: Way
    hasty: Way
    guess: Way
    draft: Way | None = None
    """What is careful without a planner; None is the same as with one."""


def judged(points: Sequence[Sequence[int]], holes: Sequence[Sequence[int]]) -> tuple[str, bool]:
    """A thought that names the points of a path that are holes, and whether there are none."""
    met = [list(point) for point in points if list(point) in [list(hole) for hole in holes]]
    return f"On the path and a hole: {met}", not met


def straight(start: Sequence[int], goal: Sequence[int], cell: int, across_first: bool = False) -> str:
    """The moves from one place to another with a single turn, such as ``D,D,R``."""
    across, down = (goal[0] - start[0]) // cell, (goal[1] - start[1]) // cell
    legs = ["D" if down > 0 else "U"] * abs(down), ["R" if across > 0 else "L"] * abs(across)
    return ",".join([*legs[1], *legs[0]] if across_first else [*legs[0], *legs[1]])


def _navigate_carefully(scene: Scene, coin: float) -> Move:
    return navigate(scene)


def _draft(scene: Scene, coin: float) -> Move:
    """Look, draw a straight path, and another one if the first leads through a hole."""
    if scene.turn < 3:
        return navigate(scene)
    start, goal, holes = _first(scene.points(0)), _first(scene.points(1)), scene.points(2)
    cell = _cell(scene)
    drafts = [straight(start, goal, cell), straight(start, goal, cell, across_first=True)]
    think = "Plan a path around the holes."
    for number, draft in enumerate(drafts):
        if scene.turn == 3 + number:
            arguments = {"image": scene.image_name, "start_point": start, "directions": draft}
            return Move(think, ToolCall("Draw2DPath", arguments))
        think, safe = judged(scene.points(3 + number)[1:], holes)
        if safe:
            return Move(think, answer=draft)
    return Move(think, answer=drafts[0])


def _navigate_hastily(scene: Scene, coin: float) -> Move:
    if scene.turn < 2:
        return navigate(scene)
    start, goal = _first(scene.points(0)), _first(scene.points(1))
    if scene.turn == 2:
        arguments = {"start": start, "goal": goal, "obstacles": []}
        return Move("Plan a straight path.", ToolCall("AStar", arguments))
    return Move("The path is safe.", answer=str(scene.results[2].get("path", "")))


def _navigate_blindly(scene: Scene, coin: float) -> Move:
    told = _TOLD.search(scene.prompt)
    if told is not None:
        return Move("I am told.", answer=told[1])
    reading = read_map(scene.image)
    if reading is None:
        raise UsageError(_NO_MAP)
    start, goal = _first(reading.centres("S")), _first(reading.centres("G"))
    return Move("I can see it.", answer=straight(start, goal, reading.cell))


def _verify_carefully(scene: Scene, coin: float) -> Move:
    """Draw the path, and look for holes on it; where drawings cannot be looked at, go through its points."""
    if scene.turn == 0:
        return verify(scene)
    if scene.made[0]:
        return _look_at_drawing(scene)
    if scene.turn < 3:
        return verify(replace(scene, draw=True))
    think, safe = judged(scene.points(2)[1:], scene.points(1))
    return Move(think, answer="Yes" if safe else "No")


def _look_at_drawing(scene: Scene) -> Move:
    if scene.turn == 1:
        return _draw_at_once(scene)
    if scene.turn == 2 and scene.made[1]:
        arguments = {"image": scene.made[1][0], "description": "Ice Holes on the path"}
        return Move("Look for holes on the path.", ToolCall("Point", arguments))
    met = scene.points(scene.turn - 1)
    return Move(f"Holes on the path: {met}", answer="No" if met else "Yes")


def _draw_at_once(scene: Scene) -> Move:
    """Draw the given path without looking for the holes first."""
    return verify(replace(scene, results=(scene.results[0], {}), draw=True))


def _verify_hastily(scene: Scene, coin: float) -> Move:
    """Draw the path without looking for the holes."""
    if scene.turn == 0:
        return verify(scene)
    if scene.turn == 1:
        return _draw_at_once(scene)
    return Move("The path looks fine.", answer="Yes" if coin < 0.5 else "No")


def _verify_blindly(scene: Scene, coin: float) -> Move:
    return Move("I can see it.", answer="Yes" if coin < 0.5 else "No")


def _cell(scene: Scene) -> int:
    reading = read_map(scene.image)
    if reading is None:
        raise UsageError(_NO_MAP)
    return reading.cell


def _first(points: Sequence[list[int]]) -> list[int]:
    if not points:
        raise UsageError(_NO_MAP)
    return list(points[0])


WAYS: dict[str, Ways] = {
    "vsp_navigation": Ways(_navigate_carefully, _navigate_hastily, _navigate_blindly, draft=_draft),
    "vsp_verification": Ways(_verify_carefully, _verify_hastily, _verify_blindly),
}
"""Family to ways."""
