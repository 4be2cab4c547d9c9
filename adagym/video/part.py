"""A stretch of a video, as a video of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from adagym.errors import DataError, UsageError
from adagym.types import Array
from adagym.video.base import Video, check_indices


class VideoPart(Video):
    """What is on the screen between two moments of a video. Times begin at 0, with the frame that is shown then.

    Args:
        whole: The video.
        start: Seconds of the first moment.
        end: Seconds of the second moment; a later one than the video's end means the end.

    Raises:
        DataError: The part begins after the video has ended.
        UsageError: The part has no length.
    """

    def __init__(self, whole: Video, start: float, end: float) -> None:
        if not 0 <= start < end:
            raise UsageError(f"A part of a video ends after it begins, from 0 s on; not {start:g} to {end:g} s.")
        if start >= whole.duration:
            raise DataError(f"The video lasts {whole.duration:.2f} s, and the part begins at {start:g} s.")
        self._whole, self._start, self._end = whole, start, min(end, whole.duration)
        self._first = whole.index_at(start)
        last = max(int(np.searchsorted(whole.times, self._end - 1e-6)), self._first + 1)
        self._times = np.maximum(whole.times[self._first : last] - start, 0.0)
        self._times.setflags(write=False)

    @property
    def times(self) -> NDArray[np.float64]:
        """When each frame is shown, ``(frames,)``, seconds from the beginning of the part."""
        return self._times

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the upright frames, in pixels."""
        return self._whole.size

    @property
    def duration(self) -> float:
        """Seconds between the two moments."""
        return self._end - self._start

    def frames(self, indices: Sequence[int]) -> list[Array]:
        """Return frames at full size; see :meth:`Video.frames`."""
        check_indices(self, indices)
        return self._whole.frames([self._first + index for index in indices])

    def each(self, indices: Sequence[int], use: Callable[[Array], Array]) -> list[Array]:
        """Return what a function makes of frames; see :meth:`Video.each`."""
        check_indices(self, indices)
        return self._whole.each([self._first + index for index in indices], use)


def open_part(rest: str) -> VideoPart:
    """Open what follows ``part:``, which is ``START-END:REFERENCE`` with seconds, such as ``2.5-9:clips/a.mp4``.

    Raises:
        DataError: See :class:`VideoPart` and :func:`adagym.video.open_video`.
        UsageError: It is of another form.
    """
    from adagym.video import open_video  # which registers this function

    parts = re.fullmatch(r"(?s)([0-9.]+)-([0-9.]+):(.+)", rest)
    try:
        if parts is None:
            raise ValueError
        start, end = float(parts[1]), float(parts[2])
    except ValueError:
        raise UsageError(
            f"`part:{rest[:200]}` names no part of a video. Write `part:START-END:VIDEO` with seconds, such as "
            "`part:2.5-9:clips/a.mp4`."
        ) from None
    return VideoPart(open_video(parts[3]), start, end)
