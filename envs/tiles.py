"""Pictures of frozen-lake maps, in our own tiles or in those of the installed Gymnasium."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from adagym.envs.gymnasium_art import gymnasium_tile
from adagym.errors import UsageError
from adagym.types import Array

Skin = Literal["adagym", "gymnasium"]

_NATIVE = 64
"""Pixels per side at which our tiles are designed."""
_SMOOTH = 4
"""Tiles are drawn this many times larger and scaled down, which smooths their edges."""
_BORDER = (180, 202, 222)
MIN_CELL, MAX_CELL = 12, 256


@dataclass(frozen=True)
class MapImage:
    """A map's picture, drawn when it is loaded.

    Raises:
        UsageError: The cell size or the skin is not one that can be drawn.
    """

    rows: tuple[str, ...]
    """Rows of the letters S, F, H and G."""
    cell: int = 64
    """Pixels per side of a cell."""
    skin: Skin = "adagym"

    def __post_init__(self) -> None:
        """Check cell size and skin."""
        if not MIN_CELL <= self.cell <= MAX_CELL:
            raise UsageError(f"A cell is {MIN_CELL} to {MAX_CELL} pixels wide, not {self.cell}.")
        if self.skin not in ("adagym", "gymnasium"):
            raise UsageError(f"There is no skin `{self.skin}`; choose `adagym` or `gymnasium`.")

    def load(self) -> Array:
        """Draw the map, ``(rows * cell, columns * cell, 3)`` ``uint8`` RGB."""
        cell = self.cell
        picture = np.empty((len(self.rows) * cell, len(self.rows[0]) * cell, 3), np.uint8)
        for y, row in enumerate(self.rows):
            tiles = [_tile(kind, cell, self.skin, (y, x)) for x, kind in enumerate(row)]
            np.concatenate(tiles, axis=1, out=picture[y * cell : (y + 1) * cell])
        return picture


def _tile(kind: str, cell: int, skin: Skin, place: tuple[int, int]) -> Array:
    return _own_tile(kind, cell) if skin == "adagym" else gymnasium_tile(kind, cell, place)


@lru_cache(maxsize=64)
def _own_tile(kind: str, cell: int) -> Array:
    side = _NATIVE * _SMOOTH
    image = Image.new("RGB", (side, side), (226, 238, 247))
    pen = _Pen(image)
    for x, y, length in ((8, 12, 18), (34, 22, 20), (14, 40, 22), (38, 52, 16)):
        pen.line((x, y, x + length, y - 5), (203, 222, 238), 2)
    if kind == "H":
        _draw_hole(pen)
    elif kind == "S":
        _draw_elf(pen)
    elif kind == "G":
        _draw_gift(pen)
    tile = np.array(image.resize((cell, cell), Image.Resampling.LANCZOS))
    tile[[0, -1], :] = _BORDER
    tile[:, [0, -1]] = _BORDER
    return tile


def _draw_hole(pen: _Pen) -> None:
    pen.ellipse((7, 9, 57, 57), (150, 190, 222))
    pen.ellipse((10, 12, 54, 54), (21, 52, 98))
    pen.arc((16, 18, 48, 48), 200, 280, (64, 112, 170), 3)


def _draw_elf(pen: _Pen) -> None:
    skin, red, brown, dark = (246, 205, 165), (204, 50, 46), (90, 50, 30), (40, 30, 30)
    pen.polygon((32, 4, 20, 24, 44, 24), (34, 139, 69))
    pen.ellipse((29, 2, 35, 8), (240, 200, 60))
    pen.ellipse((22, 18, 42, 38), skin)
    pen.ellipse((26, 25, 29, 28), dark)
    pen.ellipse((35, 25, 38, 28), dark)
    pen.rectangle((20, 37, 44, 56), red)
    pen.rectangle((20, 45, 44, 48), brown)
    pen.rectangle((23, 56, 29, 61), brown)
    pen.rectangle((35, 56, 41, 61), brown)


def _draw_gift(pen: _Pen) -> None:
    ribbon = (250, 202, 64)
    pen.rectangle((12, 26, 52, 58), (142, 82, 184))
    pen.rectangle((9, 20, 55, 30), (168, 104, 212))
    pen.rectangle((28, 20, 36, 58), ribbon)
    pen.ring((16, 8, 32, 21), ribbon, 4)
    pen.ring((32, 8, 48, 21), ribbon, 4)


_Colour = tuple[int, int, int]


class _Pen:
    """Draws in native tile coordinates on the enlarged picture."""

    def __init__(self, image: Image.Image) -> None:
        self._draw = ImageDraw.Draw(image)

    def line(self, points: tuple[int, ...], colour: _Colour, width: int) -> None:
        self._draw.line(_scaled(points), fill=colour, width=width * _SMOOTH)

    def ellipse(self, box: tuple[int, ...], colour: _Colour) -> None:
        self._draw.ellipse(_scaled(box), fill=colour)

    def ring(self, box: tuple[int, ...], colour: _Colour, width: int) -> None:
        self._draw.ellipse(_scaled(box), outline=colour, width=width * _SMOOTH)

    def arc(self, box: tuple[int, ...], start: int, end: int, colour: _Colour, width: int) -> None:
        self._draw.arc(_scaled(box), start, end, fill=colour, width=width * _SMOOTH)

    def polygon(self, points: tuple[int, ...], colour: _Colour) -> None:
        self._draw.polygon(_scaled(points), fill=colour)

    def rectangle(self, box: tuple[int, ...], colour: _Colour) -> None:
        self._draw.rectangle(_scaled(box), fill=colour)


def _scaled(values: tuple[int, ...]) -> list[int]:
    return [value * _SMOOTH for value in values]
