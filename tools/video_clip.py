"""VideoClip: several small frames of the video.

The original reads numbers of frames and does not hold its users to the 16 that it speaks of; its paper cuts by start
and end. Here both are read, and frames between those that were shown are reached by time.
"""

from __future__ import annotations

import numpy as np

from adagym.tools.base import Tool, ToolOutput
from adagym.tools.frames import MOST, Frames, FramesArg, Instant, SecondsArg
from adagym.tools.values import invalid

PIXELS = 200_704
"""Most pixels of a frame, 448 x 448; larger ones are shrunk."""


def video_clip(
    target_frames: FramesArg | None = None,
    start_time: SecondsArg | None = None,
    end_time: SecondsArg | None = None,
    count: int = 8,
) -> ToolOutput:
    """Look at several frames of the video, made small. Each comes back as a new image, with its time and size.

    Args:
        target_frames: Which of the frames shown, a list of 1 to 16 numbers from 1.
        start_time: Instead of numbers: when the clip begins, in seconds.
        end_time: When the clip ends, in seconds.
        count: How many frames of the clip, 1 to 16, at even distances from its beginning to its end.
    """
    chosen = _chosen(target_frames, start_time, end_time, count)
    return chosen.output(f"Frames of the clip: {len(chosen.indices)}.", PIXELS)


def _chosen(target_frames: Frames | None, start_time: Instant | None, end_time: Instant | None, count: int) -> Frames:
    if not 1 <= count <= MOST:
        raise invalid(f"`count` must be 1 to {MOST} frames, not {count}.", "count")
    if target_frames is not None and start_time is None and end_time is None:
        return target_frames
    if target_frames is None and start_time is not None and end_time is not None:
        return _between(start_time, end_time, count)
    raise invalid("Give either `target_frames`, or `start_time` and `end_time`.")


def _between(start: Instant, end: Instant, count: int) -> Frames:
    """Frames at even distances, the first and the last moment included, none twice."""
    if start.seconds > end.seconds:
        raise invalid(f"`end_time` {end.seconds:g} is before `start_time` {start.seconds:g}.", "end_time")
    moments = np.linspace(start.seconds, end.seconds, count)
    return Frames(start.video, tuple(dict.fromkeys(start.video.index_at(float(moment)) for moment in moments)))


VIDEO_CLIP = Tool.of(video_clip, "VideoClip", check=_chosen)
