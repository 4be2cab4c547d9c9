"""Boxes ``[x1, y1, x2, y2]`` that tools are given: what of a picture they hold."""

from __future__ import annotations

from adagym.errors import ErrorCode, ToolError
from adagym.tools.values import Box
from adagym.types import Array


def check_box(box: Box, image: Array, parameter: str) -> None:
    """Refuse a box that holds no pixel, or that leaves the picture.

    Args:
        box: Read by :data:`adagym.tools.values.BoxArg`.
        image: The picture it is a box of.
        parameter: The name of the parameter, for the message.

    Raises:
        ToolError: It cannot be used; the message has the box and the size of the picture.
    """
    x1, y1, x2, y2 = box
    height, width = image.shape[:2]
    if x1 >= x2 or y1 >= y2:
        raise _refusal(
            f"`{parameter}` {list(box)} is empty: x1 must be below x2, and y1 below y2. "
            f"The image has {width}x{height} pixels.",
            parameter,
        )
    if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
        raise _refusal(
            f"`{parameter}` {list(box)} is not inside the image of {width}x{height} pixels; "
            f"x goes from 0 to {width}, y from 0 to {height}.",
            parameter,
        )


def _refusal(message: str, parameter: str) -> ToolError:
    return ToolError(message, ErrorCode.INVALID_PARAMETERS, parameter)
