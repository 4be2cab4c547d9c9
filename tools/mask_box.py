"""MaskBox: parts of a picture hidden under white."""

from __future__ import annotations

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.boxes import check_boxes
from adagym.tools.values import BoxesArg, ImageArg


def mask_box(image: ImageArg, bboxes: BoxesArg) -> ToolOutput:
    """Cover boxes of an image with white, so that only the rest is seen.

    Args:
        image: The image to cover in part, for example img_1.
        bboxes: The boxes [[x1, y1, x2, y2], ...] in absolute pixels.
    """
    check_boxes(image, bboxes)
    masked = image.copy()
    for x1, y1, x2, y2 in bboxes:
        masked[y1:y2, x1:x2] = 255
    return ToolOutput(images=(masked,), message=f"Successfully masked {len(bboxes)} regions in the image.")


MASK_BOX = Tool.of(mask_box, "MaskBox", online=True, check=check_boxes)
