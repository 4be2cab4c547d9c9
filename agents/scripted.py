"""The expert: a fixed blueprint of thoughts, tool calls and an answer per task family.

Blueprints follow AdaReasoner's cold-start trajectories (arXiv 2601.18631, Figure 5):

* ``vsp_navigation``: Point(Elf), Point(Gift), Point(Ice Holes), AStar, answer;
* ``vsp_verification``: Point(Elf), Point(Ice Holes), answer by walking the sequence over the pointed cells.

With ``draw`` the path is also drawn (Draw2DPath) before the answer. The expert sees what a model sees,
the messages and the tools' results, and never the task behind them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adagym.agents.base import Agent, Conversation
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.tools.maps import MapReading, read_map
from adagym.types import Array, ImageBlock, TextBlock, ToolCall

_STEPS = {"L": (-1, 0), "D": (0, 1), "R": (1, 0), "U": (0, -1)}
"""Letter to ``(x, y)`` step."""

_SEQUENCE = re.compile(r"action sequence is:?\s*([LDRU](?:[\s,]*[LDRU])*)")

_GIVE_UP = "unknown"


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
    image: Array
    results: tuple[Mapping[str, Any], ...]
    """Result envelopes of the calls made so far, in order; empty where a turn returned none."""
    draw: bool

    @property
    def turn(self) -> int:
        """Number of calls made so far."""
        return len(self.results)

    def points(self, turn: int) -> list[list[int]]:
        """The points the call of that turn found."""
        return [list(point) for point in self.results[turn].get("points", [])]


Blueprint = Callable[[Scene], Move]


class ExpertAgent(Agent):
    """Plays a task family's blueprint. Deterministic, with no state between turns.

    Args:
        draw: Whether paths are also drawn on the picture before the answer.
    """

    name = "expert"

    def __init__(self, draw: bool = False) -> None:
        super().__init__()
        self.draw = draw

    @classmethod
    def from_spec(cls, argument: str | None) -> ExpertAgent:
        """Build from ``expert`` or ``expert:draw``.

        Raises:
            UsageError: The argument is another one.
        """
        if argument not in (None, "draw"):
            raise UsageError(f"The expert is written `expert` or `expert:draw`, not `expert:{argument}`.")
        return cls(draw=argument == "draw")

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write the blueprint's next turn for each conversation.

        Raises:
            UsageError: There is no blueprint for the family, or it needs a tool that is not offered.
        """
        return [self._write(conversation) for conversation in conversations]

    def _write(self, conversation: Conversation) -> str:
        if conversation.family not in BLUEPRINTS:
            raise UsageError(
                f"The expert has no blueprint for the family `{conversation.family}`; it plays {', '.join(BLUEPRINTS)}."
            )
        return write_move(BLUEPRINTS[conversation.family](read_scene(conversation, self.draw)), conversation)


def write_move(move: Move, conversation: Conversation) -> str:
    """Write a move in the conversation's dialect and under the tools' current names.

    Raises:
        UsageError: It calls a tool that is not offered.
    """
    dialect = DIALECTS.load(conversation.dialect)
    if move.call is None:
        return dialect.write_answer(move.answer, move.think)
    if move.call.name not in conversation.offered:
        raise UsageError(
            f"The script for `{conversation.family}` calls {move.call.name}, but the environment offers "
            f"{', '.join(conversation.offered) or 'no tools'}. Make the environment with its default tools."
        )
    call = move.call if conversation.disguise is None else conversation.disguise.mask_call(move.call)
    return dialect.write_call(call, move.think)


