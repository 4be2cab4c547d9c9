"""Videos that are drawn and never encoded: objects that come, move and go before a photograph or a plain ground.

Every frame is a function of the reference string and its number, so frames can be looked at in any order, and a saved
episode needs no file to be replayed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adagym.envs.tasks.photos import PHOTOS
from adagym.envs.tasks.vstar_scene import Box, Tag, background, extent, object_picture, paste, tag_picture
from adagym.errors import DataError
from adagym.tools.objects import OBJECTS
from adagym.types import Array
from adagym.video.base import Video, check_indices

KIND = "made"
"""What references of drawn videos begin with."""
MAX_FRAMES = 1_000_000
MAX_SIDE = 7680
MAX_TRACKS = 1000
_GAP = 0.8
"""Between an object and its tag, in tag widths."""
_RATIO = 2.5
"""Width of a tag over its height."""


@dataclass(frozen=True)
class Track:
    """One appearance of an object."""

    name: str
    start: int
    """First frame in which it is seen."""
    stop: int
    """First frame in which it is gone."""
    size: int
    """Longer side in pixels."""
    points: tuple[tuple[int, int], ...]
    """Middles ``[x, y]`` that it goes through in straight lines, in equal times."""
    code: str = ""
    """Written on a tag beside it; empty for no tag."""
    tag: tuple[int, int, int] = (0, 0, 0)
    """First frame with the tag, first one without it, and the tag's height in pixels."""

    def middle(self, frame: int) -> tuple[float, float]:
        """Where its middle is in one of its frames, in pixels."""
        way = (frame - self.start) / max(1, self.stop - 1 - self.start) * (len(self.points) - 1)
        x, y = np.array(self.points, float).T
        marks = np.arange(len(self.points))
        return float(np.interp(way, marks, x)), float(np.interp(way, marks, y))

    def box(self, frame: int) -> Box:
        """Where it is drawn in one of its frames."""
        x, y = self.middle(frame)
        width, height = extent(self.name, self.size)
        left, top = round(x - width / 2), round(y - height / 2)
        return left, top, left + width, top + height

    def tag_box(self, frame: int, width: int) -> Box | None:
        """Where its tag is drawn in a picture of that width, on the side that has more room; None if it is not."""
        if not (self.code and self.tag[0] <= frame < self.tag[1]):
            return None
        x1, y1, x2, y2 = self.box(frame)
        high = self.tag[2]
        wide = round(_RATIO * high)
        gap = round(_GAP * wide)
        left = x2 + gap if x1 + x2 < width else x1 - gap - wide
        top = (y1 + y2 - high) // 2
        return left, top, left + wide, top + high


