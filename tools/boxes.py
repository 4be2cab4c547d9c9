"""Boxes ``[x1, y1, x2, y2]``: what of a picture they hold, and whether they overlap."""

from __future__ import annotations

from collections.abc import Sequence

from adagym.tools.values import Box, invalid
from adagym.types import Array

MAX_RATIO = 200
"""Longest side of a part over its shortest; the Qwen-VL models read no longer ones."""


def cut(image: Array, box: Box, parameter: str, given: str | None = None) -> Array:
    """Copy a part of a picture.

    Args:
        image: The picture.
        box: What to copy.
        parameter: The name of the parameter, for messages.
        given: The box as it was given, for messages; None: as it is.

    Returns:
        The part. It shares no memory with the picture, which a view would keep.

    Raises:
        ToolError: See :func:`check_cut`.
    """
    check_cut(image, box, parameter, given)
    x1, y1, x2, y2 = box
    part: Array = image[y1:y2, x1:x2].copy()
    return part


def check_cut(image: Array, box: Box, parameter: str, given: str | None = None) -> None:
    """Refuse a box that :func:`cut` cannot copy; the arguments are the same.

    Raises:
        ToolError: The box cannot be used (see :func:`check_box`), or is too thin.
    """
    check_box(box, image, parameter, given)
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    if max(width, height) > MAX_RATIO * min(width, height):
        raise invalid(
            f"`{parameter}` {given or list(box)} is {width}x{height} pixels; one side may be at most {MAX_RATIO} times "
            "as long as the other.",
            parameter,
        )


def check_box(box: Box, image: Array, parameter: str, given: str | None = None) -> None:
    """Refuse a box that holds no pixel, or that leaves the picture.

    Args:
        box: Read by :data:`adagym.tools.values.BoxArg`.
        image: The picture it is a box of.
        parameter: The name of the parameter, for the message.
        given: The box as it was given, for the message; None: as it is.

    Raises:
        ToolError: It cannot be used; the message has the box and the size of the picture.
    """
    x1, y1, x2, y2 = box
    height, width = image.shape[:2]
    if x1 >= x2 or y1 >= y2:
        raise invalid(
            f"`{parameter}` {given or list(box)} is empty: x1 must be below x2, and y1 below y2. "
            f"The image has {width}x{height} pixels.",
            parameter,
        )
    if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
        raise invalid(
            f"`{parameter}` {given or list(box)} is not inside the image of {width}x{height} pixels; "
            f"x goes from 0 to {width}, y from 0 to {height}.",
            parameter,
        )


def check_boxes(image: Array, bboxes: Sequence[Box]) -> None:
    """Refuse a list in the parameter ``bboxes`` if one of its boxes cannot be used; see :func:`check_box`.

    Raises:
        ToolError: One cannot.
    """
    for box in bboxes:
        check_box(box, image, "bboxes")


def overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes ``[x1, y1, x2, y2]`` share more than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
