"""Videos in files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adagym.errors import DataError
from adagym.types import Array
from adagym.video.base import Video, check_indices
from adagym.video.cache import FRAMES, FrameCache
from adagym.video.containers import is_playlist, missing_bytes
from adagym.video.stamps import Stamps

MAX_PIXELS = 8192 * 4320
"""Largest frame that is read."""
MAX_FRAMES = 5_000_000
"""Most frames of a video: 46 hours at 30 per second."""
STALE = 1.0
"""Seconds for which the frame before stands in for frames that cannot be decoded, as in players."""


class Reader(Protocol):
    """What PyAV and OpenCV have in common."""

    stamps: Stamps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright frames."""

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height that the header announces."""

    def decode(self, wanted: Sequence[int]) -> Iterator[tuple[int, Array]]:
        """Decode frames of increasing indices; leave out those that cannot be decoded."""


class VideoFile(Video):
    """A video file of any kind that FFmpeg knows, read by PyAV if that is installed, else by OpenCV.

    Opening reads the time stamps of all packets and decodes nothing. Decoded frames go to a cache that all videos of
    the process share (:data:`adagym.video.cache.LIMIT`). Frames are turned as the file asks; pixels that are not
    square stay as they are stored; a frame of another size than the first ones is scaled to theirs.

    Args:
        path: The file.

    Raises:
        DataError: It is missing, empty, cut short, too large, or no video.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._lock = threading.Lock()
        self._owner = FrameCache.owner()
        self._reader = _open(self._path)
        seconds = self._reader.stamps.seconds
        self._times: NDArray[np.float64] = seconds - seconds[0]
        self._times.setflags(write=False)
        self._size: tuple[int, int] | None = None

    def __reduce__(self) -> tuple[type[VideoFile], tuple[str]]:
        return VideoFile, (self._path,)

    def __repr__(self) -> str:
        return f"VideoFile({self._path!r})"

    @property
    def times(self) -> NDArray[np.float64]:
        """When each frame is shown, ``(frames,)``, seconds from the first one. Exact also at variable rates."""
        return self._times

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the upright frames, in pixels."""
        with self._lock:
            return self._upright()

    @property
    def duration(self) -> float:
        """Seconds until the last frame ends, which lasts as long as the median one."""
        return float(self._times[-1]) + self._reader.stamps.usual

    def frames(self, indices: Sequence[int]) -> list[Array]:
        """Return frames at full size; see :meth:`Video.frames`.

        A frame that cannot be decoded is the last one before it that can, if that is at most a second older.

        Raises:
            DataError: There is none.
            UsageError: There is no frame of such an index.
        """
        return self.each(indices, lambda frame: frame)

    def each(self, indices: Sequence[int], use: Callable[[Array], Array]) -> list[Array]:
        """Return what a function makes of frames; see :meth:`Video.each`. Decodes all in one go."""
        check_indices(self, indices)
        made: dict[int, Array] = {}
        missing = []
        with self._lock:
            for index in sorted(set(indices)):
                frame = FRAMES.get(self._owner, index)
                if frame is None:
                    missing.append(index)
                else:
                    made[index] = use(frame)
            for index, frame in self._decode(missing):
                made[index] = use(frame)
            for index in missing:
                if index not in made:
                    made[index] = use(self._stand_in(index))
        return [made[index] for index in indices]

    def _decode(self, wanted: Sequence[int]) -> Iterator[tuple[int, Array]]:
        """Decode frames of increasing indices, and keep them."""
        if not wanted:
            return
        for index, frame in self._reader.decode(wanted):
            width, height = self._upright()
            if frame.shape[:2] != (height, width):
                import cv2  # heavy, and only odd files come here

                frame = np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            frame.setflags(write=False)
            FRAMES.put(self._owner, index, frame)
            yield index, frame

    def _stand_in(self, index: int) -> Array:
        """The last frame before one that cannot be decoded."""
        first = int(np.searchsorted(self._times, self._times[index] - STALE))
        found: Array | None = None
        for _, frame in self._decode(range(first, index + 1)):
            found = frame
        if found is None:
            raise DataError(
                f"The video `{self._path}` cannot be decoded at {self._times[index]:.2f} s: it is damaged there. "
                "Fetch it again."
            )
        FRAMES.put(self._owner, index, found)
        return found

    def _upright(self) -> tuple[int, int]:
        if self._size is None:
            self._size = self._reader.size
        return self._size


def _open(path: str) -> Reader:
    """Open a file with the better reader.

    Raises:
        DataError: It cannot be used.
    """
    try:
        if not os.path.isfile(path):
            raise DataError("there is no such file. Check the path")
        if not os.path.getsize(path):
            raise DataError("it is empty. Fetch it again")
        if is_playlist(path):
            raise DataError(
                "it is a list of other files or addresses, and none of them is opened. Give the video itself"
            )
        missing = missing_bytes(path)
        if missing:
            raise DataError(f"it is cut short, its last {missing} bytes are missing. Fetch it again")
        reader = _reader(path)
        width, height = reader.stored_size
        if not 0 < width * height <= MAX_PIXELS:
            raise DataError(f"its frames have {width}x{height} pixels, and 1 to {MAX_PIXELS} are read. Scale it first")
        if len(reader.stamps.seconds) > MAX_FRAMES:
            raise DataError(f"it has more than {MAX_FRAMES} frames. Cut it into parts")
    except OSError as error:
        raise DataError(f"The video `{path}` cannot be read: {error.strerror or error}. Check the path.") from error
    except DataError as error:
        raise DataError(f"The video `{path}` cannot be read: {error}.") from error
    return reader


def _reader(path: str) -> Reader:
    if find_spec("av"):
        from adagym.video.exact import ExactReader

        exact = ExactReader(path)
        if exact.ordered:
            return exact
    from adagym.video.plain import PlainReader

    return PlainReader(path)
