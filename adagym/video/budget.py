"""How many frames of a video are shown at first, and how large."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from adagym.errors import UsageError
from adagym.types import Array
from adagym.video.base import Video

MOST = 4096
"""Most frames that are chosen from a video, as for writing them down; an episode begins with far fewer."""


@dataclass(frozen=True)
class FrameBudget:
    """Frames at even distances, at most ``most`` of them, each of at most ``pixels`` pixels."""

    most: int = 64
    """AdaTooler-V shows 64 frames."""
    fps: float | None = None
    """Frames per second of video to show; None shows as many as ``most`` allows."""
    pixels: int = 50_176
    """Larger frames are shrunk, keeping their shape; 224 x 224 by default."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.most <= MOST:
            raise UsageError(f"1 to {MOST} frames are chosen from a video, not {self.most}.")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise UsageError(f"`fps` is above 0 and at most 1000, not {self.fps}.")
        if self.pixels < 256:
            raise UsageError(f"`pixels` is at least 256 per frame, not {self.pixels}.")

    @classmethod
    def parse(cls, spec: str | int, limit: int = MOST) -> FrameBudget:
        """Read ``64``, ``fps=1`` or ``most=32,fps=0.5,pixels=100000``.

        Args:
            spec: What is to be shown.
            limit: The largest ``most`` that can be used.

        Raises:
            UsageError: It is of another form, or a number is out of range.
        """
        if isinstance(spec, int) or spec.strip().isdigit():
            spec = f"most={spec}"
        kinds = {field.name: float if field.name == "fps" else int for field in fields(cls)}
        values: dict[str, float] = {}
        for item in spec.split(","):
            key, _, value = (part.strip() for part in item.partition("="))
            try:
                values[key] = kinds[key](value)
            except (KeyError, ValueError):
                raise UsageError(
                    f"`{item}` says nothing about frames: write a number such as 64, or some of {', '.join(kinds)}, "
                    "such as `most=32,fps=0.5`."
                ) from None
        if values.get("most", 1) > limit:
            raise UsageError(f"At most {limit} frames are shown at first, not {values['most']}.")
        return cls(**values)  # type: ignore[arg-type]  # the kinds above are those of the fields

    def choose(self, video: Video) -> tuple[int, ...]:
        """Indices of the frames to show: the middle one of each of equally long parts, increasing, none twice."""
        count = self.most
        if self.fps is not None:
            count = min(count, max(1, round(video.duration * self.fps)))
        count = min(count, len(video))
        if count == len(video):
            return tuple(range(count))
        middles = (np.arange(count) + 0.5) * len(video) / count
        return tuple(int(middle) for middle in middles)

    def shrink(self, frame: Array) -> Array:
        """A frame as it is shown: itself, or a smaller copy."""
        height, width = frame.shape[:2]
        scale = (self.pixels / (height * width)) ** 0.5
        if scale >= 1:
            return frame
        import cv2  # heavy, and only environments of videos come here

        size = max(1, int(width * scale)), max(1, int(height * scale))
        return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
