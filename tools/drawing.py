"""Marks that tools draw on copies of pictures, in pure colours that no map tile uses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from adagym.tools.values import Point
from adagym.types import Array

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
}
DASH, GAP = 10, 8
"""Lengths of the drawn and the open parts of a dashed line, in pixels."""
_STAR_RADIUS = 9
"""Pixels."""


def draw_stars(image: Array, points: Sequence[Sequence[int]]) -> Array:
    """Mark points with green stars on a copy."""
    marked: Array = image.copy()
    for point in points:
        cv2.fillPoly(marked, [_star() + np.array(point, np.int32)], COLOURS["green"])
    return marked


def draw_arrows(image: Array, points: Sequence[Point], colour: tuple[int, int, int], width: int) -> Array:
    """Join points by arrows on a copy; a repeated point (a move that had no effect) gets a ring."""
    drawn: Array = image.copy()
    for start, end in pairwise(points):
        if start == end:
            cv2.circle(drawn, start, 3 * width, colour, width)
        else:
            cv2.arrowedLine(drawn, start, end, colour, width, tipLength=0.3)
    return drawn


def draw_dashed_arrows(image: Array, points: Sequence[Point], colour: tuple[int, int, int], width: int) -> Array:
    """Join points by dashed lines on a copy, each with a filled head at its end."""
    drawn: Array = image.copy()
    for start, end in pairwise(points):
        along = np.subtract(end, start)
        length = max(abs(along).max(), 1)
        for begin in range(0, length, DASH + GAP):
            ends = (start + along * at // length for at in (begin, min(begin + DASH, length)))
            first, last = ((int(x), int(y)) for x, y in ends)
            cv2.line(drawn, first, last, colour, width)
        back, aside = -along * 4 * width // length, along[::-1] * (2 * width, -2 * width) // length
        cv2.fillPoly(drawn, [np.array([end, end + back + aside, end + back - aside], np.int32)], colour)
    return drawn


@lru_cache(maxsize=1)
def _star() -> NDArray[np.int32]:
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2 == 0, _STAR_RADIUS, _STAR_RADIUS * 0.4)
    return np.round(np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]).astype(np.int32)
