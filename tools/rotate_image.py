"""RotateImage: quarter turns of a picture."""

from __future__ import annotations

import cv2

from adagym.errors import ErrorCode, ToolError
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.values import ImageArg
from adagym.types import Array

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def rotate_image(image: ImageArg, angle: int) -> ToolOutput:
    """Turn an image clockwise by quarter turns. Returns the turned image and its size.

    Args:
        image: The image to turn, for example img_1.
        angle: Degrees clockwise: 90, 180 or 270.
    """
    _check(image, angle)
    turned: Array = cv2.rotate(image, _TURNS[angle])  # type: ignore[assignment]  # OpenCV types no dtype
    size = [turned.shape[1], turned.shape[0]]
    return ToolOutput({"size": size}, (turned,), f"Image rotated {angle} degrees clockwise successfully")


def _check(image: Array, angle: int) -> None:
    if angle not in _TURNS:
        raise ToolError(
            f"`angle` must be one of {', '.join(map(str, _TURNS))}, not {angle}.", ErrorCode.INVALID_PARAMETERS, "angle"
        )


ROTATE_IMAGE = Tool.of(rotate_image, "RotateImage", check=_check)
