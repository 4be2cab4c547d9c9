"""Videos: one interface to files, folders of frames, and videos that are drawn when they are looked at."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

from adagym.registry import Registry
from adagym.video.base import ShownVideo, Video
from adagym.video.budget import FrameBudget

KINDS: Registry[Callable[[str], Video]] = Registry("video")
"""What stands before the first colon of a reference, to what opens the rest of it."""
KINDS.register("frames", "adagym.video.folder:open_frames", summary="a folder or JSON list of pictures, `,fps=3`")
KINDS.register("part", "adagym.video.part:open_part", summary="`START-END:VIDEO`, a stretch of a video, in seconds")
KINDS.register("made", "adagym.envs.tasks.video_scene:open_made", summary="drawn frame by frame by `video` tasks")

OPEN = 8
"""Videos that are kept open, with the frames that they have decoded."""


@functools.lru_cache(maxsize=OPEN)
def open_video(reference: str) -> Video:
    """Open a video; the same reference gives the same object, so that a group of episodes decodes it once.

    Args:
        reference: ``KIND:REST`` with a registered kind, or the path of a file or of a folder of frames.

    Raises:
        DataError: The video is missing or cannot be read; says what to do.
    """
    kind, colon, rest = reference.partition(":")
    if colon and kind in KINDS:
        return KINDS.load(kind)(rest)
    if os.path.isdir(reference):
        from adagym.video.folder import FrameFolder

        return FrameFolder(reference)
    from adagym.video.file import VideoFile

    return VideoFile(reference)


__all__ = ["KINDS", "FrameBudget", "ShownVideo", "Video", "open_video"]
