"""Point: where the things described are. Here it reads frozen-lake maps from their pixels.

AdaReasoner runs Molmo-7B-D for this (``online_workers``); same parameters and result fields.
"""

from __future__ import annotations

import re

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.drawing import draw_stars
from adagym.tools.maps import read_map
from adagym.tools.values import ImageArg

NOTHING_FOUND = "No valid points detected in the response."
_WORDS = {
    "S": {"elf", "player", "start", "starting", "agent", "character", "person", "figure"},
    "G": {"gift", "goal", "present", "flag", "target", "destination", "finish", "treasure"},
    "H": {"hole", "water", "pit", "trap"},
}
"""Words by which each kind of cell may be called, in the singular."""


def point(image: ImageArg, description: str) -> ToolOutput:
    """Find every object that fits a description and return the pixel coordinates of each. Marks them with stars.

    Args:
        image: The image to look at, for example img_1.
        description: What to find, for example Elf, Gift or Ice Holes.
    """
    reading = read_map(image)
    kind = _kind(description)
    points = reading.centres(kind) if reading is not None and kind is not None else []
    height, width = image.shape[:2]
    data = {"points": points, "image_dimensions_pixels": {"width": width, "height": height}}
    if not points:
        return ToolOutput(data, message=NOTHING_FOUND)
    return ToolOutput(data, (draw_stars(image, points),))


def _kind(description: str) -> str | None:
    """The kind of cell whose words the description holds, if it holds those of one kind only."""
    words = [word.removesuffix("s") for word in re.findall(r"[a-z]+", description.lower())]
    kinds = {kind for kind, names in _WORDS.items() if names & set(words)}
    return kinds.pop() if len(kinds) == 1 else None


POINT = Tool.of(point, "Point", online=True)
