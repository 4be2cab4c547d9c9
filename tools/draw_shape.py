"""DrawShape: red outlines of rectangles, ellipses and circles.

Unlike the original it refuses a shape it does not know and a box outside the picture, which there are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.boxes import check_boxes
from adagym.tools.drawing import COLOURS
from adagym.tools.values import Box, ImageArg, ShapesArg
from adagym.types import Array

_WIDTH = 2
"""Pixels."""


def draw_shape(image: ImageArg, bboxes: ShapesArg) -> ToolOutput:
    """Draw red outlines on an image: rectangles, ellipses or circles around boxes.

    Args:
        image: The image to draw on, for example img_1.
        bboxes: What to draw, as a list of objects with shape (rectangle, ellipse or circle) and coords, the box
            [x1, y1, x2, y2] in absolute pixels. A circle is as wide as the longer side of its box.
    """
    _check(image, bboxes)
    drawn = image.copy()
    for shape, box in bboxes:
        _outline(drawn, shape, box)
    return ToolOutput(images=(drawn,), message=f"Successfully drew {len(bboxes)} shapes on the image.")


def _check(image: Array, bboxes: Sequence[tuple[str, Box]]) -> None:
    check_boxes(image, [box for _, box in bboxes])


def _outline(image: Array, shape: str, box: Box) -> None:
    x1, y1, x2, y2 = box[0], box[1], box[2] - 1, box[3] - 1
    if shape == "rectangle":
        cv2.rectangle(image, (x1, y1), (x2, y2), COLOURS["red"], _WIDTH)
        return
    across, down = (x2 - x1) // 2, (y2 - y1) // 2
    axes = (max(across, down),) * 2 if shape == "circle" else (across, down)
    cv2.ellipse(image, ((x1 + x2) // 2, (y1 + y2) // 2), axes, 0, 0, 360, COLOURS["red"], _WIDTH)


DRAW_SHAPE = Tool.of(draw_shape, "DrawShape", online=True, check=_check)
