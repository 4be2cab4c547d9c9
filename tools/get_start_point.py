"""GetStartPoint: where the player stands on a frozen-lake map. AdaReasoner asks its Point tool for the elf."""

from __future__ import annotations

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.drawing import draw_stars
from adagym.tools.map_points import the_centre_of
from adagym.tools.values import ImageArg


def get_start_point(image: ImageArg) -> ToolOutput:
    """Find the starting position on a map. Returns its pixel coordinates and marks it with a star.

    Args:
        image: The image of the map, for example img_1.
    """
    found = the_centre_of(image, "S", "No starting position detected in the image.")
    return ToolOutput({"start_point": found}, (draw_stars(image, [found]),))


GET_START_POINT = Tool.of(get_start_point, "GetStartPoint")
