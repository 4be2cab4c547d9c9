"""Pictures of any size for engines that read at most 2000 pixels a side.

- A picture whose longer side exceeds 4096 pixels is reduced to that first: in an 8K picture, text below about 15
  pixels is lost. Crop what is to be read.
- What then exceeds 2000 pixels is read in tiles that overlap by 400 pixels. Each word is taken from the tile in whose
  middle it lies; a line that crosses a seam is put together again. A word longer than 200 pixels may be cut at a seam.
- Strips are widened with their background colour, since engines enlarge a picture by its shorter side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from adagym.tools.reading.base import Line, Reader, Word
from adagym.tools.reading.order import rows
from adagym.tools.values import Box
from adagym.types import Array

MAX_SIDE = 4096
"""Longest side that is read without reduction, in pixels."""
TILE = 2000
"""Longest side an engine is given, in pixels."""
MARGIN = 200
"""How far a tile reaches beyond its middle part."""
_MIN_SIDE = 32
_RATIO = 3
"""How much longer one side of a picture may be than the other."""


@dataclass(frozen=True)
class _Span:
    """A tile's extent along one axis."""

    start: int
    stop: int
    """What the engine sees."""
    first: int
    last: int
    """What it is believed in, ``first <= middle < last``."""


def read_any(image: Array, reader: Reader) -> list[Line]:
    """Read a picture of any size, in reading order.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
        reader: The engine.
    """
    height, width = image.shape[:2]
    scale = max(1.0, max(height, width) / MAX_SIDE)
    if scale > 1:
        size = (max(1, round(width / scale)), max(1, round(height / scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    lines = _read_tiles(image, reader)
    if scale > 1:
        lines = [line.mapped(scale, 0, 0) for line in lines]
    return [_inside(line, width, height) for row in rows(lines) for line in row]


def _read_tiles(image: Array, reader: Reader) -> list[Line]:
    across, down = _spans(image.shape[1]), _spans(image.shape[0])
    if len(across) == len(down) == 1:
        return reader.read(_widened(image))
    found: list[tuple[int, Line]] = []
    for vertical in down:
        for column, horizontal in enumerate(across):
            tile = image[vertical.start : vertical.stop, horizontal.start : horizontal.stop]
            for line in reader.read(_widened(tile)):
                kept = _kept(line.mapped(1, horizontal.start, vertical.start), horizontal, vertical)
                if kept is not None:
                    found.append((column, kept))
    return _joined(found)


def _spans(size: int) -> list[_Span]:
    if size <= TILE:
        return [_Span(0, size, 0, size)]
    count = math.ceil(size / (TILE - 2 * MARGIN))
    cuts = [round(index * size / count) for index in range(count + 1)]
    return [_Span(max(0, first - MARGIN), min(size, last + MARGIN), first, last) for first, last in pairwise(cuts)]


def _widened(image: Array) -> Array:
    """The picture with background at its right and bottom, so that coordinates stay."""
    height, width = image.shape[:2]
    right = max(_MIN_SIDE, math.ceil(height / _RATIO)) - width
    bottom = max(_MIN_SIDE, math.ceil(width / _RATIO)) - height
    if right <= 0 and bottom <= 0:
        return image
    colour = np.median(image[:: max(1, height // 64), :: max(1, width // 64)], axis=(0, 1)).tolist()
    widened = cv2.copyMakeBorder(image, 0, max(0, bottom), 0, max(0, right), cv2.BORDER_CONSTANT, value=colour)
    return widened.astype(np.uint8, copy=False)


def _kept(line: Line, horizontal: _Span, vertical: _Span) -> Line | None:
    """The part of a line that its tile is believed in."""
    middle = (line.box[1] + line.box[3]) / 2
    if not vertical.first <= middle < vertical.last:
        return None
    words = [word for word in line.words if horizontal.first <= (word.box[0] + word.box[2]) / 2 < horizontal.last]
    if len(words) == len(line.words):
        return line
    return Line.of(words) if words else None


def _joined(found: list[tuple[int, Line]]) -> list[Line]:
    """Put lines together again that ran across a seam between two columns of tiles."""
    columns = {id(line): column for column, line in found}
    joined: list[Line] = []
    for row in rows(line for _, line in found):
        parts = [row[0]]
        for line in row[1:]:
            gap = line.box[0] - parts[-1].box[2]
            if columns[id(line)] == columns[id(parts[-1])] + 1 and gap < line.box[3] - line.box[1]:
                parts[-1] = Line.of([*parts[-1].words, *line.words])
                columns[id(parts[-1])] = columns[id(line)]
            else:
                parts.append(line)
        joined += parts
    return joined


def _inside(line: Line, width: int, height: int) -> Line:
    """The line with no box beyond the picture's edges."""

    def clipped(box: Box) -> Box:
        x1, y1, x2, y2 = box
        return min(max(x1, 0), width), min(max(y1, 0), height), min(max(x2, 0), width), min(max(y2, 0), height)

    words = tuple(Word(word.text, clipped(word.box), word.confidence) for word in line.words)
    return Line(line.text, clipped(line.box), line.confidence, words)
