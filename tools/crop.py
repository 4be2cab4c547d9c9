"""Crop: a part of a picture.

Unlike the original it adds no margin to small parts, and it refuses empty boxes, and long ones instead of cutting them.
"""

from __future__ import annotations

from adagym.errors import ErrorCode, ToolError
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.boxes import check_box
from adagym.tools.values import BoxArg, ImageArg

MAX_RATIO = 200
"""Longest side of a part over its shortest; the Qwen-VL models read no longer ones."""


def crop(image: ImageArg, coordinates: BoxArg) -> ToolOutput:
    """Cut a box out of an image. The part comes back as a new image, at its full resolution.

    Args:
        image: The image to cut from, for example img_1.
        coordinates: The box [x1, y1, x2, y2] in absolute pixels, from the top left corner to the bottom right one.
    """
    check_box(coordinates, image, "coordinates")
    x1, y1, x2, y2 = coordinates
    width, height = x2 - x1, y2 - y1
    if max(width, height) > MAX_RATIO * min(width, height):
        raise ToolError(
            f"`coordinates` {list(coordinates)} is {width}x{height} pixels; one side may be at most {MAX_RATIO} times "
            "as long as the other.",
            ErrorCode.INVALID_PARAMETERS,
            "coordinates",
        )
    # A copy, since a view would keep the whole picture in memory.
    part = image[y1:y2, x1:x2].copy()
    return ToolOutput({"size": [width, height]}, (part,), "Image cropped successfully using absolute coordinates.")


CROP = Tool.of(crop, "Crop", online=True)
