"""What a video is, and which of its frames a conversation has seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adagym.errors import UsageError
from adagym.types import Array


class Video(ABC):
    """Frames in the order of their time stamps. Implementations are picklable and safe to use from several threads."""

    @property
    @abstractmethod
    def times(self) -> NDArray[np.float64]:
        """When each frame is shown, ``(frames,)``, seconds from the first one, increasing. Read-only."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the upright frames, in pixels."""

    @abstractmethod
    def frames(self, indices: Sequence[int]) -> list[Array]:
        """Return frames at full size.

        Args:
            indices: From 0, in any order, also repeated.

        Returns:
            For each index its frame, ``(height, width, 3)`` ``uint8`` RGB, read-only.

        Raises:
            DataError: The video cannot be decoded there.
        """

    def each(self, indices: Sequence[int], use: Callable[[Array], Array]) -> list[Array]:
        """Return what a function makes of frames, so that large frames need not all be in memory at once.

        Args:
            indices: As for :meth:`frames`.
            use: Gets a frame, may be called in any order, and must not use the video.

        Raises:
            DataError: The video cannot be decoded there.
        """
        return [use(self.frames([index])[0]) for index in indices]

    @property
    @abstractmethod
    def duration(self) -> float:
        """Seconds until the last frame ends."""

    def __len__(self) -> int:
        return len(self.times)

    def index_at(self, seconds: float) -> int:
        """Index of the frame that is on the screen at a time; the first or last one outside the video."""
        # Half a microsecond makes up for how time stamps are rounded when they are told.
        found = int(np.searchsorted(self.times, seconds + 5e-7, side="right")) - 1
        return min(max(found, 0), len(self) - 1)


def check_indices(video: Video, indices: Sequence[int]) -> None:
    """Refuse indices that a video has no frame for.

    Raises:
        UsageError: Names the first one.
    """
    for index in indices:
        if not 0 <= index < len(video):
            raise UsageError(f"Frame {index} was asked for, and the video has frames 0 to {len(video) - 1}.")


@dataclass(frozen=True)
class ShownVideo:
    """A video, some frames of which a conversation began with."""

    video: Video
    shown: tuple[int, ...]
    """Indices of the frames shown, increasing. The first of them is frame 1 for the agent."""

    @property
    def times(self) -> tuple[float, ...]:
        """Seconds of the frames shown."""
        return tuple(float(self.video.times[index]) for index in self.shown)
