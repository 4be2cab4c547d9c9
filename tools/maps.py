"""Reads a frozen-lake map from its picture: cell size and what stands in each cell. Pixels only.

It knows three kinds of art: adagym's tiles, and FrozenLake's of Gymnasium before and since 1.4 (the older is
that of the Visual-Spatial-Planning benchmark). All of them frame each cell with a thin line of one colour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from adagym.tools.memory import Memory
from adagym.types import Array

_FRAME = np.array((180, 201, 226))
"""Colour of the frames; the kinds of art differ from it by at most 4 a channel."""
_TOLERANCE = 9
_MIN_CELL = 12
_SAMPLES = 61
"""Rows and columns looked at to find frames; a prime, so that no grid hides between them."""
_FINE = 32
"""Pixels per cell side that are looked at; art drawn on 32 pixels loses nothing at 64."""
_MARKED = 0.01
"""Share of a cell that tools must have drawn on; a path of the default width covers twice that and more."""
_KEPT = 64
"""Readings remembered, about 1.5 kB each."""

_NOTHING, _DRAWN, _ELF, _GIFT, _HOLE, _DARK = range(6)
"""What a colour tells: nothing, a tool's mark, part of the player, of the goal, of a hole, or a dark outline."""


@dataclass(frozen=True)
class MapReading:
    """What a map's picture shows."""

    cell: int
    """Pixels per side of a cell."""
    kinds: tuple[str, ...]
    """Rows of the letters S, F, H and G."""
    marked: frozenset[tuple[int, int]] = field(default=frozenset(), compare=False)
    """Row and column of every cell on which a tool has drawn; the map is the same without."""

    @property
    def rows(self) -> int:
        """Cells from top to bottom."""
        return len(self.kinds)

    @property
    def cols(self) -> int:
        """Cells from left to right."""
        return len(self.kinds[0])

    def centres(self, kind: str, marked: bool = False) -> list[list[int]]:
        """Centres ``[x, y]`` of all cells of a kind, row by row; where asked, only of those that are drawn upon."""
        half = self.cell // 2
        return [
            [x * self.cell + half, y * self.cell + half]
            for y, row in enumerate(self.kinds)
            for x, letter in enumerate(row)
            if letter == kind and (not marked or (y, x) in self.marked)
        ]


_readings: Memory[tuple[tuple[int, ...], int], MapReading | None] = Memory(_KEPT)


def read_map(image: Array) -> MapReading | None:
    """Read a map; None if the picture shows none.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB. Marks that tools draw (stars, paths) are tolerated.
    """
    # Python's keyed 64-bit hash costs a third of a digest, which would be the larger part of a step.
    key = (image.shape, hash(image.tobytes()))
    return _readings.get(key, lambda: _read(image))


