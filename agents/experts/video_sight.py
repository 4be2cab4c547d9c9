"""What the expert of videos sees: what moves before a still ground, which object it is, and where tags are.

The ground is the median of all pictures of one size. An object is recognised by painting each one that it knows over
the ground at the same place: the right one looks like what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from adagym.digest import image_digest
from adagym.tools.memory import Memory
from adagym.tools.objects import OBJECTS
from adagym.types import Array

Box = tuple[int, int, int, int]
"""``(x1, y1, x2, y2)`` in pixels; the last two are exclusive."""
Recognised = tuple[str, Box, Box | None]
"""An object's name, its box, and that of its tag if it has one."""
Floats = NDArray[np.float32]

_FEWEST = 3
"""Fewest pictures from which it can be told what moves."""

_MOST = 25
"""Pictures that a ground is made of; of more, some at even distances."""
_MOVED = 12
"""Levels by which a pixel differs from the ground where something is before it."""
_LEAST = 8
"""Fewest pixels of something, in a picture of 50,000; for larger ones as many times more as they are larger."""
_LIKE = 0.5
"""Largest share of the difference from the ground that painting the right object may leave."""
_PALE = 110
"""Least level of a tag's darkest channel, in the middle; its letters darken it where it is small."""
_SURE, _CLEARLY = 0.3, 0.6
"""What the first look may leave at most, also as a share of what the second best leaves, to be enough."""
_CLOSER = 5
"""Objects that are looked at again after a first look."""
_SIDE = 64
"""Longer side of the pictures of objects that are painted, in pixels."""
_SHAPE = 1.6
"""How many times as long or as wide as its outline an object may be at the first look."""


_known: Memory[tuple[str, ...], tuple[Recognised | None, ...]] = Memory(64)


@dataclass(frozen=True)
class Look:
    """A picture of the video and when it is shown."""

    seconds: float
    image: Array


@dataclass(frozen=True)
class Sighting:
    """An object at a moment."""

    look: Look
    name: str
    x: float
    y: float
    """Its middle, as shares of the picture's width and height."""
    tag: tuple[float, float, float, float] | None
    """A tag beside it, as shares of the sides: ``(x1, y1, x2, y2)``."""

    @property
    def seconds(self) -> float:
        """The moment."""
        return self.look.seconds


def sightings(looks: Sequence[Look]) -> list[Sighting]:
    """What is seen in pictures, in order of time; at most one object in each.

    Args:
        looks: Pictures of one or several sizes. A size of which there are fewer than three is left
            out.
    """
    sizes: dict[tuple[int, ...], list[Look]] = {}
    for look in looks:
        sizes.setdefault(look.image.shape, []).append(look)
    found = [
        _sighting(look, *seen)
        for same in sizes.values()
        if len(same) >= _FEWEST
        for look, seen in zip(same, _recognised([look.image for look in same]), strict=True)
        if seen is not None
    ]
    return sorted(found, key=lambda sighting: sighting.seconds)


def _recognised(images: Sequence[Array]) -> tuple[Recognised | None, ...]:
    """What is in each picture of one size; remembered, since an expert looks at the same pictures turn after turn."""

    def search() -> tuple[Recognised | None, ...]:
        ground = ground_of(images)
        return tuple(recognise(image, ground) for image in images)

    return _known.get(tuple(map(image_digest, images)), search)


