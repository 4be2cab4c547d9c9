"""The objects of ``adagym.tools.objects``, found by matching their pictures, at 0.25 to 3 times their size.

Shrunken object and picture are compared at many scales on the largest and the smallest channel of each pixel, which
dyeing leaves as they are; what looks alike is compared again with more detail, and then by colour. In pictures below
4000 pixels smaller objects are found too, down to 14 pixels. One that is half covered, turned or mirrored is missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adagym.digest import image_digest
from adagym.errors import UsageError
from adagym.tools.memory import Memory
from adagym.tools.objects import HUES, OBJECTS, ObjectPicture, dye
from adagym.types import Array

Floats = NDArray[np.float32]

_COARSE, _FINE = 16, 40
"""Longer side of the object, in pixels, for the search and (at most) for the check of what it finds."""
_TINY, _SMALLEST, _LARGEST = 14, 40, 480
"""Longer sides that are searched for, in pixels of the picture; below 40 only in small pictures."""
_SHARE = 100
"""How many times the smallest object goes into the picture's longer side, between those limits."""
_STEP = 1.2
"""Ratio of neighbouring scales."""
_NUDGES = (0.8, 0.86, 0.93, 1.0, 1.07, 1.15, 1.24)
"""Scales that are tried again around a find."""
_CANDIDATES = 60
_MAYBE = 0.25
"""Least likeness of a find that is checked."""
_SURE, _SURE_IF_SMALL = 0.58, 0.65
"""Least likeness after the check, less how far the colours are off; below 40 pixels much looks like thin objects."""
_NEAR_BEST = 0.15
"""How much less likely than the best find others may be: what merely looks like the object is less alike."""
_GREY_LEVELS = 100.0
"""How far off the colours have to be, on average, to count as much as all likeness."""
_NOISE = 50.0
"""Variance, in squared grey levels, below which a place is flat."""


@dataclass(frozen=True)
class _Find:
    score: float
    x: float
    y: float
    """Of the middle, in pixels of the picture."""
    side: float
    """Longer side, in pixels of the picture."""
    colour: str | None = None


class ObjectPointer:
    """Points at the middle of every object of a kind, and of a colour if the description says one.

    Args:
        option: Must be empty: there is nothing to choose.
    """

    def __init__(self, option: str = "") -> None:
        if option:
            raise UsageError(f"The pointing backend `objects` takes no option, and got {option!r}. Write it alone.")
        self._known: Memory[tuple[str, str, str | None], list[list[int]]] = Memory(256)

    def locate(self, image: Array, description: str) -> list[list[int]] | None:
        """Middles of all objects named, the surest first; None if there are none (``adagym.tools.pointing.base``)."""
        words = _words(description)
        name = _named(words)
        if name is None or '"' in description:  # what is quoted is written there
            return None
        colour = next((word for word in words if word in HUES), None)

        def search() -> list[list[int]]:
            return [[int(find.x), int(find.y)] for find in find_object(image, OBJECTS[name], colour)]

        return self._known.get((image_digest(image), name, colour), search) or None


def find_object(image: Array, item: ObjectPicture, colour: str | None = None) -> list[_Find]:
    """Find all of one object.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
        item: The object.
        colour: A name of ``HUES``: only objects of that colour, if this one has several; None: any.
    """
    rgba = item.load()
    finds = [sure for find in _search(image, rgba) if (sure := _check(image, item, rgba, find)) is not None]
    least = max((find.score for find in finds), default=0.0) - _NEAR_BEST
    return _apart([find for find in finds if find.score >= least and (colour is None or find.colour in (None, colour))])


def _words(description: str) -> list[str]:
    return [word.removesuffix("s") for word in re.findall(r"[a-z]+", description.lower())]


def _named(words: Sequence[str]) -> str | None:
    """The object whose name occurs in the words; of several, the longest, then the one named first."""
    text = f" {' '.join(words)} "
    found = [(-len(name), text.index(f" {key} "), name) for name, key in _keys().items() if f" {key} " in text]
    return min(found)[2] if found else None


@lru_cache(maxsize=1)
def _keys() -> dict[str, str]:
    return {name: " ".join(_words(name.replace("_", " "))) for name in OBJECTS}


def _search(image: Array, rgba: Array) -> list[_Find]:
    """What may be the object, the likeliest first."""
    detail, weight = _template(rgba, _COARSE)
    high, wide = weight.shape
    found = []
    for side, level in _levels(image):
        if level.shape[0] < high or level.shape[1] < wide:
            break
        scores = _likeness(level, detail, weight)
        peaks = (scores >= _MAYBE) & (scores == cv2.dilate(scores, np.ones((5, 5), np.uint8)))
        scale = side / _COARSE
        found += [
            _Find(float(scores[y, x]), (x + wide / 2) * scale, (y + high / 2) * scale, side)
            for y, x in np.argwhere(peaks).tolist()
        ]
    return sorted(found, key=lambda find: -find.score)[:_CANDIDATES]


