"""Reads a frozen-lake map from its picture: cell size and what stands in each cell. Pixels only.

It knows three kinds of art: adagym's tiles, and FrozenLake's of Gymnasium before and since 1.4 (the older is
that of the Visual-Spatial-Planning benchmark). All of them frame each cell with a thin line of one colour.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from adagym.types import Array

_FRAME = np.array((180, 201, 226), np.int16)
"""Colour of the frames; the kinds of art differ from it by at most 4 a channel."""
_TOLERANCE = 9
_MIN_CELL = 12
_SAMPLES = 61
"""Rows and columns looked at to find frames; a prime, so that no grid hides between them."""
_KEPT = 64


@dataclass(frozen=True)
class MapReading:
    """What a map's picture shows."""

    cell: int
    """Pixels per side of a cell."""
    kinds: tuple[str, ...]
    """Rows of the letters S, F, H and G."""

    @property
    def rows(self) -> int:
        """Cells from top to bottom."""
        return len(self.kinds)

    @property
    def cols(self) -> int:
        """Cells from left to right."""
        return len(self.kinds[0])

    def centres(self, kind: str) -> list[list[int]]:
        """Centres ``[x, y]`` of all cells of a kind, row by row."""
        half = self.cell // 2
        return [
            [x * self.cell + half, y * self.cell + half]
            for y, row in enumerate(self.kinds)
            for x, letter in enumerate(row)
            if letter == kind
        ]


_readings: OrderedDict[tuple[tuple[int, ...], int], MapReading | None] = OrderedDict()


def read_map(image: Array) -> MapReading | None:
    """Read a map; None if the picture shows none.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB. Drawings on top (markers, paths) are tolerated.
    """
    # Python's keyed 64-bit hash costs a third of a digest, which would be the larger part of a step.
    key = (image.shape, hash(image.tobytes()))
    if key not in _readings:
        _readings[key] = _read(image)
        while len(_readings) > _KEPT:
            _readings.popitem(last=False)
    return _readings[key]


def _read(image: Array) -> MapReading | None:
    cell = _cell_size(image)
    if cell is None:
        return None
    rows, cols = _extent(image)[0] // cell, _extent(image)[1] // cell
    # Halving large cells keeps the cost of a picture bounded and changes no proportion below.
    step = max(1, cell // 32)
    cells = image[: rows * cell, : cols * cell].reshape(rows, cell, cols, cell, 3)[:, step // 2 :: step, :, step // 2 :: step]
    return MapReading(cell, tuple("".join(row) for row in _classify(cells)))


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
    height, width = _extent(image)
    picked_rows = np.linspace(0, height - 1, _SAMPLES).astype(int)
    picked_cols = np.linspace(0, width - 1, _SAMPLES).astype(int)
    columns = _is_frame(image[picked_rows, :width]).mean(0)
    lines = _is_frame(image[:height, picked_cols]).mean(1)
    for cell in range(_MIN_CELL, min(height, width) + 1):
        if height % cell == 0 and width % cell == 0 and _framed(columns, cell) and _framed(lines, cell):
            return cell
    return None


def _is_frame(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = (np.abs(pixels.astype(np.int16) - _FRAME) <= _TOLERANCE).all(-1)
    return near


def _framed(shares: NDArray[np.float64], cell: int) -> bool:
    """Whether the first and last line of every cell is mostly frame; drawings may cross a few of them."""
    edges = np.concatenate([shares[::cell], shares[cell - 1 :: cell]])
    return bool(np.quantile(edges, 0.25) > 0.8 and edges.min() > 0.3)


def _classify(cells: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Letters ``(rows, cols)`` for cells ``(rows, h, cols, w, 3)`` by the share of telling colours in each."""
    rows, high, cols, wide, _ = cells.shape
    flat = np.ascontiguousarray(cells.transpose(0, 2, 1, 3, 4)).reshape(rows * cols, high * wide, 3)
    hsv = cv2.cvtColor(flat, cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    drawn = (saturation == 255) & (value == 255)  # pure colours are tools' drawings, not map
    vivid = (saturation > 90) & ~drawn
    blue = (vivid & (hue >= 90) & (hue <= 125)).mean(1)
    green = (vivid & (hue >= 40) & (hue <= 85) & (value > 60)).mean(1)
    warm = (vivid & ((hue <= 30) | (hue >= 135)) & (value > 60)).mean(1)
    grey = ((saturation < 110) & (value < 110)).mean(1)
    letters = np.full(rows * cols, "F")
    letters[warm > 0.03] = "G"  # a gift (warm or purple) or a red flag
    letters[(green > 0.015) | ((grey > 0.1) & (warm < 0.03))] = "S"  # a green hat, or the newer art's grey figure
    letters[blue > 0.25] = "H"
    return letters.reshape(rows, cols)
