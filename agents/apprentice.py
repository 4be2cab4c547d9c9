"""The apprentice: demonstrations of mixed quality for the cold start.

A curated data set is never all perfect, and what reinforcement learning has to find out is which way of
working pays. The apprentice works in one of three ways, drawn per episode:

- *careful*: the expert's blueprint;
- *hasty*: it never looks for the holes and plans with none;
- *guess*: it calls no tool and answers a straight path from what it sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adagym.agents.base import Agent, Conversation
from adagym.agents.scripted import Move, Scene, navigate, read_scene, write_move
from adagym.errors import UsageError
from adagym.tools.maps import read_map
from adagym.types import ToolCall

_NO_MAP = "The apprentice reads maps, and this picture shows no player or no goal. Use a source of `vsp_navigation`."


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
    """Plays ``vsp_navigation`` in a mixture of ways.

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
        if conversation.family != "vsp_navigation":
            raise UsageError(f"The apprentice plays the family `vsp_navigation`, not `{conversation.family}`.")
        scene = read_scene(conversation)
        # The episode's seed fixes the way for all of its turns.
        draw = np.random.default_rng(conversation.seed).random()
        if draw < self.mix.careful:
            move = navigate(scene)
        else:
            move = _hasty(scene) if draw < self.mix.careful + self.mix.hasty else _guess(scene)
        return write_move(move, conversation)


def _hasty(scene: Scene) -> Move:
    if scene.turn < 2:
        return navigate(scene)
    start, goal = scene.points(0), scene.points(1)
    if not start or not goal:
        raise UsageError(_NO_MAP)
    if scene.turn == 2:
        arguments = {"start": start[0], "goal": goal[0], "obstacles": []}
        return Move("Plan a straight path.", ToolCall("AStar", arguments))
    return Move("The path is safe.", answer=str(scene.results[2].get("path", "")))


def _guess(scene: Scene) -> Move:
    reading = read_map(scene.image)
    if reading is None or not reading.centres("S") or not reading.centres("G"):
        raise UsageError(_NO_MAP)
    (x, y), (goal_x, goal_y) = reading.centres("S")[0], reading.centres("G")[0]
    across, down = (goal_x - x) // reading.cell, (goal_y - y) // reading.cell
    moves = ("D" if down > 0 else "U") * abs(down) + ("R" if across > 0 else "L") * abs(across)
    return Move("I can see it.", answer=",".join(moves))