@dataclass(frozen=True)
class MadeVideo(Video):
    """A video that is drawn when it is looked at."""

    width: int
    height: int
    fps: int
    count: int
    """Number of frames."""
    ground: str
    """Name of a photograph of adagym's, or a colour such as ``#a0b0c0``."""
    flipped: bool
    """Whether the photograph is mirrored first."""
    tracks: tuple[Track, ...]

    @property
    def reference(self) -> str:
        """What :func:`adagym.video.open_video` opens as this video: ``made:`` and compact JSON."""
        fields = {**asdict(self), "tracks": [list(asdict(track).values()) for track in self.tracks]}
        return f"{KIND}:{json.dumps(fields, separators=(',', ':'))}"

    @property
    def times(self) -> NDArray[np.float64]:
        """When each frame is shown; see the base class."""
        return _times(self.count, self.fps)

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` in pixels."""
        return self.width, self.height

    @property
    def duration(self) -> float:
        """Seconds until the last frame ends."""
        return self.count / self.fps

    def __len__(self) -> int:
        return self.count

    def frames(self, indices: Sequence[int]) -> list[Array]:
        """Draw frames; see the base class."""
        check_indices(self, indices)
        return [self._draw(index) for index in indices]

    def each(self, indices: Sequence[int], use: Callable[[Array], Array]) -> list[Array]:
        """What a function makes of frames; see the base class. It gets the bare ground, which is in most, once."""
        ground = _ground(self.ground, self.width, self.height, self.flipped)
        bare: Array | None = None
        made = []
        for (frame,) in (self.frames([index]) for index in indices):
            if frame is not ground:
                made.append(use(frame))
                continue
            bare = use(ground) if bare is None else bare
            made.append(bare)
        return made

    def _draw(self, index: int) -> Array:
        ground = _ground(self.ground, self.width, self.height, self.flipped)
        tracks = [track for track in self.tracks if track.start <= index < track.stop]
        if not tracks:
            return ground
        canvas: Array = ground.copy()
        for track in tracks:
            paste(canvas, object_picture(track.name, None), track.box(index))
            tag = track.tag_box(index, self.width)
            if tag is not None and tag[0] < self.width and tag[2] > 0:
                paste(canvas, _tag(track.code, tag[2] - tag[0], tag[3] - tag[1]), tag)
        canvas.flags.writeable = False
        return canvas


def open_made(rest: str) -> MadeVideo:
    """Open what stands behind ``made:`` in a reference.

    Raises:
        DataError: It is not of the form that :attr:`MadeVideo.reference` gives.
    """
    try:
        fields = json.loads(rest)
        tracks = tuple(_track(*values) for values in fields.pop("tracks"))
        video = MadeVideo(**fields, tracks=tracks)
        fine = _usable(video)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise DataError(f"`{KIND}:{rest:.80}` describes no video ({error}). {_WHENCE}") from None
    if not fine:
        raise DataError(f"`{KIND}:{rest:.80}` describes a video that cannot be drawn. {_WHENCE}")
    return video


_WHENCE = "Such references are made by the task source `video`; copy one whole."


def _track(name: Any, start: Any, stop: Any, size: Any, points: Any, code: Any, tag: Any) -> Track:
    return Track(name, start, stop, size, tuple((x, y) for x, y in points), code, (tag[0], tag[1], tag[2]))


def _usable(video: MadeVideo) -> bool:
    """Whether all values are of their types and in range; a reference may come from a file that anybody wrote."""
    whole = [video.width, video.height, video.fps, video.count]
    for track in video.tracks:
        whole += [track.start, track.stop, track.size, *track.tag]
    return (
        all(type(number) is int for number in whole)
        and 16 <= min(video.width, video.height)
        and max(video.width, video.height) <= MAX_SIDE
        and 1 <= video.fps <= 1000
        and 1 <= video.count <= MAX_FRAMES
        and (video.ground in PHOTOS or _colour(video.ground) is not None)
        and len(video.tracks) <= MAX_TRACKS
        and all(_fits(track, video.width, video.height) for track in video.tracks)
    )


def _fits(track: Track, width: int, height: int) -> bool:
    return (
        track.name in OBJECTS
        and isinstance(track.code, str)
        and len(track.code) <= 16
        and 1 <= len(track.points) <= 16
        and 1 <= track.size <= MAX_SIDE
        and 0 <= track.tag[2] <= MAX_SIDE
        and (not track.code or track.tag[2] >= 4)
        and all(0 <= x < width and 0 <= y < height for x, y in track.points)
    )


def _colour(text: str) -> tuple[int, int, int] | None:
    try:
        red, green, blue = bytes.fromhex(text.removeprefix("#"))
    except ValueError:
        return None
    return (red, green, blue) if text.startswith("#") else None


@lru_cache(maxsize=32)
def _tag(code: str, width: int, height: int) -> Array:
    return tag_picture(Tag(code, (0, 0, width, height)))


@lru_cache(maxsize=8)
def _times(count: int, fps: int) -> NDArray[np.float64]:
    times = np.arange(count) / fps
    times.flags.writeable = False
    return times


@lru_cache(maxsize=4)
def _ground(ground: str, width: int, height: int, flipped: bool) -> Array:
    """What is behind the objects, read-only; 3 MB for 1280 x 720."""
    colour = _colour(ground)
    if colour is None:
        canvas = background(PHOTOS[ground].load(), width, height, flipped)
    else:
        canvas = np.full((height, width, 3), colour, np.uint8)
    canvas.flags.writeable = False
    return canvas
