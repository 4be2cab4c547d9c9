"""Decoded frames that are kept, so that looking again costs nothing, within a bound that all videos share."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict

from adagym.types import Array

LIMIT = 256 * 2**20
"""Bytes of frames that a process keeps: 97 frames of 1280x720, 43 of 1920x1080."""

_OWNERS = itertools.count()


class FrameCache:
    """Frames by owner and index; those not used for the longest time go first. Safe to use from several threads.

    Args:
        limit: Bytes of frames to keep.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._held = 0
        self._frames: OrderedDict[tuple[int, int], Array] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def owner() -> int:
        """A number that no other video of this process has."""
        return next(_OWNERS)

    @property
    def held(self) -> int:
        """Bytes of the frames that are kept."""
        return self._held

    def get(self, owner: int, index: int) -> Array | None:
        """A frame of a video, if it is kept."""
        with self._lock:
            frame = self._frames.get((owner, index))
            if frame is not None:
                self._frames.move_to_end((owner, index))
            return frame

    def put(self, owner: int, index: int, frame: Array) -> None:
        """Keep a frame, and drop the oldest ones beyond the limit. A frame above the limit is not kept."""
        if frame.nbytes > self._limit:
            return
        with self._lock:
            before = self._frames.pop((owner, index), None)
            self._held += frame.nbytes - (0 if before is None else before.nbytes)
            self._frames[owner, index] = frame
            while self._held > self._limit:
                self._held -= self._frames.popitem(last=False)[1].nbytes


FRAMES = FrameCache()
"""The cache of this process."""
