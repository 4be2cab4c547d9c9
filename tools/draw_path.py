"""Draw2DPath: a sequence of moves drawn on the picture with arrow heads.

Unlike the original it refuses directions it does not know and paths that leave the picture, and it says in numbers
which points the path passes, each once, and where it ends, which the original only shows.
"""

from __future__ import annotations

import re
from typing import Any

from adagym.tools.astar import cell_size_of
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.drawing import COLOURS, draw_arrows
from adagym.tools.values import ImageArg, Point, PointArg, invalid
from adagym.types import Array

_MOVES = {"L": (-1, 0), "U": (0, -1), "D": (0, 1), "R": (1, 0)}


def draw_2d_path(
    image: ImageArg,
    start_point: PointArg,
    directions: str,
    step: int | None = None,
    pixel_coordinate: bool = True,
    line_width: int = 3,
    line_color: str = "red",
) -> ToolOutput:
    """Draw a path of moves on an image and return the points it passes, each once. Each move ends with an arrow head.

    Args:
        image: The image to draw on, for example img_1.
        start_point: Where the path begins, [x, y] in pixels.
        directions: The moves, for example R,R,D.
        step: Pixels per move; measured on the image if left out.
        pixel_coordinate: Whether start_point is in pixels; if false, it is a column and row counted from 1.
        line_width: Pixels.
        line_color: red, green, blue, yellow, magenta or cyan.
    """
    points = _points(image, start_point, directions, step, pixel_coordinate, line_width, line_color)
    picture = draw_arrows(image, points, COLOURS[line_color], line_width)
    return ToolOutput(stops(points), (picture,), "Path drawn successfully")


def _points(
    image: Array,
    start_point: Point,
    directions: str,
    step: int | None,
    pixel_coordinate: bool,
    line_width: int,
    line_color: str,
) -> list[Point]:
    """Where the path goes.

    Raises:
        ToolError: An argument cannot be used.
    """
    moves = read_moves(directions)
    size = cell_size_of(image, step, "step")
    if line_color not in COLOURS:
        raise invalid(f"`line_color` must be one of {', '.join(COLOURS)}, not {line_color[:40]!r}.", "line_color")
    if not 1 <= line_width <= 32:
        raise invalid(f"`line_width` must be 1 to 32 pixels, not {line_width}.", "line_width")
    x, y = start_point if pixel_coordinate else tuple((value - 1) * size + size // 2 for value in start_point)
    return walk(image, (x, y), moves, size)


def walk(image: Array, start: Point, moves: str, size: int) -> list[Point]:
    """The start of a path and the end of each move.

    Args:
        image: The picture that the path may not leave.
        start: Where it begins, in pixels.
        moves: Letters, as :func:`read_moves` returns them.
        size: Pixels per move.

    Raises:
        ToolError: The path leaves the picture, or begins outside.
    """
    x, y = start
    height, width = image.shape[:2]
    if not (0 <= x < width and 0 <= y < height):
        raise invalid(f"`start_point` [{x}, {y}] is outside the image of {width}x{height} pixels.", "start_point")
    points = [(x, y)]
    for number, move in enumerate(moves, 1):
        dx, dy = _MOVES[move]
        x, y = x + dx * size, y + dy * size
        if not (0 <= x < width and 0 <= y < height):
            raise invalid(f"Move {number} ({move}) leaves the image of {width}x{height} pixels.", "directions")
        points.append((x, y))
    return points


def stops(points: list[Point]) -> dict[str, Any]:
    """What is told of a path in numbers: the points it passes, each once, and where it ends."""
    return {"points": [list(point) for point in dict.fromkeys(points)], "end_point": list(points[-1])}


def read_moves(directions: str) -> str:
    """The letters of ``R,R,D``, ``R, R, D`` or ``rrd``, in capitals.

    Raises:
        ToolError: It is anything else.
    """
    text = directions.strip().upper()
    if not re.fullmatch(r"[LUDR](?:\s*,?\s*[LUDR])*", text):
        raise invalid("Invalid directions format. Use 'ludr' or 'L,R,U,D'", "directions")
    return re.sub(r"[\s,]", "", text)


DRAW_2D_PATH = Tool.of(draw_2d_path, "Draw2DPath", check=_points)
