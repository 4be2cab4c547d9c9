"""Scenes of visual search: many small objects, some with a tag or a companion, on a photograph of up to 8K.

A scene is laid out without reading a picture, and drawn in place on one canvas when it is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from adagym.tools.objects import OBJECTS, dye
from adagym.types import Array, LazyImage

Box = tuple[int, int, int, int]
"""``(x1, y1, x2, y2)`` in pixels; the last two are exclusive."""

CELL = (3.2, 2.2)
"""Width and height of the cell that an object stands in with what belongs to it, in object sizes."""
_GAP = 0.08
"""Between an object and its companion or tag, in object sizes."""
_TAG = (1.25, 0.5)
"""Width and height of a tag in object sizes."""
_TILES = 2
"""A photograph is laid out so many times in each direction, every other one mirrored, to keep detail."""


@dataclass(frozen=True)
class Thing:
    """An object in the scene."""

    name: str
    colour: str | None
    """What it is dyed in; None shows it as it is."""
    box: Box


@dataclass(frozen=True)
class Tag:
    """A white tag with a code on it."""

    code: str
    box: Box


@dataclass(frozen=True)
class Wish:
    """What shall stand in one cell."""

    name: str
    colour: str | None = None
    code: str = ""
    """Written on a tag below it; empty for no tag."""
    companion: str = ""
    companion_colour: str | None = None


@dataclass(frozen=True)
class Place:
    """A wish come true."""

    thing: Thing
    tag: Tag | None = None
    companion: Thing | None = None


@dataclass(frozen=True)
class SceneImage:
    """A scene, drawn when it is loaded."""

    photo: LazyImage
    width: int
    height: int
    flipped: bool
    """Whether the photograph is mirrored first."""
    places: tuple[Place, ...]

    def load(self) -> Array:
        """Draw it, ``(height, width, 3)`` ``uint8`` RGB, in one allocation of that size."""
        canvas = background(self.photo.load(), self.width, self.height, self.flipped)
        for place in self.places:
            for thing in (place.thing, place.companion):
                if thing is not None:
                    paste(canvas, object_picture(thing.name, thing.colour), thing.box)
            if place.tag is not None:
                paste(canvas, tag_picture(place.tag), place.tag.box)
        return canvas


def grid(width: int, height: int, size: int) -> tuple[int, int]:
    """Columns and rows of cells that a picture has room for, given the objects' size in pixels."""
    return int(width / (CELL[0] * size)), int(height / (CELL[1] * size))


def lay_out(
    rng: np.random.Generator, wishes: Sequence[Wish], cells: Sequence[tuple[int, int]], size: int
) -> tuple[Place, ...]:
    """Put each wish into its cell, shifted and sized a little at random, without overlap.

    Args:
        rng: Source of shifts and sizes.
        wishes: What to place.
        cells: Column and row for each wish.
        size: Longer side of an object in pixels.
    """
    return tuple(_place(rng, wish, cell, size) for wish, cell in zip(wishes, cells, strict=True))


def _place(rng: np.random.Generator, wish: Wish, cell: tuple[int, int], size: int) -> Place:
    scale = size * rng.uniform(0.9, 1.1)
    width, height = extent(wish.name, scale)
    other = extent(wish.companion, size * rng.uniform(0.9, 1.1)) if wish.companion else (0, 0)
    gap = max(2, round(_GAP * size))
    tag = (round(_TAG[0] * size), round(_TAG[1] * size)) if wish.code else (0, 0)
    whole = width + (gap + other[0] if wish.companion else 0)
    middle_x = (cell[0] + 0.5 + rng.uniform(-0.06, 0.06)) * CELL[0] * size
    middle_y = (cell[1] + 0.5 + rng.uniform(-0.06, 0.06)) * CELL[1] * size
    left, right = round(middle_x - whole / 2), round(middle_x + whole / 2)
    first = not wish.companion or bool(rng.random() < 0.5)  # whether the companion stands on the right
    bottom = round(middle_y + 0.3 * size)  # leaves room for the tag in the cell
    x = left if first else right - width
    box = (x, bottom - height, x + width, bottom)
    companion = None
    if wish.companion:
        other_x = right - other[0] if first else left
        companion = Thing(
            wish.companion, wish.companion_colour, (other_x, bottom - other[1], other_x + other[0], bottom)
        )
    label = None
    if wish.code:
        tag_x, tag_y = round(x + width / 2 - tag[0] / 2), bottom + gap
        label = Tag(wish.code, (tag_x, tag_y, tag_x + tag[0], tag_y + tag[1]))
    return Place(Thing(wish.name, wish.colour, box), label, companion)


def extent(name: str, size: float) -> tuple[int, int]:
    """Width and height of an object whose longer side is ``size`` pixels."""
    picture = OBJECTS[name]
    longer = max(picture.width, picture.height)
    return max(1, round(picture.width * size / longer)), max(1, round(picture.height * size / longer))


def background(photo: Array, width: int, height: int, flipped: bool) -> Array:
    """A photograph laid out over ``(height, width, 3)`` in mirrored tiles; a new array."""
    canvas: Array = np.empty((height, width, 3), np.uint8)
    columns, rows = -(-width // _TILES), -(-height // _TILES)
    source = photo[:, ::-1] if flipped else photo
    tile = cv2.resize(_cut(source, columns / rows), (columns, rows), interpolation=cv2.INTER_CUBIC)
    for row in range(_TILES):
        for column in range(_TILES):
            part = canvas[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
            turned = tile[:: -1 if row % 2 else 1, :: -1 if column % 2 else 1]
            part[...] = turned[: part.shape[0], : part.shape[1]]
    return canvas


def _cut(photo: Array, ratio: float) -> Array:
    """The middle of a photograph, cut to a ratio of width to height, so that nothing is stretched."""
    height, width = photo.shape[:2]
    wide, high = max(1, min(width, round(height * ratio))), max(1, min(height, round(width / ratio)))
    x, y = (width - wide) // 2, (height - high) // 2
    return np.ascontiguousarray(photo[y : y + high, x : x + wide])


@lru_cache(maxsize=512)
def object_picture(name: str, colour: str | None) -> Array:
    """An object at its own size, RGBA, not to be written to; about 100 kB each."""
    picture = OBJECTS[name]
    return picture.load() if colour is None else dye(picture, colour)


def tag_picture(tag: Tag) -> Array:
    """A tag at the size of its box, RGBA."""
    width, height = tag.box[2] - tag.box[0], tag.box[3] - tag.box[1]
    picture = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle(
        (0, 0, width - 1, height - 1), height // 5, fill="white", outline="black", width=max(1, height // 16)
    )
    font = ImageFont.load_default(round(0.85 * height))
    draw.text((width / 2, height / 2), tag.code, fill="black", font=font, anchor="mm")
    return np.array(picture)


def paste(canvas: Array, rgba: Array, box: Box) -> None:
    """Blend a picture into the canvas, scaled to a box; what lies outside is cut off."""
    x1, y1, x2, y2 = box
    shrinks = x2 - x1 < rgba.shape[1]
    # Blending needs colours weighed by opacity, or the unseen colour of clear pixels bleeds into the edge.
    weighed: NDArray[np.float32] = rgba.astype(np.float32)
    weighed[..., :3] *= weighed[..., 3:] / 255
    scaled = cv2.resize(weighed, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    top, left = max(0, -y1), max(0, -x1)
    part = canvas[y1 + top : y2, x1 + left : x2]
    scaled = scaled[top : top + part.shape[0], left : left + part.shape[1]]
    part[...] = np.rint(part * (1 - scaled[..., 3:] / 255) + scaled[..., :3]).clip(0, 255)
