"""The index beside the frames that ``adagym build frames`` wrote: which pictures, and when each is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adagym.errors import DataError

INDEX = "frames.json"
"""The index; its ``times`` are the seconds of its ``files``, in their order."""


@dataclass(frozen=True)
class FrameIndex:
    """What an index says of the frames."""

    files: tuple[str, ...]
    """Names of pictures in the folder."""
    times: tuple[float, ...]
    """Seconds at which they are shown in the video that they are from, increasing."""
    duration: float
    """Seconds of that video."""


def read_index(folder: Path) -> Mapping[str, Any] | None:
    """The values of a folder's index; None where there is no file of that kind."""
    try:
        value = json.loads((folder / INDEX).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "times" in value and "files" in value else None


def frame_index(folder: Path) -> FrameIndex | None:
    """A folder's index; None where there is none.

    Raises:
        DataError: It does not say when each of its files is shown.
    """
    value = read_index(folder)
    if value is None:
        return None
    files, times = value["files"], value["times"]
    if not _names(files) or not _increase(times) or len(files) != len(times):
        raise DataError(f"`{folder / INDEX}` does not give each of its files a time. Build the frames again.")
    said = value.get("duration")
    duration = float(said) if isinstance(said, int | float) else 0.0
    return FrameIndex(tuple(files), tuple(map(float, times)), max(duration, float(times[-1])))


def _names(value: object) -> bool:
    """Whether a value is a list of names of files in the folder itself."""
    return isinstance(value, list) and bool(value) and all(isinstance(n, str) and Path(n).name == n for n in value)


def _increase(value: object) -> bool:
    """Whether a value is a list of seconds, each later than the one before."""
    if not isinstance(value, Sequence) or not all(type(item) in (int, float) for item in value):
        return False
    times = np.array(value, np.float64)
    return bool(np.isfinite(times).all() and (times >= 0).all() and (np.diff(times) > 0).all())
