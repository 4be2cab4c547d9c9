"""Videos that are stored as pictures: a folder of frames, or a list of files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adagym.errors import DataError, UsageError
from adagym.pictures import read_picture
from adagym.types import Array
from adagym.video.base import Video, check_indices
from adagym.video.cache import FRAMES, FrameCache
from adagym.video.index import FrameIndex, frame_index

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm")
"""Files of a folder that are frames. Others, and those whose names begin with a point, are passed over."""


class FrameFolder(Video):
    """Pictures that are the frames of a video, at equal distances in time. They are read when they are looked at.

    A folder that ``adagym build frames`` wrote says itself when its frames are shown (``adagym.video.index``).

    Args:
        files: A folder, whose pictures are taken in the order of their names with numbers compared as numbers (2
            before 10), or the pictures themselves in order.
        fps: Frames per second.
        index: When each of the pictures is shown, in place of ``fps``; a folder's own by default.

    Raises:
        DataError: The folder is missing or holds no pictures.
        UsageError: ``fps`` is not above 0 and at most 1000, or the list is empty.
    """

    def __init__(
        self, files: str | os.PathLike[str] | Sequence[str], fps: float = 1.0, index: FrameIndex | None = None
    ) -> None:
        if not 0 < fps <= 1000:
            raise UsageError(f"`fps` of frames is above 0 and at most 1000, not {fps}.")
        if isinstance(files, (str, os.PathLike)):
            index = frame_index(Path(files)) if index is None else index
            folder = os.fspath(files)
            files = _pictures(folder) if index is None else [os.path.join(folder, name) for name in index.files]
        self._files, self._index = tuple(files), index
        if not self._files:
            raise UsageError("A list of frames names at least one picture.")
        self._fps = fps
        self._owner = FrameCache.owner()
        self._times = np.arange(len(self._files)) / fps if index is None else np.array(index.times)
        self._times.setflags(write=False)
        self._size: tuple[int, int] | None = None

    def __reduce__(self) -> tuple[type[FrameFolder], tuple[list[str], float, FrameIndex | None]]:
        return FrameFolder, (list(self._files), self._fps, self._index)

    @property
    def times(self) -> NDArray[np.float64]:
        """When each frame is shown, ``(frames,)``, seconds."""
        return self._times

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the first frame, and so of all."""
        if self._size is None:
            height, width = read_picture(self._files[0]).shape[:2]
            self._size = width, height
        return self._size

    @property
    def duration(self) -> float:
        """Seconds until the last frame ends."""
        return len(self._files) / self._fps if self._index is None else self._index.duration

    def frames(self, indices: Sequence[int]) -> list[Array]:
        """Return frames at full size; see :meth:`Video.frames`.

        Raises:
            DataError: A picture is missing, damaged, or of another size than the first one.
            UsageError: There is no frame of such an index.
        """
        check_indices(self, indices)
        return [self._frame(index) for index in indices]

    def _frame(self, index: int) -> Array:
        frame = FRAMES.get(self._owner, index)
        if frame is None:
            frame = read_picture(self._files[index])
            height, width = frame.shape[:2]
            if (width, height) != self.size:
                raise DataError(
                    f"The frames of a video have one size: `{self._files[0]}` has {self.size[0]}x{self.size[1]} "
                    f"pixels and `{self._files[index]}` {width}x{height}. Scale them to one size, or give them as "
                    "pictures of a task instead of a video."
                )
            frame.setflags(write=False)
            FRAMES.put(self._owner, index, frame)
        return frame


def open_frames(rest: str) -> FrameFolder:
    """Open what follows ``frames:``: a folder or a JSON list of files, then perhaps ``,fps=NUMBER`` (1 without).

    Raises:
        DataError: See :class:`FrameFolder`.
        UsageError: It is of another form.
    """
    parts = re.fullmatch(r"(?s)(?P<files>.+?)(?:,fps=(?P<fps>[^,]*))?", rest)
    try:
        if parts is None:
            raise ValueError("nothing is named")
        fps = float(parts["fps"] or 1)
        files = json.loads(parts["files"]) if parts["files"].startswith("[") else parts["files"]
        if isinstance(files, list) and not all(isinstance(file, str) for file in files):
            raise ValueError("the list holds something that is no text")
    except ValueError as error:
        raise UsageError(
            f"`frames:{rest[:200]}` names no frames: {error}. Write `frames:FOLDER,fps=3`, or a JSON list of files as "
            '`frames:["a.png", "b.png"],fps=3`.'
        ) from error
    return FrameFolder(files, fps)


def natural(name: str) -> tuple[list[str | int], str]:
    """Sort key of a name that compares its numbers as numbers."""
    parts = re.split(r"(\d+)", name.casefold(), flags=re.ASCII)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], name


def _pictures(folder: str) -> tuple[str, ...]:
    try:
        names = [path.name for path in Path(folder).iterdir() if path.suffix.lower() in SUFFIXES]
    except OSError as error:
        raise DataError(f"The folder of frames `{folder}` cannot be read: {error.strerror}. Check the path.") from error
    names = sorted((name for name in names if not name.startswith(".")), key=natural)
    if not names:
        raise DataError(f"The folder `{folder}` holds no frames: none of its files ends in {', '.join(SUFFIXES)}.")
    return tuple(os.path.join(folder, name) for name in names)
