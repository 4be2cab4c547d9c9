"""Jigsaw puzzles by trial and error, as in AdaReasoner's cold-start trajectories (arXiv 2601.18631, Figure 6).

DetectBlackArea, then InsertImage of each candidate in turn. What the expert looks at is what the tool returned: how
well the colours go on across the edges of the filled box. It answers the candidate that fits best.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adagym.agents.experts.base import GIVE_UP, Move, Scene
from adagym.rewards.choices import LETTERS
from adagym.types import Array, ToolCall

Box = Sequence[int]
"""``[x1, y1, x2, y2]`` in pixels, the last two exclusive."""


def fit_in(scene: Scene) -> Move:
    """Find the hole, try every candidate in it, answer the best."""
    letters = candidates(scene.prompt)
    if scene.turn == 0:
        call = ToolCall("DetectBlackArea", {"image": scene.image_name})
        return Move("Find the missing part.", call)
    box = hole(scene.results[0].get("boxes"))
    if box is None or not letters:
        return Move("The missing part cannot be found.", answer=GIVE_UP)
    tried = scene.turn - 1
    if tried < len(letters):
        return Move(f"Try candidate {letters[tried]}.", insertion(scene, box, tried))
    gaps = [np.inf if picture is None else gap(picture, box) for picture in inserted(scene, len(letters))]
    if min(gaps) == np.inf:
        return Move("No candidate can be seen in its place.", answer=GIVE_UP)
    best = letters[int(np.argmin(gaps))]
    return Move(f"At the edges {best} fits best.", answer=best)


def candidates(prompt: str) -> str:
    """The letters of the options that a prompt lists as ``(A) ... (B) ...``, without repetition."""
    listed = dict.fromkeys(re.findall(r"\(([A-Z])\)", prompt))
    return "".join(letter for letter, known in zip(listed, LETTERS, strict=False) if letter == known)


def hole(boxes: object) -> list[int] | None:
    """The largest black area, if there is one."""
    if not isinstance(boxes, list) or not boxes or not isinstance(boxes[0], list):
        return None
    return [int(value) for value in boxes[0]]


def insertion(scene: Scene, box: Box, number: int) -> ToolCall:
    """The call that puts a candidate, counted from 0, into the hole; it is the picture that many after the first."""
    names = list(scene.images)
    arguments = {"base_image": scene.image_name, "image_to_insert": names[1 + number], "coordinates": list(box)}
    return ToolCall("InsertImage", arguments)


def inserted(scene: Scene, count: int) -> list[Array | None]:
    """The picture that each insertion gave; None where it failed or pictures of tools are not shown.

    Args:
        scene: What the expert sees.
        count: Number of candidates. Their pictures follow the puzzle's, then come those of tools, in order.
    """
    made = iter(list(scene.images.values())[1 + count :])
    return [next(made, None) if result.get("status") == "success" else None for result in scene.results[1:]]


def gap(picture: Array, box: Box) -> float:
    """How badly a filled box fits into its picture: the mean step in colour across its edges, in grey levels.

    Args:
        picture: ``(height, width, 3)`` RGB.
        box: The filled box. Its edges on the picture's border do not count.
    """
    steps = list(edge_steps(picture, box).values())
    return float(np.concatenate(steps).mean()) if steps else 0.0


def edge_steps(picture: Array, box: Box) -> dict[str, NDArray[np.float64]]:
    """For each edge of a box that lies inside the picture, the steps in colour across it, pixel by pixel."""
    x1, y1, x2, y2 = box
    pixels = picture.astype(np.int16)
    across, along = pixels[:, x1:x2], pixels[y1:y2].transpose(1, 0, 2)
    edges = {"upper": (across, y1), "lower": (across, y2), "left": (along, x1), "right": (along, x2)}
    return {
        side: np.abs(strip[at] - strip[at - 1]).mean(axis=-1)
        for side, (strip, at) in edges.items()
        if 0 < at < len(strip)
    }
