"""Questions about videos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from adagym.envs.base import ToolEnv
from adagym.errors import DataError
from adagym.spaces import MAX_IMAGES
from adagym.types import Array, Task
from adagym.video import FrameBudget, ShownVideo, open_video

MOST_FRAMES = MAX_IMAGES - 16
"""An observation may hold pictures of the task too."""


class VideoQA(ToolEnv):
    r"""Answer a question about a video of which a few small frames are shown.

    ## Description

    The agent sees frames of a video at even distances, each made small, and is told when they are shown. It answers
    the question, or looks closer first: `VideoClip` shows other frames, such as those between two moments,
    `FrameAt` shows a frame at full size, `crop_image` cuts out a part of a picture, `PathTracer` draws a line on one.
    Frames are numbered among those shown at first; any other is reached by its time in seconds.

    In the default source objects come, move and go before a photograph or a plain ground, for 1.2 to 1.8 s each in a
    minute. It asks which of them is seen at a time, which comes first, how often one comes or how many there are,
    which way one takes, or what is on a tag that is beside one for a third of a second. 64 frames show every object
    once or twice, and eight frames miss most. `difficulty`, `seconds`, `events` and `side` change that. Training and
    testing share no object and no photograph. Videos are drawn frame by frame when they are looked at.

    Questions have four options: by chance 25 % of the answers are right. The videos of benchmarks are read by further
    sources; `adagym list tasks` shows them.

    ## Prompt

    The system prompt explains the tools and the format of the dialect. The task prompt tells the video's duration, its
    number of frames and their size, and the times of the frames shown; then it asks the question.

    ## Action Space

    `ActionText`: any text of 1 to 100,000 characters. What counts is its content, in the dialect:

    | Action | Effect |
    |---|---|
    | a tool call | the tool runs; its result is the next observation |
    | an answer, such as `B` | the episode ends |
    | anything else | an error is the next observation; a turn is spent |

    `sample()` draws valid calls and answers.

    ## Observation Space

    `Dict`, with what is new only; the whole transcript is `env.unwrapped.messages`.

    | Key | Space | Content |
    |---|---|---|
    | `text` | `UnicodeText` | at reset the system prompt and the task; then tool results and errors |
    | `images` | `ImageTuple` | at reset the task's pictures, then the frames; then pictures by tools; read-only |

    A picture is `(height, width, 3)` `uint8` RGB. Tools address pictures as `img_1`, `img_2`, ... in order of
    appearance. A frame is shown with at most `pixels` pixels, 50,176 (224 x 224) unless `frames` says otherwise.

    ## Rewards

    0 until the episode ends; then the total of the preset named by `reward`, for `tool_grpo` the format
    reward (0 or 1) times the sum of the tool reward (0 to 4) and the accuracy reward (0 or 4). The parts
    are in `info["reward_parts"]`. An answer that names the right option, by letter or in words, is right.

    ## Starting State

    A task drawn from the task source with the environment's seeded generator, or the one given as
    `reset(options={"task": ...})`: a `Task`, a task's id, or an index. The frames are drawn or decoded then.

    ## Episode End

    Termination: the agent answered. Truncation: `max_turns` actions without an answer, `truncate()`, or failure of the
    infrastructure; `info["outcome"]` tells them apart (`answered`, `truncated`, `infra_failure`), and the
    latter is never scored.

    ## Arguments

    | Argument | Type | Default | Meaning |
    |---|---|---|---|
    | `tasks` | str, sequence of `Task` | None | such as `video:kinds=when-path`; None is `video` |
    | `frames` | str, int | 64 | shown at first: `8`, `fps=1`, or `most=32,fps=0.5,pixels=100000` |
    | `tools` | str or sequence of str | None | tools offered; None offers the four above |
    | `dialect` | str | `"adareasoner"` | how calls and answers are written |
    | `reward` | str | `"tool_grpo"` | preset that scores the finished episode |
    | `max_turns` | int | 10 | actions before truncation |
    | `prompt` | str | `"full"` | `"full"` or `"brief"` explanation of the tools |
    | `tool_images` | bool or `"named"` | True | whether pictures made by tools are shown, or just named |
    | `adaptive` | str | None | `"names"`, `"names,fields,errors"`: tools under names of the episode's own |
    | `render_mode` | str | None | `"rgb_array"`: the latest picture; `"ansi"`: the transcript |

    >>> import adagym, gymnasium
    >>> env = gymnasium.make("adagym/VideoQA-v0", frames=8)
    >>> observation, info = env.reset(seed=0)
    >>> len(observation["images"]), observation["images"][0].shape
    (8, (168, 298, 3))

    ## Version History

    * v0: first version
    """

    env_id = "adagym/VideoQA-v0"
    family = "video_qa"
    default_tasks = "video"
    default_tools = ("FrameAt", "VideoClip", "crop_image", "PathTracer")

    def __init__(self, tasks: str | Sequence[Task] | None = None, *, frames: str | int = 64, **arguments: Any) -> None:
        super().__init__(tasks, **arguments)
        self._budget = FrameBudget.parse(frames, MOST_FRAMES)
        self._kwargs["frames"] = frames

    def _open(self, task: Task) -> tuple[tuple[Array, ...], ShownVideo | None, str]:
        """The task's pictures, then frames; the prompt begins with when the frames are shown."""
        pictures, _, prompt = super()._open(task)
        if task.video is None:
            return pictures, None, prompt
        try:
            video = open_video(task.video)
        except DataError as error:
            where = task.meta.get("videos")
            raise DataError(
                f"{error} It is asked about in `{task.id}`.{f' Fetch {where}.' if where else ''}"
            ) from error
        shown = ShownVideo(video, self._budget.choose(video))
        frames = video.each(shown.shown, self._budget.shrink)
        return (*pictures, *frames), shown, f"{_told(shown, len(pictures))}\n\n{prompt}"


def _told(shown: ShownVideo, before: int) -> str:
    """What the frames are and when they are shown."""
    width, height = shown.video.size
    # Rounded up, so that the time that is told leads back to the frame: it is still on the screen then.
    times = ", ".join(f"{math.ceil(round(100 * seconds, 4)) / 100:.2f}" for seconds in shown.times)
    first, last = before + 1, before + len(shown.shown)
    if first == last:
        names = f"img_{first}: its frame 1"
    else:
        names = f"img_{first} to img_{last}: its frames 1 to {last - before}"
    return (
        f"The video lasts {shown.video.duration:.2f} s and has {len(shown.video)} frames of {width}x{height} pixels. "
        f"{names}, made small, at {times} s."
    )