def _read(image: Array) -> MapReading | None:
    height, width = _extent(image)
    cell = _cell_size(image[:height, :width])
    if cell is None:
        return None
    rows, cols = height // cell, width // cell
    step = max(1, cell // _FINE)
    cells = image[:height, :width].reshape(rows, cell, cols, cell, 3)
    fine = cells[:, step // 2 :: step, :, step // 2 :: step]
    letters, drawn = _classify(fine)
    marked = frozenset((int(y), int(x)) for y, x in np.argwhere(drawn > _MARKED))
    return MapReading(cell, tuple(map("".join, letters)), marked)


def _extent(image: Array) -> tuple[int, int]:
    """Height and width without a black strip at the right and bottom (Gymnasium's 9x9 and 10x10 maps)."""
    height, width = image.shape[:2]
    while height > _MIN_CELL and not image[height - 1, ::16].any():
        height -= 1
    while width > _MIN_CELL and not image[:height:16, width - 1].any():
        width -= 1
    return height, width


def _cell_size(image: Array) -> int | None:
    """The smallest cell whose frames all stand where they should, in both directions."""
    height, width = image.shape[:2]
    columns = _frame_share(image[np.linspace(0, height - 1, _SAMPLES).astype(int)], axis=0)
    lines = _frame_share(image.take(np.linspace(0, width - 1, _SAMPLES).astype(int), axis=1), axis=1)
    for cell in range(_MIN_CELL, min(height, width) + 1):
        if height % cell == 0 and width % cell == 0 and _framed(columns, cell) and _framed(lines, cell):
            return cell
    return None


def _frame_share(pixels: NDArray[np.uint8], axis: int) -> NDArray[np.float64]:
    """How much of each column (axis 0) or row (axis 1) has the frames' colour, in [0, 1]."""
    near = cv2.inRange(pixels, _FRAME - _TOLERANCE, _FRAME + _TOLERANCE)
    share: NDArray[np.float64] = np.count_nonzero(near, axis=axis) / pixels.shape[axis]
    return share


def _framed(shares: NDArray[np.float64], cell: int) -> bool:
    """Whether the first and last line of every cell is mostly frame; drawings may cross a few of them."""
    edges = np.concatenate([shares[::cell], shares[cell - 1 :: cell]])
    return bool(edges.min() > 0.3 and np.quantile(edges, 0.25) > 0.8)


def _classify(cells: NDArray[np.uint8]) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Letters, and shares that marks hide, ``(rows, cols)``, for cells ``(rows, h, cols, w, 3)`` by their colours.

    Marks hide what is below them, so shares are of what can still be seen.
    """
    rows, high, cols, wide, _ = cells.shape
    red, green = ((cells[..., channel] & 0xF8).astype(np.uint16) for channel in (0, 1))
    told = _palette().take(red << 7 | green << 2 | cells[..., 2] >> 3)
    number = np.arange(rows)[:, None, None, None] * cols + np.arange(cols)[:, None]
    counts = np.bincount((number * 8 + told).ravel(), minlength=rows * cols * 8).reshape(rows * cols, 8)
    drawn = counts[:, _DRAWN] / (high * wide)
    shares = counts.T / np.maximum(high * wide - counts[:, _DRAWN], 1)
    letters = np.where(shares[_HOLE] > 0.12, "H", "F")
    # Only the art since 1.4 has that much outline; a mark may hide all of its small flag, but not the pole.
    letters[shares[_DARK] > 0.02] = "G"
    letters[shares[_DARK] > 0.1] = "S"
    letters[(shares[_GIFT] > 0.015) & (shares[_GIFT] > shares[_ELF])] = "G"
    letters[(shares[_ELF] > 0.005) & (shares[_ELF] >= shares[_GIFT])] = "S"
    return letters.reshape(rows, cols), drawn.reshape(rows, cols)


@lru_cache(maxsize=1)
def _palette() -> NDArray[np.uint8]:
    """What each colour tells, ``(32768,)``, at 5 bits a channel: red first, blue last."""
    levels = np.arange(32, dtype=np.uint8) * 8 + 4
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(1, -1, 3)
    hue, saturation, value = np.moveaxis(cv2.cvtColor(colours, cv2.COLOR_RGB2HSV)[0], -1, 0)
    red = (hue <= 6) | (hue >= 170)
    vivid = saturation > 90
    told = np.full(hue.shape, _NOTHING, np.uint8)
    told[(saturation < 110) & (value < 110)] = _DARK
    told[vivid & (hue >= 90) & (hue <= 125)] = _HOLE
    told[vivid & (hue >= 40) & (hue <= 85) & (value > 60)] = _ELF  # hat
    told[(saturation > 165) & red & (value > 100)] = _ELF  # coat
    told[(saturation < 20) & (value > 190) & (value < 225)] = _ELF  # pale face of the art since 1.4
    told[(saturation > 110) & (saturation <= 165) & red & (value > 180)] = _GIFT  # flag of the art since 1.4
    told[vivid & (hue >= 132) & (hue <= 145)] = _GIFT  # purple box
    told[(saturation > 150) & (hue >= 7) & (hue <= 30) & (value > 120)] = _GIFT  # ribbon, or brown box
    marks = np.isin(colours[0], (levels[0], levels[-1])).all(-1)
    told[marks & (saturation > 200) & (value > 200)] = _DRAWN  # pure colours: see `adagym.tools.drawing`
    return told
