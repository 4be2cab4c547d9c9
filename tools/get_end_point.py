"""GetEndPoint: where the goal of a frozen-lake map is. AdaReasoner asks its Point tool for the gift."""

from __future__ import annotations

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.drawing import draw_stars
from adagym.tools.map_points import the_centre_of
from adagym.tools.values import ImageArg


def get_end_point(image: ImageArg) -> ToolOutput:
    """Find the goal of a map. Returns its pixel coordinates and marks it with a star.

    Args:
        image: The image of the map, for example img_1.
    """
    found = the_centre_of(image, "G", "No goal detected in the image.")
    return ToolOutput({"end_point": found}, (draw_stars(image, [found]),))


GET_END_POINT = Tool.of(get_end_point, "GetEndPoint")
