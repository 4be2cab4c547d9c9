"""Questions about videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adagym.envs.base import ToolEnv
from adagym.types import Array, Task
from adagym.video import FrameBudget, ShownVideo, open_video


class VideoQA(ToolEnv):
    r"""Answer a question about a video of which a few small frames are shown."""

    env_id = "adagym/VideoQA-v0"
    family = "video_qa"
    default_tasks = "video"
    default_tools = ("FrameAt", "VideoClip", "Crop", "PathTracer")

    def __init__(self, tasks: str | Sequence[Task] | None = None, *, frames: str | int = 64, **arguments: Any) -> None:
        super().__init__(tasks, **arguments)
        self._budget = FrameBudget.parse(frames)
        self._kwargs["frames"] = frames

    def _open(self, task: Task) -> tuple[tuple[Array, ...], ShownVideo | None, str]:
        """The task's pictures, then frames; the prompt begins with when the frames are shown."""
        pictures, _, prompt = super()._open(task)
        if task.video is None:
            return pictures, None, prompt
        video = open_video(task.video)
        shown = ShownVideo(video, self._budget.choose(video))
        frames = [self._budget.shrink(frame) for frame in video.frames(shown.shown)]
        return (*pictures, *frames), shown, f"{_told(shown, len(pictures))}\n\n{prompt}"


def _told(shown: ShownVideo, before: int) -> str:
    """What the frames are and when they are shown."""
    width, height = shown.video.size
    times = ", ".join(f"{seconds:.2f}" for seconds in shown.times)
    first, last = before + 1, before + len(shown.shown)
    names = f"img_{first}" if first == last else f"img_{first} to img_{last}"
    return (
        f"The video lasts {shown.video.duration:.2f} s and has {len(shown.video)} frames of {width}x{height} pixels. "
        f"{names}: its frames 1 to {len(shown.shown)}, made small, at {times} s."
    )
