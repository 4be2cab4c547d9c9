"""The adaptive reward of AdaTooler-V: tool calls pay on tasks that tools help with, and cost on the others.

``R = R_acc + alpha * R_t`` with ``R_t = dS * exp(-gamma * ((n - n_max) / n_max)^2)``, where ``dS`` is the task's Tool
Benefit Score and ``n`` the number of successful calls. Source: ``compute_ATReward`` of the released reward manager.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from adagym.errors import UsageError
from adagym.rewards.accuracy import RULES, accuracy_reward
from adagym.rewards.compose import Score, episode_parts, load_preset
from adagym.rewards.wording import released_ocr_score
from adagym.types import Task, Trajectory

_LOOKED_AT = 64
"""How many tasks of a source are asked for a score before it is refused."""


def benefit_term(benefit: float, calls: int, gamma: float = 2.0, n_max: int = 6, zero_anchored: bool = False) -> float:
    """``R_t``, between ``-|dS|`` and ``|dS|``: of the sign of ``dS``, largest in size at ``n_max`` calls.

    Args:
        benefit: The Tool Benefit Score ``dS``, in [-1, 1].
        calls: Successful tool calls ``n``.
        gamma: How fast the term falls away from ``n_max``.
        n_max: Number of calls at the peak; more than that count less again.
        zero_anchored: Subtract the value at ``n = 0``, so that an episode without calls earns nothing.
    """
    share = math.exp(-gamma * ((calls - n_max) / n_max) ** 2)
    return benefit * (share - math.exp(-gamma) if zero_anchored else share)


@dataclass(frozen=True)
class ATGRPO:
    """``R_acc + alpha * R_t``. A badly formed episode has ``R_acc`` 0; as released, its ``R_t`` counts all the same.

    A task without a Tool Benefit Score has no ``R_t``: the part is None and adds 0 (see :func:`check_benefit`).
    """

    alpha: float = 0.6
    """Weight of the benefit term."""
    gamma: float = 2.0
    """How fast the term falls away from ``n_max``."""
    n_max: int = 6
    """Successful calls at the peak."""
    zero_anchored: bool = False
    """Whether an episode without calls earns nothing from the term, instead of ``alpha * dS * exp(-gamma)``."""
    gated: bool = False
    """Whether a badly formed episode loses the benefit term too."""
    ocr: str = "linear"
    """Score of transcriptions: ``linear`` is ``max(0, 1 - WER)``, ``exp`` the released ``exp(-WER)``."""

    def __post_init__(self) -> None:
        if self.gamma < 0 or self.n_max < 1 or self.ocr not in ("linear", "exp"):
            raise UsageError(f"at_grpo needs gamma of at least 0, n_max of at least 1, and ocr linear or exp: {self}.")

    def __call__(self, task: Task, trajectory: Trajectory) -> Score:
        """Score a finished episode; parts are ``format``, ``tool`` (for the logs), ``accuracy`` and ``benefit``."""
        parts = {**episode_parts(task, trajectory), "benefit": self._benefit(task, trajectory)}
        if self.ocr == "exp":
            parts["accuracy"] = accuracy_reward(task, trajectory, {**RULES, "ocr": released_ocr_score})
        form, right, benefit = parts["format"], parts["accuracy"], parts["benefit"]
        if form is None or right is None:
            return Score(None, parts)
        term = 0.0 if benefit is None else self.alpha * benefit
        return Score(form * right + (form if self.gated else 1.0) * term, parts)

    def _benefit(self, task: Task, trajectory: Trajectory) -> float | None:
        if trajectory.outcome == "infra_failure" or task.tool_benefit is None:
            return None
        calls = sum(call.ok for call in trajectory.calls)
        return benefit_term(task.tool_benefit, calls, self.gamma, self.n_max, self.zero_anchored)


AT_GRPO = ATGRPO()


def check_benefit(reward: str | None, tasks: Sequence[Task]) -> None:
    """Refuse to train for a benefit that no task states: the reward would silently be the accuracy alone.

    Args:
        reward: A preset spec; only those of ``at_grpo`` are concerned. None is the environment's default.
        tasks: The tasks to train on; the first few are looked at.

    Raises:
        UsageError: None of them has a Tool Benefit Score, or the spec cannot be used.
    """
    if reward is None or not isinstance(load_preset(reward), ATGRPO):
        return
    if all(tasks[index].tool_benefit is None for index in range(min(_LOOKED_AT, len(tasks)))):
        raise UsageError(
            f"The reward `{reward}` needs tasks with a Tool Benefit Score, and these have none. Compute the scores "
            "with `adagym benefit`, and give its folder as the task source `scored:DIR`."
        )
