"""Presets: totals composed of the parts, with every part kept by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    """``format`` (0 or 1), ``tool`` (0 to 4) and ``accuracy`` (0 or 1), before any weight."""


@dataclass(frozen=True)
class ToolGRPO:
    """``R_format * (lambda_tool * R_tool + lambda_acc * R_acc)``, AdaReasoner Eq. 5 to 9.

    ``R_acc`` is 4 for a right answer. The adaptive, asymmetric form takes ``R_tool`` as 4 when the answer is right,
    whatever the tools did, so tools are credited only under failure; with weights 1 the total is then 8 for a right
    answer and the mean tool score for a wrong one.
    """

    lambda_tool: float = 1.0
    lambda_acc: float = 1.0
    adaptive: bool = True
    """Whether a right answer earns the full tool reward."""

    def __call__(self, task: Task, trajectory: Trajectory) -> Score:
        """Score a finished episode."""
        parts = _parts(task, trajectory)
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
        return Score(None, _parts(task, trajectory))
    tag = getattr(DIALECTS.load(trajectory.dialect), "answer_tag", None)
    form = format_reward(task, trajectory) if tag is None else float(released_format(trajectory.actions, tag))
    tool = released_tool_reward(trajectory)
    total = 0.0 if not form else 2 * FULL if right == 1 else tool
    return Score(total, {"format": form, "tool": tool, "accuracy": right})


def accuracy(task: Task, trajectory: Trajectory) -> Score:
    """The accuracy alone; the other parts are reported."""
    parts = _parts(task, trajectory)
    return Score(parts["accuracy"], parts)


Preset = Callable[[Task, Trajectory], Score]
"""A total with its named parts. Picklable: a module-level function, or an instance of a module-level class."""

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
PRESETS.register("accuracy", "adagym.rewards.compose:accuracy", summary="1 if the final answer is right, else 0")


def score(preset: str, task: Task, trajectory: Trajectory) -> Score:
    """Score a finished episode.

    Raises:
        UnknownName: There is no such preset.
    """
    return PRESETS.load(preset)(task, trajectory)


def _parts(task: Task, trajectory: Trajectory) -> dict[str, float | None]:
    return {
        "format": format_reward(task, trajectory),
        "tool": tool_reward(task, trajectory),
        "accuracy": accuracy_reward(task, trajectory),
    }
