"""DrawDashLinePath: a sequence of moves drawn as a dashed blue path.

Like Draw2DPath it measures the length of a move on the picture, refuses what the original drops or draws outside, and
says in numbers where the path goes.
"""

from __future__ import annotations

from adagym.tools.astar import cell_size_of
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.draw_path import read_moves, stops, walk
from adagym.tools.drawing import COLOURS, draw_dashed_arrows
from adagym.tools.values import ImageArg, Point, PointArg
from adagym.types import Array

_WIDTH = 3
"""Pixels."""


def draw_dash_line_path(image: ImageArg, start_point: PointArg, directions: str) -> ToolOutput:
    """Draw a path of moves on an image as a dashed blue line and return the points it passes, each once.

    Args:
        image: The image to draw on, for example img_1.
        start_point: Where the path begins, [x, y] in pixels.
        directions: The moves, for example R,R,D.
    """
    points = _points(image, start_point, directions)
    picture = draw_dashed_arrows(image, points, COLOURS["blue"], _WIDTH)
    return ToolOutput(stops(points), (picture,), "Dashed path drawn successfully")


def _points(image: Array, start_point: Point, directions: str) -> list[Point]:
    return walk(image, start_point, read_moves(directions), cell_size_of(image, None, "step"))


DRAW_DASH_LINE_PATH = Tool.of(draw_dash_line_path, "DrawDashLinePath", check=_points)
