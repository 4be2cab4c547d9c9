"""Presets: totals composed of the parts, with every part kept by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.registry import Registry
from adagym.rewards.accuracy import accuracy_reward
from adagym.rewards.format import format_reward, released_format
from adagym.rewards.tool import FULL, released_tool_reward, tool_reward
from adagym.types import Task, Trajectory


@dataclass(frozen=True)
class Score:
    """A total and its parts."""

    total: float | None
    """None where a part that the total needs could not be scored."""
    parts: Mapping[str, float | None]
    """``format`` (0 or 1), ``tool`` (0 to 4), ``accuracy`` (0 to 1), and a preset's own, before any weight."""


@dataclass(frozen=True)
class ToolGRPO:
    """``R_format * (lambda_tool * R_tool + lambda_acc * R_acc)``, AdaReasoner Eq. 5 to 9.

    ``R_acc`` is 4 for a right answer. The adaptive, asymmetric form takes ``R_tool`` as 4 when the answer is right,
    whatever the tools did, so tools are credited only under failure; with weights 1 the total is then 8 for a right
    answer and the mean tool score for a wrong one. An answer right in part counts in proportion, and is not credited.
    """

    lambda_tool: float = 1.0
    lambda_acc: float = 1.0
    adaptive: bool = True
    """Whether a right answer earns the full tool reward."""

    def __call__(self, task: Task, trajectory: Trajectory) -> Score:
        """Score a finished episode."""
        parts = episode_parts(task, trajectory)
        form, tool, right = parts["format"], parts["tool"], parts["accuracy"]
        if form is None or tool is None or right is None:
            return Score(None, parts)
        credit = FULL if self.adaptive and right == 1 else tool
        return Score(form * (self.lambda_tool * credit + self.lambda_acc * FULL * right), parts)


TOOL_GRPO = ToolGRPO()


def adareasoner_code(task: Task, trajectory: Trajectory) -> Score:
    """The reward of AdaReasoner's released code: 0 on bad format, 8 if right, else the mean tool score.

    Format is judged by counting tags; a dialect without an answer tag is judged strictly instead.
    """
    right = accuracy_reward(task, trajectory)
    if right is None:
        return Score(None, episode_parts(task, trajectory))
    tag = DIALECTS.load(trajectory.dialect).answer_tag
    form = format_reward(task, trajectory) if tag is None else float(released_format(trajectory.actions, tag))
    tool = released_tool_reward(trajectory)
    total = 0.0 if not form else 2 * FULL if right == 1 else tool
    return Score(total, {"format": form, "tool": tool, "accuracy": right})


def accuracy(task: Task, trajectory: Trajectory) -> Score:
    """The accuracy alone; the other parts are reported."""
    parts = episode_parts(task, trajectory)
    return Score(parts["accuracy"], parts)


Preset = Callable[[Task, Trajectory], Score]
"""A total with its named parts. Picklable: a module-level function, or an instance of a module-level class.

An instance of a frozen dataclass can be varied: its fields are the options of a preset spec."""

PRESETS: Registry[Preset] = Registry("preset")
PRESETS.register(
    "tool_grpo",
    "adagym.rewards.compose:TOOL_GRPO",
    summary="AdaReasoner Eq. 5-9, adaptive and asymmetric: 0 to 8",
)
PRESETS.register(
    "adareasoner_code",
    "adagym.rewards.compose:adareasoner_code",
    summary="AdaReasoner as released: 0, the mean tool score, or 8",
)
PRESETS.register(
    "at_grpo",
    "adagym.rewards.benefit:AT_GRPO",
    summary="AdaTooler-V: accuracy + 0.6 * Tool Benefit Score, by number of calls",
)
PRESETS.register("accuracy", "adagym.rewards.compose:accuracy", summary="how right the final answer is: 0 to 1")


def load_preset(spec: str) -> Preset:
    """Load the preset that a spec describes.

    Args:
        spec: ``NAME`` or ``NAME:option=value,option=value``, for example ``tool_grpo:lambda_tool=2,adaptive=false``.
            Values are numbers, ``true`` or ``false``, or one of an option's words.

    Raises:
        UnknownName: There is no such preset.
        UsageError: An option is unknown, or its value cannot be used.
    """
    name, colon, rest = spec.partition(":")
    if not colon:
        return PRESETS.load(name)
    preset: Any = PRESETS.load(name)
    if not is_dataclass(preset):
        raise UsageError(f"The preset `{name}` has no options; write `{name}` instead of `{spec}`.")
    current = {item.name: getattr(preset, item.name) for item in fields(preset)}
    given: dict[str, Any] = {}
    for item in rest.split(","):
        option, equals, value = (part.strip() for part in item.partition("="))
        if not equals or option not in current or option in given:
            offered = ", ".join(f"{key}={_written(default)}" for key, default in current.items())
            problem = "is given twice" if option in given else "is not one of its options"
            raise UsageError(
                f"`{item}` in the preset `{spec}` {problem if equals else 'is not of the form option=value'}. "
                f"The options of `{name}` and what they are otherwise: {offered}."
            )
        given[option] = _read_option(spec, option, value, current[option])
    return cast(Preset, replace(cast(Any, preset), **given))


def score(preset: str, task: Task, trajectory: Trajectory) -> Score:
    """Score a finished episode.

    Args:
        preset: A preset spec, see :func:`load_preset`.
        task: What the episode was about.
        trajectory: The episode.

    Raises:
        UnknownName: There is no such preset.
        UsageError: Its options cannot be used.
    """
    return load_preset(preset)(task, trajectory)


def _read_option(spec: str, option: str, text: str, default: Any) -> Any:
    """Read a value as the type of the option's default."""
    if isinstance(default, bool):
        if text in ("true", "false"):
            return text == "true"
        raise UsageError(f"`{option}` in the preset `{spec}` must be true or false, not `{text}`.")
    if isinstance(default, str):
        return text
    kind = int if isinstance(default, int) else float
    try:
        number = kind(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        wanted = "an integer" if kind is int else "a finite number"
        raise UsageError(f"`{option}` in the preset `{spec}` must be {wanted}, not `{text}`.")
    return number


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def episode_parts(task: Task, trajectory: Trajectory) -> dict[str, float | None]:
    """The parts every preset reports: ``format``, ``tool`` and ``accuracy``."""
    return {
        "format": format_reward(task, trajectory),
        "tool": tool_reward(task, trajectory),
        "accuracy": accuracy_reward(task, trajectory),
    }
