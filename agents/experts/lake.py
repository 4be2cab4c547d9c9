"""Frozen-lake maps, as in AdaReasoner's cold-start trajectories (arXiv 2601.18631, Figure 5).

* ``vsp_navigation``: Point(Elf), Point(Gift), Point(Ice Holes), AStar, answer;
* ``vsp_verification``: Point(Elf), Point(Ice Holes), answer by walking the sequence over the pointed cells.

Where the scene says so the path is also drawn (Draw2DPath) before the answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from adagym.agents.experts.base import GIVE_UP, Move, Scene
from adagym.tools.maps import MapReading, read_map
from adagym.types import ToolCall

_STEPS = {"L": (-1, 0), "D": (0, 1), "R": (1, 0), "U": (0, -1)}
"""Letter to ``(x, y)`` step."""

_SEQUENCE = re.compile(r"action sequence is:?\s*([LDRU](?:[\s,]*[LDRU])*)")


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
        return Move("The map cannot be read.", answer=GIVE_UP)
    if scene.turn == 3:
        arguments = {"start": start[0], "goal": goal[0], "obstacles": holes}
        return Move("Plan a path around the holes.", ToolCall("AStar", arguments))
    path = str(scene.results[3].get("path", ""))
    if scene.draw and path and scene.turn == 4:
        return _draw(scene, start[0], path)
    return Move("The path is safe.", answer=path or GIVE_UP)


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
        return Move("The map or the sequence cannot be read.", answer=GIVE_UP)
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
