"""Frames of videos as pictures on disk, for systems that read videos as lists of pictures and for quick looking.

A video becomes a folder of ``frame_0001.jpg``, ``frame_0002.jpg``, ... and an index, ``frames.json``, that says when
each frame is shown. The folder has the video's own name, so that whoever looks here for the video finds the folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from adagym.errors import UsageError
from adagym.types import Array
from adagym.video import FrameBudget, Video, open_video
from adagym.video.index import INDEX, read_index

PART = ".part"
"""What a folder's name ends in while it is being written."""
SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".flv", ".mpg", ".mpeg", ".wmv", ".gif", ".3gp", ".ts")
BATCH = 16
"""Frames that are decoded at a time, so that a video at full size does not fill the memory."""


@dataclass(frozen=True)
class Extraction:
    """How frames are chosen and kept."""

    budget: FrameBudget
    """Which frames; how small they are made is ``side``'s business."""
    side: int | None = None
    """Longest side in pixels; larger frames are shrunk. None keeps the size."""
    quality: int = 92
    """Of the JPEG files, 1 to 100."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.side is not None and self.side < 16:
            raise UsageError(f"`side` is at least 16 pixels, not {self.side}.")
        if not 1 <= self.quality <= 100:
            raise UsageError(f"`quality` is 1 to 100, not {self.quality}.")

    def asked(self) -> Mapping[str, Any]:
        """What is asked, as the index keeps it."""
        chosen = {"frames": self.budget.most, "fps": self.budget.fps}
        return {**chosen, "side": self.side, "quality": self.quality}


def find_videos(path: Path) -> list[Path]:
    """The videos that a file or a folder stands for, in order; folders are looked through to the bottom.

    Raises:
        UsageError: There is none.
    """
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not found:
        state = f"holds no video ({', '.join(SUFFIXES)})" if path.is_dir() else "does not exist"
        raise UsageError(f"`{path}` {state}; give a video, or a folder of videos.")
    return found


def is_done(folder: Path, extraction: Extraction) -> bool:
    """Whether a folder holds the frames of a video, taken in the same way.

    Raises:
        UsageError: It holds something else, or frames that were taken in another way.
    """
    if not folder.exists():
        return False
    index = read_index(folder)
    if index is None:
        raise UsageError(f"`{folder}` is there already and holds no {INDEX}; choose another folder with --out.")
    if index.get("asked") != extraction.asked():
        raise UsageError(
            f"`{folder}` holds frames that were taken otherwise: {index.get('asked')}, now {dict(extraction.asked())}. "
            "Choose another folder with --out."
        )
    return True


def extract(source: Path, folder: Path, extraction: Extraction) -> int:
    """Write a video's frames into a new folder, which is there whole or not at all.

    Args:
        source: The video.
        folder: Must not exist. What a killed run left half-written is replaced.
        extraction: See :class:`Extraction`.

    Returns:
        Number of frames.

    Raises:
        DataError: The video cannot be read.
    """
    video = open_video.__wrapped__(str(source))  # each is read once, so that keeping it open gains nothing
    chosen = extraction.budget.choose(video)
    part = folder.with_name(folder.name + PART)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    files = []
    size = video.size
    for number, frame in enumerate(_frames(video, chosen), 1):
        picture = _shrunk(frame, extraction.side)
        size = picture.size
        files.append(f"frame_{number:04d}.jpg")
        picture.save(part / files[-1], quality=extraction.quality)
    index = {
        "video": source.name,
        "duration": video.duration,
        "size": list(size),
        "video_size": list(video.size),
        "video_frames": len(video),
        "asked": extraction.asked(),
        "files": files,
        "times": [round(float(video.times[place]), 6) for place in chosen],
    }
    (part / INDEX).write_text(json.dumps(index) + "\n", encoding="utf-8")
    part.rename(folder)
    return len(files)


def _frames(video: Video, chosen: Sequence[int]) -> Iterator[Array]:
    for start in range(0, len(chosen), BATCH):
        yield from video.frames(chosen[start : start + BATCH])


def _shrunk(frame: Array, side: int | None) -> Image.Image:
    picture = Image.fromarray(frame)
    if side is not None and max(picture.size) > side:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return picture
