"""GetObstacles: where the holes of a frozen-lake map are. AdaReasoner asks its Point tool for ice holes."""

from __future__ import annotations

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.drawing import draw_stars
from adagym.tools.map_points import centres_of
from adagym.tools.values import ImageArg


def get_obstacles(image: ImageArg) -> ToolOutput:
    """Find all obstacles on a map. Returns their pixel coordinates, row by row, and marks them with stars.

    Args:
        image: The image of the map, for example img_1.
    """
    found = centres_of(image, "H")
    pictures = (draw_stars(image, found),) if found else ()
    return ToolOutput({"obstacles": found}, pictures, f"Detected {len(found)} obstacle(s)")


GET_OBSTACLES = Tool.of(get_obstacles, "GetObstacles")
