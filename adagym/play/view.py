"""Which part of a picture is on show, and which pixel is under a cell of the terminal. No terminal is needed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from adagym.show.blocks import cells_for
from adagym.types import Array

MARK = (255, 0, 255)
"""Colour of the crosshair and of the box being drawn."""
NEAREST = 8
"""Fewest pixels across when zooming in."""


@dataclass(frozen=True)
class Window:
    """The part of a picture that is on show, in its pixels."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def whole(cls, image: Array) -> Window:
        """All of a picture."""
        return cls(0, 0, image.shape[1], image.shape[0])

    def zoomed(self, image: Array, factor: float, around: Sequence[int]) -> Window:
        """A window so many times nearer (or farther, below 1), which holds a pixel and stays within the picture."""
        height, width = image.shape[:2]
        wide = min(width, max(NEAREST, round(self.width / factor)))
        high = min(height, max(NEAREST, round(self.height / factor)))
        left = min(max(0, round(around[0] - wide * (around[0] - self.x) / self.width)), width - wide)
        top = min(max(0, round(around[1] - high * (around[1] - self.y) / self.height)), height - high)
        return Window(left, top, wide, high)

    def following(self, image: Array, pixel: Sequence[int]) -> Window:
        """The window moved just so far that it holds a pixel."""
        height, width = image.shape[:2]
        left = min(max(self.x, pixel[0] - self.width + 1), pixel[0])
        top = min(max(self.y, pixel[1] - self.height + 1), pixel[1])
        return Window(max(0, min(left, width - self.width)), max(0, min(top, height - self.height)), *self.extent)

    @property
    def extent(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    def crop(self, image: Array) -> Array:
        """The part of the picture, not copied."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]

    def cells(self, columns: int, rows: int) -> tuple[int, int]:
        """How many cells it takes where so many are free; small pictures are enlarged."""
        scale = max(1, -(-2 * columns // self.width))
        return cells_for(np.broadcast_to(np.uint8(0), (self.height * scale, self.width * scale, 3)), columns, rows)

    def pixel(self, column: int, row: int, cells: tuple[int, int]) -> tuple[int, int]:
        """The pixel in the middle of a cell.

        Args:
            column: From 0 at the left; beyond the picture, its edge counts.
            row: From 0 at the top.
            cells: Columns and rows that the window takes.
        """
        across = int((min(max(column, 0), cells[0] - 1) + 0.5) * self.width / cells[0])
        down = int((min(max(row, 0), cells[1] - 1) + 0.5) * self.height / cells[1])
        return self.x + across, self.y + down

    def step(self, cells: tuple[int, int]) -> tuple[int, int]:
        """How many pixels a cell is wide and high, at least 1."""
        return max(1, round(self.width / cells[0])), max(1, round(self.height / cells[1]))


@dataclass(frozen=True)
class Marks:
    """What is drawn over a picture while a place is picked, in its pixels."""

    cursor: tuple[int, int] | None = None
    anchor: tuple[int, int] | None = None
    """The first corner of a box; its other one is the cursor."""


def drawn(image: Array, window: Window, size: tuple[int, int], marks: Marks) -> Array:
    """The window at a size for the screen, with marks that no scaling makes disappear.

    Args:
        image: The whole picture.
        window: Its part on show.
        size: Width and height in pixels of the result.
        marks: What is drawn over it.

    Returns:
        ``(height, width, 3)`` ``uint8``, a new array.
    """
    nearest = size[0] > window.width
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.BOX
    shown = np.array(Image.fromarray(window.crop(image)).resize(size, how))
    if marks.cursor is None:
        return shown
    thick = max(1, min(size) // 150)
    x, y = place(marks.cursor, window, size)
    if marks.anchor is not None:
        _outline(shown, place(marks.anchor, window, size), (x, y), thick)
        return shown
    arm = max(3, min(size) // 8)
    for near, far in ((-arm, -1), (2, arm + 1)):  # the pixel itself stays visible
        _fill(shown, (x + near, y), (x + far, y + thick))
        _fill(shown, (x, y + near), (x + thick, y + far))
    return shown


def place(pixel: tuple[int, int], window: Window, size: tuple[int, int]) -> tuple[int, int]:
    """Where a pixel of the picture is on the screen, in units of ``size``."""
    across = int((pixel[0] - window.x + 0.5) * size[0] / window.width)
    down = int((pixel[1] - window.y + 0.5) * size[1] / window.height)
    return min(max(across, 0), size[0] - 1), min(max(down, 0), size[1] - 1)


def box_between(one: tuple[int, int], other: tuple[int, int]) -> list[int]:
    """The box ``[x1, y1, x2, y2]`` that holds two pixels; its right column and bottom row are not part of it."""
    (x1, x2), (y1, y2) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    return [x1, y1, x2 + 1, y2 + 1]


def _outline(shown: Array, one: tuple[int, int], other: tuple[int, int], thick: int) -> None:
    left, top, right, bottom = box_between(one, other)
    for start, end in (
        ((left, top), (right, top + thick)),
        ((left, bottom - thick), (right, bottom)),
        ((left, top), (left + thick, bottom)),
        ((right - thick, top), (right, bottom)),
    ):
        _fill(shown, start, end)


def _fill(shown: Array, start: tuple[int, int], end: tuple[int, int]) -> None:
    shown[max(0, start[1]) : max(0, end[1]), max(0, start[0]) : max(0, end[0])] = MARK
