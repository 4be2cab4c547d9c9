"""crop_image: Crop under the name and the arguments of AdaTooler-V, whose checkpoints call it so.

The original adds a margin to every box, takes a box that ends at exactly 1 for pixels, and passes reversed boxes on.
Here the box is what is cut out.
"""

from __future__ import annotations

from typing import cast

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.boxes import check_cut, cut
from adagym.tools.frames import PictureArg, RegionArg
from adagym.tools.values import Box


def crop_image(bbox_2d: RegionArg, target_image: PictureArg) -> ToolOutput:
    """Cut a box out of an image. The part comes back as a new image, at its full resolution.

    Args:
        bbox_2d: The box [x1, y1, x2, y2] in absolute pixels, from the top left corner to the bottom right one.
        target_image: The number of the image to cut from, from 1, or its name.
    """
    box = cast(Box, bbox_2d.pixels(target_image))
    part = cut(target_image, box, "bbox_2d", str(bbox_2d))
    return ToolOutput({"size": [part.shape[1], part.shape[0]]}, (part,), "The part inside the box is a new image.")


def _check(bbox_2d: RegionArg, target_image: PictureArg) -> None:
    check_cut(target_image, cast(Box, bbox_2d.pixels(target_image)), "bbox_2d", str(bbox_2d))


CROP_IMAGE = Tool.of(crop_image, "crop_image", check=_check)
