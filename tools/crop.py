"""Crop: a part of a picture.

Unlike the original it adds no margin to small parts, and it refuses empty boxes, and long ones instead of cutting them.
Like the original it understands ``bbox`` too, which its models write now and then.
"""

from __future__ import annotations

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.boxes import check_cut, cut
from adagym.tools.values import Box, BoxArg, ImageArg
from adagym.types import Array


def crop(image: ImageArg, coordinates: BoxArg) -> ToolOutput:
    """Cut a box out of an image. The part comes back as a new image, at its full resolution.

    Args:
        image: The image to cut from, for example img_1.
        coordinates: The box [x1, y1, x2, y2] in absolute pixels, from the top left corner to the bottom right one.
    """
    part = cut(image, coordinates, "coordinates")
    size = [part.shape[1], part.shape[0]]
    return ToolOutput({"size": size}, (part,), "Image cropped successfully using absolute coordinates.")


def _check(image: Array, coordinates: Box) -> None:
    check_cut(image, coordinates, "coordinates")


CROP = Tool.of(crop, "Crop", online=True, check=_check, aliases={"coordinates": ("bbox",)})
