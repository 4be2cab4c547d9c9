"""The format reward (AdaReasoner Eq. 6)."""

from __future__ import annotations

import re

from adagym.types import Task, Trajectory


def format_reward(task: Task, trajectory: Trajectory) -> float | None:
    """1 if every turn follows the dialect strictly and the last one answers, else 0.

    An episode cut off before its answer has no well-formed end (the released code, too, demands exactly one
    answer), so calling tools for ever never pays.

    Returns:
        0 or 1; None after an infrastructure failure.
    """
    if trajectory.outcome == "infra_failure":
        return None
    strict = all(step.parsed.format_ok for step in trajectory.steps)
    return float(strict and trajectory.answer is not None)


def released_format(actions: tuple[str, ...], answer_tag: str) -> bool:
    """The check of AdaReasoner's released code: tags are counted over the whole text, order is not looked at.

    Source: ``AdaTG/verl/utils/reward_score/unified_tool.py``.

    Args:
        actions: The texts of all turns.
        answer_tag: ``response`` in AdaReasoner.
    """
    text = "\n".join(actions)
    opened = {tag: len(re.findall(f"<{tag}>", text)) for tag in ("think", answer_tag, "tool_call")}
    closed = {tag: len(re.findall(f"</{tag}>", text)) for tag in opened}
    return (
        opened == closed
        and opened["think"] >= 1
        and opened[answer_tag] == 1
        and opened["think"] == opened[answer_tag] + opened["tool_call"]
    )
