"""HighlightBox: parts of a picture under a half transparent red."""

from __future__ import annotations

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.boxes import check_boxes
from adagym.tools.values import BoxesArg, ImageArg


def highlight_box(image: ImageArg, bboxes: BoxesArg) -> ToolOutput:
    """Highlight boxes of an image with a half transparent red. What is below can still be seen.

    Args:
        image: The image to mark, for example img_1.
        bboxes: The boxes [[x1, y1, x2, y2], ...] in absolute pixels.
    """
    check_boxes(image, bboxes)
    marked = image.copy()
    for x1, y1, x2, y2 in bboxes:
        # From the original, so that boxes that overlap are no redder there.
        marked[y1:y2, x1:x2] = image[y1:y2, x1:x2] >> 1
        marked[y1:y2, x1:x2, 0] += 128
    return ToolOutput(images=(marked,), message=f"Successfully highlighted {len(bboxes)} bounding boxes on the image.")


HIGHLIGHT_BOX = Tool.of(highlight_box, "HighlightBox", online=True, check=check_boxes)
