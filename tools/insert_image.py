"""InsertImage: one picture put into another.

Unlike the original it enlarges smoothly, and it says which box was filled.
"""

from __future__ import annotations

import cv2

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.boxes import check_box
from adagym.tools.values import Box, BoxArg, ImageArg
from adagym.types import Array


def insert_image(
    base_image: ImageArg, image_to_insert: ImageArg, coordinates: BoxArg, resize: bool = True
) -> ToolOutput:
    """Put an image into a box of another one. Returns the combined image and the box that was filled.

    Args:
        base_image: The image that receives the other, for example img_1.
        image_to_insert: The image to put in, for example img_2.
        coordinates: The box [x1, y1, x2, y2] of the first image to fill, in absolute pixels.
        resize: Whether the second image is stretched to fill the box; if false it keeps its size, and what is beyond
            the box is cut off.
    """
    _check(base_image, image_to_insert, coordinates, resize)
    x1, y1, x2, y2 = coordinates
    part = _fitted(image_to_insert, x2 - x1, y2 - y1) if resize else image_to_insert[: y2 - y1, : x2 - x1]
    x2, y2 = x1 + part.shape[1], y1 + part.shape[0]
    combined = base_image.copy()
    combined[y1:y2, x1:x2] = part
    return ToolOutput({"box": [x1, y1, x2, y2]}, (combined,), "Image inserted successfully")


def _check(base_image: Array, image_to_insert: Array, coordinates: Box, resize: bool) -> None:
    check_box(coordinates, base_image, "coordinates")


def _fitted(image: Array, width: int, height: int) -> Array:
    """The image at a size: areas are averaged to shrink it, neighbours mixed to enlarge it."""
    if image.shape[:2] == (height, width):
        return image
    smaller = height <= image.shape[0] and width <= image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    fitted: Array = cv2.resize(image, (width, height), interpolation=how)  # type: ignore[assignment]  # OpenCV types no dtype
    return fitted


INSERT_IMAGE = Tool.of(insert_image, "InsertImage", check=_check)
