"""PathTracer: a straight line between two points, drawn on a picture.

The original's schema asks for pixels, its code divides by 1000, and its picture is not checked. Here points are pixels,
or shares of the sides where that is beyond doubt.
"""

from __future__ import annotations

import cv2

from adagym.errors import ErrorCode, ToolError
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.drawing import COLOURS
from adagym.tools.frames import PictureArg, Place, SpotArg
from adagym.tools.values import Point
from adagym.types import Array

WIDTH = RADIUS = 4
"""Pixels of the black line, and of the dots at its ends."""


def path_tracer(start_point_2d: SpotArg, end_point_2d: SpotArg, target_image: PictureArg) -> ToolOutput:
    """Draw a straight black line on an image, from a red dot to a blue one. The result is a new image.

    Args:
        start_point_2d: Where the line begins, [x, y] in absolute pixels.
        end_point_2d: Where it ends, [x, y] in absolute pixels.
        target_image: The number of the image to draw on, from 1, or its name.
    """
    start, end = _ends(start_point_2d, end_point_2d, target_image)
    drawn: Array = target_image.copy()
    cv2.line(drawn, start, end, (0, 0, 0), WIDTH)
    cv2.circle(drawn, start, RADIUS, COLOURS["red"], -1)
    cv2.circle(drawn, end, RADIUS, COLOURS["blue"], -1)
    data = {"points": [list(start), list(end)], "size": [drawn.shape[1], drawn.shape[0]]}
    return ToolOutput(data, (drawn,), "Line drawn successfully")


def _ends(start_point_2d: Place, end_point_2d: Place, target_image: Array) -> tuple[Point, Point]:
    return _on(target_image, start_point_2d, "start_point_2d"), _on(target_image, end_point_2d, "end_point_2d")


def _on(image: Array, place: Place, parameter: str) -> Point:
    """A point's pixel.

    Raises:
        ToolError: It is outside the picture.
    """
    x, y = place.pixels(image)
    height, width = image.shape[:2]
    if place.normalised:  # the right and bottom sides, at 1, belong to the picture
        return min(x, width - 1), min(y, height - 1)
    if not (0 <= x < width and 0 <= y < height):
        raise ToolError(
            f"`{parameter}` [{x}, {y}] is outside the image of {width}x{height} pixels.",
            ErrorCode.INVALID_PARAMETERS,
            parameter,
        )
    return x, y


PATH_TRACER = Tool.of(path_tracer, "PathTracer", check=_ends)