def ground_of(images: Sequence[Array]) -> Array:
    """What is behind everything that moves, ``(height, width, 3)`` ``uint8``."""
    step = max(1, len(images) // _MOST)
    some = np.stack(images[::step])
    middle = len(some) // 2
    return np.asarray(np.partition(some, middle, axis=0)[middle], np.uint8)


def recognise(image: Array, ground: Array) -> Recognised | None:
    """The object in a picture, its box and the box of its tag; None if there is none that is known."""
    best: tuple[float, str, Box] | None = None
    boxes = moved(image, ground)
    for box in boxes:
        left, name = _nearest(image, ground, box)
        if best is None or left < best[0]:
            best = (left, name, box)
    if best is None or best[0] > _LIKE:
        return None
    tags = [box for box in boxes if box != best[2] and _is_tag(image, box)]
    return best[1], best[2], tags[0] if tags else None


def moved(image: Array, ground: Array) -> list[Box]:
    """Boxes around what differs from the ground, the largest first."""
    mask = (cv2.absdiff(image, ground).max(axis=2) > _MOVED).astype(np.uint8)
    joined = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(joined)
    least = _LEAST * max(1.0, mask.size / 50_000)
    found = []
    for label in range(1, count):
        rows, columns = np.nonzero((labels == label) & (mask > 0))
        if len(rows) >= least:
            box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
            found.append((len(rows), box))
    return [box for _, box in sorted(found, reverse=True)]


def _nearest(image: Array, ground: Array, box: Box) -> tuple[float, str]:
    """How much of the difference is left if the best object is painted there, and which one it is."""
    x1, y1, x2, y2 = box
    ratio = (x2 - x1) / (y2 - y1)
    known = [name for name, item in OBJECTS.items() if 1 / _SHAPE < ratio / (item.width / item.height) < _SHAPE]
    first = sorted((_left(image, ground, name, box), name) for name in known)[:_CLOSER]
    if len(first) > 1 and first[0][0] < _SURE and first[0][0] < _CLEARLY * first[1][0]:
        return first[0]
    near = [(x1 + a, y1 + b, x2 + c, y2 + d) for a, b, c, d in _SHIFTS]
    closer = [(_left(image, ground, name, other), name) for _, name in first for other in near if _inside(other, image)]
    return min(closer + first, default=(1.0, ""))


_SHIFTS = [(a, b, c, d) for a in (-1, 0) for b in (-1, 0) for c in (0, 1) for d in (0, 1)]
"""An outline loses pixels that hardly differ, so it can be a pixel larger on each side."""


def _inside(box: Box, image: Array) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= image.shape[1] and box[3] <= image.shape[0]


def _left(image: Array, ground: Array, name: str, box: Box) -> float:
    x1, y1, x2, y2 = box
    weighed = _weighed(name, x2 - x1, y2 - y1)
    there, behind = image[y1:y2, x1:x2].astype(np.float32), ground[y1:y2, x1:x2].astype(np.float32)
    painted = behind * (1 - weighed[..., 3:]) + weighed[..., :3]
    return float(np.abs(there - painted).sum() / max(1.0, np.abs(there - behind).sum()))


@lru_cache(maxsize=20_000)
def _weighed(name: str, width: int, height: int) -> Floats:
    """An object's colours weighed by opacity, and the opacity from 0 to 1."""
    return np.asarray(cv2.resize(_full(name), (width, height), interpolation=cv2.INTER_AREA), np.float32)


@lru_cache(maxsize=256)
def _full(name: str) -> Floats:
    """The same, not larger than it is ever seen in small frames."""
    rgba = OBJECTS[name].load().astype(np.float32)
    alpha = rgba[..., 3:] / 255
    weighed = np.dstack([rgba[..., :3] * alpha, alpha]).astype(np.float32)
    scale = _SIDE / max(weighed.shape[:2])
    size = max(1, round(weighed.shape[1] * scale)), max(1, round(weighed.shape[0] * scale))
    return np.asarray(cv2.resize(weighed, size, interpolation=cv2.INTER_AREA), np.float32)


def _is_tag(image: Array, box: Box) -> bool:
    """Whether something is pale and about two and a half times as wide as high."""
    x1, y1, x2, y2 = box
    part = image[y1:y2, x1:x2]
    return 1.5 < (x2 - x1) / (y2 - y1) < 4 and float(np.median(part.min(axis=2))) > _PALE


def _sighting(look: Look, name: str, box: Box, tag: Box | None) -> Sighting:
    height, width = look.image.shape[:2]
    shares = None if tag is None else (tag[0] / width, tag[1] / height, tag[2] / width, tag[3] / height)
    return Sighting(look, name, (box[0] + box[2]) / 2 / width, (box[1] + box[3]) / 2 / height, shares)


def appearances(seen: Sequence[Sighting], pause: float) -> list[list[Sighting]]:
    """Sightings of one object after the other, apart where another object or a long pause is between them.

    Args:
        seen: In order of time.
        pause: Seconds after which the same object counts as having come again.
    """
    found: list[list[Sighting]] = []
    for sighting in seen:
        last = found[-1][-1] if found else None
        if last is not None and last.name == sighting.name and sighting.seconds - last.seconds <= pause:
            found[-1].append(sighting)
        else:
            found.append([sighting])
    return found


def along(seen: Sequence[Sighting], way: Sequence[tuple[float, float]]) -> float:
    """How far sightings are from a way that is walked in one direction, on average, in shares of the sides.

    Args:
        seen: In order of time.
        way: Points ``(x, y)`` as shares of the sides.
    """
    marks = np.arange(len(way))
    steps = np.linspace(0, len(way) - 1, 41)
    path = np.stack([np.interp(steps, marks, [point[axis] for point in way]) for axis in (0, 1)], axis=1)
    least = np.zeros(len(steps))
    for sighting in seen:
        off = np.hypot(*(path - (sighting.x, sighting.y)).T)
        least = np.minimum.accumulate(least) + off
    return float(least.min()) / max(1, len(seen))
