"""The state of one episode, and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from adagym.envs.wrappers.disguise import Disguise
from adagym.rewards import Score
from adagym.show import ShownObservation
from adagym.types import Array, Message, Observation, Outcome, Step, Task, TextBlock
from adagym.video import ShownVideo

VOID_TEXT = "The environment failed. This episode is void and will not be scored."
"""Text of the last observation of an episode that an infrastructure failure ended."""


@dataclass
class Episode:
    """Everything that changes while an episode runs."""

    task: Task
    seed: int | None
    tool_names: tuple[str, ...]
    messages: list[Message]
    images: dict[str, Array]
    """Addressable pictures by name, in order."""
    steps: list[Step] = field(default_factory=list)
    outcome: Outcome = "running"
    score: Score | None = None
    error: str | None = None
    video: ShownVideo | None = None
    """What the tools for videos look at."""
    disguise: Disguise | None = None
    """Under which names the tools are offered; None: their own."""

    def copy(self) -> Episode:
        """Return an episode that goes its own way; messages, steps and pictures are immutable and shared."""
        return replace(self, messages=list(self.messages), images=dict(self.images), steps=list(self.steps))


@dataclass(frozen=True)
class Snapshot:
    """The state of an environment at one moment. Opaque: only :meth:`ToolEnv.restore` should read it."""

    episode: Episode | None
    rng: np.random.Generator


def own(picture: Array, *, shared: bool) -> Array:
    """A picture the episode owns: one that the caller holds too is copied."""
    return picture.copy() if shared else picture


def observe(text: str, images: Sequence[Array]) -> Observation:
    """An observation. Pictures become read-only views: no copy, and no caller can change the episode through them."""
    views = tuple(image.view() for image in images)
    for view in views:
        view.flags.writeable = False
    return cast(Observation, ShownObservation(text=text, images=views))


def readable(message: Message) -> str:
    """A message as text, with the name and size of each picture."""
    return "".join(
        block.text
        if isinstance(block, TextBlock)
        else f"[{block.name}: {block.image.shape[1]}x{block.image.shape[0]}]\n"
        for block in message.content
    )
