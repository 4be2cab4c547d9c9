"""What an evaluation amounts to: facts per episode, and their summary."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adagym.evals.scorers import Scored, benchmark_figures
from adagym.evals.statistics import wilson
from adagym.rewards import REWARDS
from adagym.types import Trajectory


@dataclass(frozen=True)
class EpisodeFacts:
    """What a summary keeps of one episode."""

    group: str
    """The task's id without its last part, for example ``vsp-generated/test/s5``."""
    failed: bool
    """Whether an infrastructure failure voided the episode; it then counts nowhere else."""
    right: float | None
    """Accuracy in [0, 1], or None where the answer cannot be scored automatically."""
    reward: float | None
    turns: int
    well_formed: int
    """Turns that follow the dialect strictly."""
    calls: tuple[str, ...]
    """Names of the tools called, in order."""
    succeeded: int
    """How many of the calls succeeded."""
    id: str = ""
    """The task's."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """The task's."""
    answer: str = ""
    """The final answer; empty if there was none."""


def facts(trajectory: Trajectory) -> EpisodeFacts:
    """Reduce an episode to what a summary needs."""
    accuracy = REWARDS.load("accuracy")
    return EpisodeFacts(
        group=trajectory.task.id.rpartition("/")[0] or trajectory.task.id,
        failed=trajectory.outcome == "infra_failure",
        right=accuracy(trajectory.task, trajectory),
        reward=trajectory.reward,
        turns=len(trajectory.steps),
        well_formed=sum(step.parsed.format_ok for step in trajectory.steps),
        calls=tuple(result.tool for result in trajectory.calls),
        succeeded=sum(result.ok for result in trajectory.calls),
        id=trajectory.task.id,
        meta=trajectory.task.meta,
        answer=trajectory.answer or "",
    )


def summarise(episodes: Sequence[EpisodeFacts]) -> dict[str, Any]:
    """Summarise episodes; the result does not depend on their order.

    Returns:
        ``n`` (all episodes), ``infra_failures``; and over the episodes that did not fail: ``accuracy`` with its
        95 % Wilson interval ``accuracy_ci95``, ``turns`` and ``calls_per_sample`` (means per episode),
        ``calls_by_tool`` (the same by tool), ``call_success_rate`` (per call), ``format_rate`` (per turn),
        ``reward_mean``, and ``by_group``. A figure without any case is None. Where the benchmark has figures of its
        own (:data:`adagym.evals.scorers.SCORERS`), they are under ``benchmark``.
    """
    played = [episode for episode in episodes if not episode.failed]
    calls = Counter(name for episode in played for name in episode.calls)
    turns = sum(episode.turns for episode in played)
    groups: dict[str, list[EpisodeFacts]] = defaultdict(list)
    for episode in played:
        groups[episode.group].append(episode)
    figures = benchmark_figures([Scored(item.id, item.group, item.meta, item.right, item.answer) for item in played])
    return {
        "n": len(episodes),
        **_accuracy(played),
        "turns": _ratio(turns, len(played)),
        "calls_per_sample": _ratio(calls.total(), len(played)),
        "calls_by_tool": {name: _ratio(count, len(played)) for name, count in sorted(calls.items())},
        "call_success_rate": _ratio(sum(episode.succeeded for episode in played), calls.total()),
        "format_rate": _ratio(sum(episode.well_formed for episode in played), turns),
        "infra_failures": len(episodes) - len(played),
        "reward_mean": _mean(episode.reward for episode in played),
        "by_group": {
            name: {"n": len(members), **_accuracy(members), "reward_mean": _mean(member.reward for member in members)}
            for name, members in sorted(groups.items())
        },
        **({"benchmark": dict(figures)} if figures else {}),
    }


def _accuracy(episodes: Sequence[EpisodeFacts]) -> dict[str, Any]:
    """The mean, and the interval where every answer is simply right or wrong."""
    scored = [episode.right for episode in episodes if episode.right is not None]
    if not scored:
        return {"accuracy": None, "accuracy_ci95": None}
    binary = all(right in (0, 1) for right in scored)
    interval = list(wilson(round(sum(scored)), len(scored))) if binary else None
    return {"accuracy": math.fsum(scored) / len(scored), "accuracy_ci95": interval}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def rows(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of a summary as label and text, groups last, for a table."""
    plain = [
        (name, _text(summary[name]))
        for name in (
            "n",
            "turns",
            "calls_per_sample",
            "call_success_rate",
            "format_rate",
            "infra_failures",
            "reward_mean",
        )
    ]
    tools = [(f"calls of {name}", _text(value)) for name, value in summary["calls_by_tool"].items()]
    groups = [(f"accuracy {name}", _with_interval(group)) for name, group in summary["by_group"].items()]
    own = [(f"benchmark {name}", _text(value)) for name, value in summary.get("benchmark", {}).items()]
    return [("accuracy", _with_interval(summary)), *own, *plain, *tools, *groups]


def _with_interval(figures: Mapping[str, Any]) -> str:
    interval = figures["accuracy_ci95"]
    suffix = "" if interval is None else f"  [{interval[0]:.3f}, {interval[1]:.3f}]"
    return f"{_text(figures['accuracy'])}{suffix}  n={figures['n']}"


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
