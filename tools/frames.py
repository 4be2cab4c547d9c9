"""What the tools of AdaTooler-V are given: frames and times of a video, and pictures and places by number.

Places are read in pixels, or as shares of the picture's sides where that is beyond doubt: every number lies within 0
and 1, and not all of them are whole. ``[0, 0, 1, 1]`` is a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from adagym.errors import ErrorCode, ToolError
from adagym.tools.base import ToolOutput
from adagym.tools.values import MAX_COORDINATE, SIDES, Kind, Media, decoded, is_side, refuse, show
from adagym.types import Array
from adagym.video import FrameBudget, ShownVideo, Video

MOST = 16
"""Most frames that one call returns."""
_ROUNDING = 0.005
"""How far a time may lie after the end, in seconds: durations are told with two digits."""


@dataclass(frozen=True)
class Frames:
    """Frames of the conversation's video."""

    video: Video
    indices: tuple[int, ...]
    """From 0, among all frames of the video."""

    def output(self, message: str, pixels: int | None = None) -> ToolOutput:
        """The frames as a tool returns them, each with its time and size.

        Args:
            message: What is said of them.
            pixels: Larger frames are shrunk to so many; None leaves them at full size.

        Raises:
            DataError: The video cannot be decoded there.
        """
        frames = self.video.frames(self.indices)
        if pixels is not None:
            frames = [FrameBudget(pixels=pixels).shrink(frame) for frame in frames]
        told = [
            # Six digits lead back to the same frame (`Video.index_at`).
            {"seconds": round(float(self.video.times[index]), 6), "size": [frame.shape[1], frame.shape[0]]}
            for index, frame in zip(self.indices, frames, strict=True)
        ]
        return ToolOutput({"frames": told}, tuple(frames), message)


@dataclass(frozen=True)
class Instant:
    """A time within the conversation's video."""

    video: Video
    seconds: float

    @property
    def frames(self) -> Frames:
        """The one frame that is on the screen then."""
        return Frames(self.video, (self.video.index_at(self.seconds),))


@dataclass(frozen=True)
class Place:
    """A point or a box as it was given."""

    numbers: tuple[float, ...]
    """x and y in turn."""

    @property
    def normalised(self) -> bool:
        """Whether the numbers are shares of the picture's sides."""
        within = all(0 <= number <= 1 for number in self.numbers)
        return within and any(number != int(number) for number in self.numbers)

    def pixels(self, image: Array) -> tuple[int, ...]:
        """The numbers in whole pixels of a picture."""
        height, width = image.shape[:2]
        scales = [width, height] * (len(self.numbers) // 2) if self.normalised else [1] * len(self.numbers)
        return tuple(round(number * scale) for number, scale in zip(self.numbers, scales, strict=True))

    def __str__(self) -> str:
        return str(list(self.numbers))


def _video_of(media: Media) -> ShownVideo:
    if media.video is None:
        raise ToolError("is about a video, and this conversation has none.", ErrorCode.INVALID_PARAMETERS)
    return media.video


def _read_frames(value: Any, media: Media) -> Frames:
    """A frame's number or a list of them, also as strings."""
    shown = _video_of(media)
    read = decoded(value)
    numbers = [decoded(item) for item in read] if isinstance(read, list) else [read]
    most = len(shown.shown)
    if not 1 <= len(numbers) <= MOST or not all(map(_is_whole, numbers)):
        raise refuse(f"the number of a frame, 1 to {most}, or a list of 1 to {MOST} of them", value)
    outside = next((number for number in numbers if not 1 <= number <= most), None)
    if outside is not None:
        raise ToolError(
            f"holds {int(outside)}, and the frames shown are numbered 1 to {most}.", ErrorCode.INVALID_PARAMETERS
        )
    return Frames(shown.video, tuple(shown.shown[int(number) - 1] for number in numbers))


def _read_seconds(value: Any, media: Media) -> Instant:
    video = _video_of(media).video
    read = decoded(value)
    if not is_side(read) or not 0 <= read <= video.duration + _ROUNDING:
        raise refuse(f"a time in seconds, 0 to {video.duration:.2f}", value)
    return Instant(video, float(read))


def _read_picture(value: Any, media: Media) -> Array:
    """A picture by its number from 1, or by its name."""
    read = decoded(value)
    name = f"img_{int(read)}" if _is_whole(read) else read
    if isinstance(name, str) and name in media.images:
        return media.images[name]
    numbers = f"1 to {len(media.images)}" if media.images else "there is none"
    raise ToolError(
        f"must be the number of a picture of this conversation ({numbers}) or its name, not {show(value)}.",
        ErrorCode.CANNOT_LOAD_IMAGE,
    )


def _read_place(value: Any, media: Media, forms: Sequence[tuple[str, ...]], expected: str) -> Place:
    read = decoded(value)
    if isinstance(read, list) and len(read) == 1 and isinstance(read[0], list | dict):
        read = read[0]
    if isinstance(read, dict):
        read = next(([read[key] for key in keys] for keys in forms if set(read) == set(keys)), read)
    if not isinstance(read, list) or len(read) != len(forms[0]) or not all(map(is_side, read)):
        raise refuse(f"{expected}, in pixels or as shares from 0 to 1", value)
    return Place(tuple(read))


def _is_whole(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # The range comes first: it excludes infinities, NaN, and integers too large for a float.
    return number and -MAX_COORDINATE <= value <= MAX_COORDINATE and value == int(value)


_NUMBER = {"type": "integer", "minimum": 1}
# The examples are for sampling: the first frame and the first picture are always there.
_NUMBERS = {"type": "array", "items": _NUMBER, "minItems": 1, "maxItems": MOST}
_SECONDS = {"type": "number", "minimum": 0}
_BOX = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
_POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}

FrameArg = Annotated[Frames, Kind({"anyOf": [{**_NUMBER, "examples": [1]}, _NUMBERS]}, _read_frames)]
"""A frame by its number among the frames shown, or several."""
FramesArg = Annotated[Frames, Kind({**_NUMBERS, "examples": [[1]]}, _read_frames)]
"""The same with the schema of a list."""
SecondsArg = Annotated[Instant, Kind(_SECONDS, _read_seconds)]
"""A time in seconds."""
PictureArg = Annotated[
    NDArray[np.uint8], Kind({"anyOf": [{**_NUMBER, "examples": [1]}, {"type": "string"}]}, _read_picture)
]
"""A picture by its number ``n``, or its name ``img_n``."""
RegionArg = Annotated[Place, Kind(_BOX, partial(_read_place, forms=SIDES, expected="a box [x1, y1, x2, y2]"))]
"""A box ``[x1, y1, x2, y2]``."""
SpotArg = Annotated[Place, Kind(_POINT, partial(_read_place, forms=(("x", "y"),), expected="a point [x, y]"))]
"""A point ``[x, y]``."""
