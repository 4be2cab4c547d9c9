"""A video whose frames tell their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from adagym.types import Array
from adagym.video import ShownVideo, Video


class Numbered(Video):
    """Ten frames at uneven distances; every value of a frame is its index.

    Args:
        width: Of its frames, pixels.
        height: The same.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height

    @property
    def times(self) -> NDArray[np.float64]:
        return np.array([0, 0.1, 0.2, 1 / 3, 1, 1.5, 2, 2.5, 3, 3.5])

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    @property
    def duration(self) -> float:
        return 4.0

    def frames(self, indices: Sequence[int]) -> list[Array]:
        frames = [np.full((self._size[1], self._size[0], 3), index, np.uint8) for index in indices]
        for frame in frames:
            frame.flags.writeable = False
        return frames


@pytest.fixture
def video() -> ShownVideo:
    """Frames 0, 3, 6 and 9 were shown, of 64x48 pixels."""
    return ShownVideo(Numbered(64, 48), (0, 3, 6, 9))


@pytest.fixture
def large_video() -> ShownVideo:
    """The same with 1280x720 pixels."""
    return ShownVideo(Numbered(1280, 720), (0, 3, 6, 9))
