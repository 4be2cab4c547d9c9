"""Protocols by name: everything besides the agent and the tasks that decides what a score means.

The same model scores 63 or 78 on V* in two papers; what differs is the protocol. ``adagym eval --protocol NAME`` sets
all of it at once. An option given beside it changes that one thing, and the run is then of the protocol
``NAME+option=value``, so that nothing passes for what it is not.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adagym.envs.base import ToolEnv
from adagym.errors import UsageError
from adagym.protocol.base import PromptStyle
from adagym.registry import Registry


@dataclass(frozen=True)
class Protocol:
    """How an agent is asked, what it may do, and how it is scored."""

    dialect: str
    """How calls and answers are written."""
    prompt: PromptStyle
    """How tools are explained."""
    tools: tuple[str, ...] | None
    """Tools offered on pictures; None is the family's own set, or what a task names."""
    video_tools: tuple[str, ...] | None
    """The same where there is a video."""
    max_turns: int
    """An episode is cut after so many turns without an answer."""
    frames: str
    """Frames shown of a video."""
    reward: str
    """Preset that scores the episodes."""
    image_order: Literal["images first"] = "images first"
    """Where the pictures stand in the question. The environments know one order; others would be another protocol."""

    def arguments(self, env_class: type[ToolEnv]) -> dict[str, Any]:
        """Arguments of an environment, as JSON values."""
        video = takes_frames(env_class)
        tools = self.video_tools if video else self.tools
        return {
            "dialect": self.dialect,
            "prompt": self.prompt,
            "max_turns": self.max_turns,
            "reward": self.reward,
            **({} if tools is None else {"tools": list(tools)}),
            **({"frames": self.frames} if video else {}),
        }


PROTOCOLS: Registry[Protocol] = Registry("protocol")
PROTOCOLS.register(
    "adareasoner",
    "adagym.evals.protocols:ADAREASONER",
    summary="each family's tools, full schemas, 10 turns (AdaReasoner)",
)
PROTOCOLS.register(
    "adatooler-v",
    "adagym.evals.protocols:ADATOOLER_V",
    summary="crop_image and PathTracer, frames and clips of videos, 128 frames, 10 turns (AdaTooler-V)",
)
PROTOCOLS.register(
    "direct", "adagym.evals.protocols:DIRECT", summary="no tools, one turn, the answer in \\boxed{} or plain"
)

ADAREASONER = Protocol("adareasoner", "full", None, None, 10, "64", "tool_grpo")
"""AdaReasoner's evaluation: ten rounds, each family's own tools, explained with their schemas."""

ADATOOLER_V = Protocol(
    "adatooler",
    "full",
    ("crop_image", "PathTracer"),
    ("FrameAt", "VideoClip", "crop_image", "PathTracer"),
    10,
    "128",
    "accuracy",
)
"""AdaTooler-V's: its four tools; the headline figures of its videos are those with 128 frames. No script of its
evaluation was released, so the number of turns is our choice."""

DIRECT = Protocol("hermes", "full", (), (), 1, "64", "accuracy")
"""What a model knows without tools: whatever it writes in its only turn is the answer."""


def arranged(name: str, env_class: type[ToolEnv], changes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A protocol's arguments for an environment, with some of them changed.

    Args:
        name: A registered protocol.
        env_class: The environment.
        changes: Arguments that were given beside the protocol; what it says already is no change.

    Returns:
        The protocol's label, ``NAME`` or ``NAME+argument=value+...``, and the arguments.

    Raises:
        UnknownName: There is no such protocol.
    """
    arguments = PROTOCOLS.load(name).arguments(env_class)
    other = {key: value for key, value in changes.items() if arguments.get(key, _ABSENT) != value}
    label = "+".join([name, *(f"{key}={_short(other[key])}" for key in sorted(other))])
    return label, {**arguments, **other}


def takes_frames(env_class: type[ToolEnv]) -> bool:
    """Whether an environment shows frames of a video."""
    return "frames" in inspect.signature(env_class).parameters


def check_frames(env_class: type[ToolEnv]) -> None:
    """Refuse frames for an environment without videos.

    Raises:
        UsageError: It has none.
    """
    if not takes_frames(env_class):
        raise UsageError(f"`--frames` is for videos, and `{env_class.env_id}` shows none. Leave it out.")


_ABSENT = object()


def _short(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)
