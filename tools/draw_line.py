"""DrawLine: dashed lines across the whole picture, all horizontal or all vertical.

Unlike the original it refuses what it cannot read instead of leaving it out, and it draws in pure red, which map
reading knows for a mark.
"""

from __future__ import annotations

import re

import numpy as np

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.drawing import COLOURS, DASH, GAP
from adagym.tools.values import ImageArg, invalid
from adagym.types import Array

_AXES = {"horizontal": "y", "vertical": "x"}
_NUMBER = re.compile(r"\s*(?:([xy])\d*\s*=)?\s*(\d{1,6}(?:\.\d*)?)\s*")


def draw_line(image: ImageArg, line_type: str, coordinates: str) -> ToolOutput:
    """Draw dashed red lines across an image, from one side to the other. Returns the image and the lines' coordinates.

    Args:
        image: The image to draw on, for example img_1.
        line_type: horizontal (at y coordinates) or vertical (at x coordinates).
        coordinates: Where the lines are, in absolute pixels (x1, x2 and so on for vertical ones), for example
            y1=100, y2=200.
    """
    lines = _read_lines(image, line_type, coordinates)
    drawn = image.copy()
    # Turned so that the lines to draw are rows; it is a view of the same pixels.
    turned: Array = drawn if line_type == "horizontal" else drawn.swapaxes(0, 1)
    dashes = np.arange(turned.shape[1]) % (DASH + GAP) < DASH
    for line in lines:
        turned[max(line - 1, 0) : line + 2, dashes] = COLOURS["red"]
    message = f"{line_type.capitalize()} lines drawn successfully at {len(lines)} positions."
    return ToolOutput({"positions": lines}, (drawn,), message)


def _read_lines(image: Array, line_type: str, coordinates: str) -> list[int]:
    """The whole coordinates of ``y1=100, y2=200``, ``100, 200`` or ``[100, 200]``."""
    if line_type not in _AXES:
        raise invalid(f"`line_type` must be one of horizontal, vertical, not {line_type[:40]!r}.", "line_type")
    axis = _AXES[line_type]
    side = image.shape[0 if axis == "y" else 1]
    lines = []
    for part in coordinates.strip().removeprefix("[").removesuffix("]").split(","):
        found = _NUMBER.fullmatch(part)
        if found is None or found[1] not in (None, axis):
            raise invalid(
                f"`coordinates` must be like {axis}1=100, {axis}2=200 for {line_type} lines, in pixels of at least 0, "
                f"not {coordinates[:40]!r}.",
                "coordinates",
            )
        value = float(found[2])
        if 0 < value < 1:
            raise invalid(
                f"`coordinates` must be in absolute pixels; normalised coordinates (0 to 1) such as {found[2][:20]} "
                "are not supported.",
                "coordinates",
            )
        if round(value) >= side:
            raise invalid(
                f"`coordinates` holds {axis}={found[2][:20]}, outside the image of {image.shape[1]}x{image.shape[0]} "
                "pixels.",
                "coordinates",
            )
        lines.append(round(value))
    return lines


DRAW_LINE = Tool.of(draw_line, "DrawLine", online=True, check=_read_lines)
