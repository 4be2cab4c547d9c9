"""FrameAt: frames of the video at full size.

The original reads numbers of frames only, and its paper times. Here both are read. Numbers count the frames that were
shown at first, and not also the pictures that tools returned; a single number, which the original's schema asks for
and its code refuses, is as good as a list.
"""

from __future__ import annotations

from adagym.errors import ErrorCode, ToolError
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.frames import FrameArg, SecondsArg


def frame_at(target_frame: FrameArg | None = None, time: SecondsArg | None = None) -> ToolOutput:
    """Look at frames of the video at full size. Each comes back as a new image, with its time in seconds and its size.

    Args:
        target_frame: Which of the frames shown, a number from 1, or a list of at most 16 numbers.
        time: Instead of numbers: a time in seconds. Any frame of the video can be reached by its time.
    """
    chosen = target_frame if time is None else time.frames
    if chosen is None or (target_frame is not None and time is not None):
        raise ToolError("Give either `target_frame` or `time`.", ErrorCode.INVALID_PARAMETERS)
    return chosen.output(f"Frames at full size: {len(chosen.indices)}.")


FRAME_AT = Tool.of(frame_at, "FrameAt")