def read_scene(conversation: Conversation, draw: bool = False) -> Scene:
    """Collect prompt, picture and tool results, with their original fields, from a conversation.

    Raises:
        UsageError: The conversation holds no picture.
    """
    blocks = [block for message in conversation.messages for block in message.content]
    picture = next((block for block in blocks if isinstance(block, ImageBlock)), None)
    if picture is None:
        raise UsageError("The expert reads a picture, and this conversation holds none. Show it the task's image.")
    prompt = next(message.text for message in conversation.messages if message.role == "user")
    replies = [
        after
        for before, after in zip(conversation.messages, conversation.messages[1:], strict=False)
        if before.role == "assistant"
    ]
    results = tuple(_envelope(next((b.text for b in r.content if isinstance(b, TextBlock)), "")) for r in replies)
    if conversation.disguise is not None:
        results = tuple(map(conversation.disguise.unmask_envelope, results))
    return Scene(prompt, picture.name, picture.image, results, draw)


def navigate(scene: Scene) -> Move:
    """Locate player, goal and holes, have a path planned, answer it."""
    if scene.turn == 0:
        return _point(scene, "Elf", "Find the player.")
    if scene.turn == 1:
        return _point(scene, "Gift", "Find the goal.")
    if scene.turn == 2:
        return _point(scene, "Ice Holes", "Find the holes.")
    start, goal, holes = (scene.points(turn) for turn in range(3))
    if not start or not goal:
        return Move("The map cannot be read.", answer=_GIVE_UP)
    if scene.turn == 3:
        arguments = {"start": start[0], "goal": goal[0], "obstacles": holes}
        return Move("Plan a path around the holes.", ToolCall("AStar", arguments))
    path = str(scene.results[3].get("path", ""))
    if scene.draw and path and scene.turn == 4:
        return _draw(scene, start[0], path)
    return Move("The path is safe.", answer=path or _GIVE_UP)


def verify(scene: Scene) -> Move:
    """Locate player and holes, then walk the given sequence over the pointed cells."""
    if scene.turn == 0:
        return _point(scene, "Elf", "Find the player.")
    if scene.turn == 1:
        return _point(scene, "Ice Holes", "Find the holes.")
    start, holes = scene.points(0), scene.points(1)
    match = _SEQUENCE.search(scene.prompt)
    reading = read_map(scene.image)
    if not start or match is None or reading is None:
        return Move("The map or the sequence cannot be read.", answer=_GIVE_UP)
    sequence = re.sub(r"[\s,]", "", match[1])
    if scene.draw and scene.turn == 2:
        return _draw(scene, start[0], ",".join(sequence))
    return Move("Walk the sequence.", answer="Yes" if is_safe(reading, start[0], holes, sequence) else "No")


def is_safe(reading: MapReading, start: Sequence[int], holes: Sequence[Sequence[int]], sequence: str) -> bool:
    """Walk letters over a map's cells; moving off the edge has no effect, passing the goal does not stop.

    Args:
        reading: The map; only its cell size and number of cells count here.
        start: Pixel ``[x, y]`` of the player.
        holes: Pixels ``[x, y]`` of the holes.
        sequence: Letters of ``LDRU``.

    Returns:
        Whether no step leads into a hole.
    """
    bad = {(x // reading.cell, y // reading.cell) for x, y in holes}
    x, y = start[0] // reading.cell, start[1] // reading.cell
    for letter in sequence:
        step = _STEPS[letter]
        x = min(max(x + step[0], 0), reading.cols - 1)
        y = min(max(y + step[1], 0), reading.rows - 1)
        if (x, y) in bad:
            return False
    return True


def _point(scene: Scene, description: str, think: str) -> Move:
    return Move(think, ToolCall("Point", {"image": scene.image_name, "description": description}))


def _draw(scene: Scene, start: Sequence[int], directions: str) -> Move:
    arguments = {"image": scene.image_name, "start_point": list(start), "directions": directions}
    return Move("Draw the path.", ToolCall("Draw2DPath", arguments))


def _envelope(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:  # a complaint in plain words instead of a result
        return {}
    return value if isinstance(value, dict) else {}


BLUEPRINTS: dict[str, Blueprint] = {"vsp_navigation": navigate, "vsp_verification": verify}
"""Family to blueprint."""
