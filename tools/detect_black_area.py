"""DetectBlackArea: where a picture is black.

Unlike the original it gives boxes as numbers, counts an area in pixels, and its default threshold of 10 bears the
noise of JPEG, for which the original's 1 is too low.
"""

from __future__ import annotations

import cv2
import numpy as np

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.values import ImageArg, invalid
from adagym.types import Array

MAX_AREAS = 100
"""Most boxes in a result."""


def detect_black_area(image: ImageArg, threshold: int = 10, min_area: int = 100) -> ToolOutput:
    """Find the black areas of an image. Returns the box [x1, y1, x2, y2] around each in pixels, the largest area first.

    Args:
        image: The image to search, for example img_1.
        threshold: The brightest grey that still counts as black, 0 to 255.
        min_area: Areas of fewer pixels are left out.
    """
    _check(image, threshold, min_area)
    # Grey and not the brightest channel: JPEG stores colour at half the resolution, so it bleeds far into the black.
    _, black = cv2.threshold(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), threshold, 255, cv2.THRESH_BINARY_INV)
    _, _, stats, _ = cv2.connectedComponentsWithStats(black, connectivity=8)
    areas = stats[1:]  # the first is what is not black
    areas = areas[areas[:, cv2.CC_STAT_AREA] >= min_area]
    # Equal areas go from top to bottom, then from left to right.
    order = np.lexsort((areas[:, cv2.CC_STAT_LEFT], areas[:, cv2.CC_STAT_TOP], -areas[:, cv2.CC_STAT_AREA]))
    boxes = [[int(x), int(y), int(x + w), int(y + h)] for x, y, w, h, _ in areas[order[:MAX_AREAS]]]
    return ToolOutput({"boxes": boxes}, message=f"Found {len(areas)} black areas")


def _check(image: Array, threshold: int, min_area: int) -> None:
    if not 0 <= threshold <= 255:
        raise invalid(f"`threshold` must be a whole number from 0 to 255, not {threshold}.", "threshold")
    if min_area < 1:
        raise invalid(f"`min_area` must be at least 1 pixel, not {min_area}.", "min_area")


DETECT_BLACK_AREA = Tool.of(detect_black_area, "DetectBlackArea", check=_check)