def _levels(image: Array) -> Iterator[tuple[float, Array]]:
    """The picture's larger channel, smaller and smaller, each with the side of objects that are sought in it."""
    side = float(min(_SMALLEST, max(_TINY, max(image.shape[:2]) / _SHARE)))
    level = image
    while side <= _LARGEST:
        size = [round(length * _COARSE / side) for length in image.shape[1::-1]]
        if min(size) < 3:
            return
        level = _resized(level, (size[0], size[1]))
        yield side, level
        side *= _STEP


def _check(image: Array, item: ObjectPicture, rgba: Array, find: _Find) -> _Find | None:
    """Look at a find with more detail; None if it is not the object after all."""
    fine = min(_FINE, find.side)
    detail, weight = _template(rgba, fine)
    high, wide = weight.shape
    reach = find.side * 0.9
    left, top = max(0, round(find.x - reach)), max(0, round(find.y - reach))
    part = image[top : round(find.y + reach), left : round(find.x + reach)]
    best: tuple[float, float, tuple[int, int], Array] | None = None
    for nudge in _NUDGES:
        scale = find.side * nudge / fine
        size = (round(part.shape[1] / scale), round(part.shape[0] / scale))
        if size[0] < wide or size[1] < high:
            continue
        level = _resized(part, size)
        scores = _likeness(level, detail, weight)
        _, score, _, place = cv2.minMaxLoc(scores)
        if best is None or score > best[0]:
            best = (score, scale, (int(place[0]), int(place[1])), level)
    least = _SURE if find.side >= _SMALLEST else _SURE_IF_SMALL
    if best is None or best[0] < least:
        return None
    score, scale, (x, y), level = best
    colour, off = _nearest_colour(level[y : y + high, x : x + wide], item)
    score -= off / _GREY_LEVELS
    return (
        None
        if score < least
        else _Find(score, left + (x + wide / 2) * scale, top + (y + high / 2) * scale, fine * scale, colour)
    )


def _nearest_colour(part: Array, item: ObjectPicture) -> tuple[str | None, float]:
    """The colour in which an object looks most like what was found, and how far off that still is."""
    size = (part.shape[1], part.shape[0])
    looks = [(item.colour, item.load())]
    if item.hue is not None:
        looks += [(colour, dye(item, colour)) for colour in HUES]
    weight = _resized(looks[0][1][..., 3], size) > 200
    off = [(float(np.abs(part[weight] - _opaque(rgba, size)[weight]).mean()), colour) for colour, rgba in looks]
    least, colour = min(off, key=lambda entry: entry[0])
    return colour, least


def _apart(finds: Sequence[_Find]) -> list[_Find]:
    """The surest finds, none in the place of a surer one."""
    kept: list[_Find] = []
    for find in sorted(finds, key=lambda find: -find.score):
        if all(max(abs(find.x - other.x), abs(find.y - other.y)) > other.side / 2 for other in kept):
            kept.append(find)
    return kept


def _template(rgba: Array, side: float) -> tuple[Floats, Floats]:
    """What lasts of an object of that longer side, ``(height, width, 2)``, and the weight of each pixel."""
    ratio = side / max(rgba.shape[:2])
    size = (max(3, round(rgba.shape[1] * ratio)), max(3, round(rgba.shape[0] * ratio)))
    # Pixels at the edge hold some of whatever is behind, so they count for less than their opacity.
    weight: Floats = (_resized(rgba[..., 3], size).astype(np.float32) / 255) ** np.float32(2)
    return _lasting(_opaque(rgba, size)), weight


def _opaque(rgba: Array, size: tuple[int, int]) -> Floats:
    """The object's own colours at another size, without what shines through."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    smaller = _resized(np.dstack([rgba[..., :3] * alpha, alpha]), size)
    colours: Floats = smaller[..., :3] / np.maximum(smaller[..., 3:], 1e-3)
    return colours


def _resized(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _likeness(picture: Array, detail: Floats, weight: Floats) -> Floats:
    """How like the object each place is, at most 1: Lin's concordance, weighted, over both channels.

    Unlike a correlation it minds levels and contrast too, so that plain objects do not look like everything.
    """
    total = float(weight.sum())
    shared, spread = np.float32(_NOISE), np.float32(_NOISE)
    for level, wanted in zip(cv2.split(_lasting(picture)), cv2.split(detail), strict=True):
        mean = float((wanted * weight).sum()) / total
        own = (wanted - mean) * weight / total
        means = cv2.matchTemplate(level, weight / total, cv2.TM_CCORR)
        squares = cv2.matchTemplate(level * level, weight / total, cv2.TM_CCORR)
        shared = shared + 2 * cv2.matchTemplate(level, own, cv2.TM_CCORR)
        # variances of both, and the squared difference of their means
        spread = spread + squares - means**2 + float((wanted * own).sum()) + (means - mean) ** 2
    likeness: Floats = shared / np.maximum(spread, _NOISE)
    return likeness


def _lasting(picture: NDArray[Any]) -> Floats:
    """The largest and the smallest channel of each pixel, which dyeing leaves as they are, ``(height, width, 2)``."""
    red, green, blue = cv2.split(picture)
    largest, smallest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return cv2.merge([largest, smallest]).astype(np.float32)
