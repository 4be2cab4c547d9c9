"""When the frames of a file are shown, and which of its packets must be decoded to see some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Stamps:
    """Time stamps of a stream. A packet holds one frame; packets are in the order in which they are decoded."""

    seconds: NDArray[np.float64]
    """``(frames,)``, as the file counts them, increasing."""
    order: NDArray[np.intp]
    """``(packets,)``: index of the frame in each packet."""
    keys: NDArray[np.bool_]
    """``(packets,)``: whether decoding can begin with the packet."""
    usual: float
    """Seconds that a frame usually lasts."""

    @classmethod
    def of(cls, seconds: ArrayLike, keys: Sequence[bool], fps: float | None = None) -> Stamps:
        """Sort the stamps of packets; a stamp that occurs twice is one frame.

        Args:
            seconds: Stamp of each packet, at least one.
            keys: Whether decoding can begin with it.
            fps: Frames per second, for a video of one frame.
        """
        increasing, order = np.unique(np.asarray(seconds, np.float64), return_inverse=True)
        usual = float(np.median(np.diff(increasing))) if len(increasing) > 1 else 1 / fps if fps else 1.0
        return cls(increasing, order.astype(np.intp), np.asarray(keys, np.bool_), usual)

    def nearest(self, seconds: float) -> int:
        """Index of the frame whose stamp is nearest."""
        right = min(int(np.searchsorted(self.seconds, seconds)), len(self.seconds) - 1)
        left = max(right - 1, 0)
        return left if seconds - self.seconds[left] < self.seconds[right] - seconds else right

    def key_before(self, index: int) -> int:
        """Index of the last frame at or before another at which decoding can begin; 0 if there is none."""
        keys = self.order[self.keys]
        return int(np.max(keys[keys <= index], initial=0))

    def needed(self, wanted: Sequence[int]) -> NDArray[np.bool_]:
        """Which packets lead to frames.

        A frame needs no packet after its own, and none before the last key packet that is not shown after it: frames
        that follow a key packet and are shown before it may refer to what precedes it.

        Args:
            wanted: Indices of frames.

        Returns:
            ``(packets,)``, true for packets to decode.
        """
        needed = np.zeros(len(self.order), np.bool_)
        packet_of = np.zeros(len(self.seconds), np.intp)
        packet_of[self.order] = np.arange(len(self.order))
        starts = np.flatnonzero(self.keys)
        for index in wanted:
            end = int(packet_of[index])
            before = int(np.searchsorted(starts, end, side="right")) - 1
            while before >= 0 and self.order[starts[before]] > index:
                before -= 1
            needed[starts[before] if before >= 0 else 0 : end + 1] = True
        return needed
