"""Point: where the things described are.

AdaReasoner runs Molmo-7B-D for this (``online_workers``); same parameters and result fields. Here several backends
answer in turn, and ``ADAGYM_POINT`` chooses others (``adagym.tools.pointing.choose``). On photos and screens they may
miss things and point at wrong ones.
"""

from __future__ import annotations

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.drawing import draw_stars
from adagym.tools.pointing.choose import locate
from adagym.tools.values import ImageArg

NOTHING_FOUND = "No valid points detected in the response."


def point(image: ImageArg, description: str) -> ToolOutput:
    """Find every object that fits a description and return the pixel coordinates of each. Marks them with stars.

    Args:
        image: The image to look at, for example img_1.
        description: What to find, for example Elf, Gift or Ice Holes.
    """
    points = locate(image, description)
    height, width = image.shape[:2]
    data = {"points": points, "image_dimensions_pixels": {"width": width, "height": height}}
    if not points:
        return ToolOutput(data, message=NOTHING_FOUND)
    return ToolOutput(data, (draw_stars(image, points),))


POINT = Tool.of(point, "Point", online=True, slow=True)
