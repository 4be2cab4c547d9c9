"""What an evaluation amounts to: facts per episode, and their summary."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adagym.errors import ErrorCode
from adagym.evals.scorers import Scored, benchmark_figures
from adagym.evals.scorers.base import mean
from adagym.evals.statistics import bootstrap, pass_at, wilson
from adagym.rewards import REWARDS
from adagym.types import Outcome, ToolResult, Trajectory

_CONTENT = ("points", "detections", "boxes", "obstacles", "path")
"""Fields of results in which a tool tells what it found."""

MAX_KIND = 60
"""Characters kept of what broke."""
_NOTHING_THERE = ("AStar", "GetStartPoint", "GetEndPoint")
"""Tools for which "run failed" means that they worked and there is no such path or point."""


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
    """Names of the tools called, in order; names of no tool are all ``unknown``."""
    succeeded: int
    """How many of the calls succeeded."""
    id: str = ""
    """The task's."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """The task's."""
    answer: str = ""
    """The final answer; empty if there was none."""
    seed: int | None = None
    outcome: Outcome = "answered"
    valid: int = 0
    """Calls of a known tool with all required and only usable arguments."""
    successes: tuple[str, ...] = ()
    """Names of the tools whose calls succeeded, once per call."""
    empty: tuple[str, ...] = ()
    """Names of the tools whose calls worked and found nothing, once per call."""
    failure: str = ""
    """What broke, in a word or a few, where an infrastructure failure voided the episode."""


def facts(trajectory: Trajectory) -> EpisodeFacts:
    """Reduce an episode to what a summary needs."""
    accuracy = REWARDS.load("accuracy")
    calls = trajectory.calls
    return EpisodeFacts(
        group=trajectory.task.id.rpartition("/")[0] or trajectory.task.id,
        failed=trajectory.outcome == "infra_failure",
        right=accuracy(trajectory.task, trajectory),
        reward=trajectory.reward,
        turns=len(trajectory.steps),
        well_formed=sum(step.parsed.format_ok for step in trajectory.steps),
        calls=tuple(_tool_name(result) for result in calls),
        succeeded=sum(result.ok for result in calls),
        id=trajectory.task.id,
        meta=trajectory.task.meta,
        answer=trajectory.answer or "",
        seed=trajectory.seed,
        outcome=trajectory.outcome,
        valid=sum(map(_is_valid, calls)),
        successes=tuple(_tool_name(result) for result in calls if result.ok),
        empty=tuple(_tool_name(result) for result in calls if found_nothing(result)),
        # Errors begin with their kind and a colon.
        failure=(trajectory.error or "").partition(":")[0][:MAX_KIND],
    )


def found_nothing(result: ToolResult) -> bool:
    """Whether a call worked and there was nothing: an empty list of points, a path that does not exist.

    Depending on the tool such a call is a success (``Point``, ``OCR``) or a failure (``AStar``); in either case it
    tells something else about the agent than a wrong call does.
    """
    if result.ok:
        told = [result.data[name] for name in _CONTENT if name in result.data]
        return bool(told) and not any(told)
    return result.tool in _NOTHING_THERE and result.error_code == ErrorCode.TOOL_RUN_FAILED


def summarise(episodes: Sequence[EpisodeFacts], seed: int = 0) -> dict[str, Any]:
    """Summarise episodes; the result does not depend on their order.

    Args:
        episodes: Of one run, each at most once.
        seed: Seeds the intervals that are found by resampling.

    Returns:
        ``n`` (all episodes), ``infra_failures`` and ``infra_kinds`` (what broke, with counts); and over the episodes
        that did not fail: ``accuracy`` with its
        95 % interval ``accuracy_ci95`` (Wilson's where every task was played once and every answer is right or wrong,
        else a bootstrap over tasks; ``accuracy_interval`` says which), ``turns`` and ``calls_per_sample`` (means per
        episode), ``valid_calls_per_sample`` (known tool, usable arguments), ``calls_by_tool`` (as
        ``calls_per_sample``), ``call_success_rate`` (per call), ``success_by_tool`` (per call of the tool),
        ``empty_results`` (number of calls that worked and found nothing, by tool), ``format_rate`` (per turn),
        ``answered`` and ``truncated`` (shares), ``reward_mean``, and ``by_group``. A figure without any case is None.
        Where tasks were played several times, ``repeats`` has ``k``, ``tasks``, ``avg`` (avg@k), ``pass_at`` (unbiased
        pass@j) and ``by_task``. Where the benchmark has figures of its own
        (:data:`adagym.evals.scorers.SCORERS`), they are under ``benchmark``.
    """
    played = [episode for episode in episodes if not episode.failed]
    calls = Counter(name for episode in played for name in episode.calls)
    successes = Counter(name for episode in played for name in episode.successes)
    turns = sum(episode.turns for episode in played)
    outcomes = Counter(episode.outcome for episode in played)
    groups: dict[str, list[EpisodeFacts]] = defaultdict(list)
    for episode in played:
        groups[episode.group].append(episode)
    figures = benchmark_figures([Scored(item.id, item.group, item.meta, item.right, item.answer) for item in played])
    repeated = repeat_figures(played)
    return {
        "n": len(episodes),
        **_accuracy(played, seed),
        "turns": _ratio(turns, len(played)),
        "calls_per_sample": _ratio(calls.total(), len(played)),
        "valid_calls_per_sample": _ratio(sum(episode.valid for episode in played), len(played)),
        "calls_by_tool": {name: _ratio(count, len(played)) for name, count in sorted(calls.items())},
        "call_success_rate": _ratio(sum(episode.succeeded for episode in played), calls.total()),
        "success_by_tool": {name: _ratio(successes[name], count) for name, count in sorted(calls.items())},
        "empty_results": dict(sorted(Counter(name for episode in played for name in episode.empty).items())),
        "format_rate": _ratio(sum(episode.well_formed for episode in played), turns),
        "answered": _ratio(outcomes["answered"], len(played)),
        "truncated": _ratio(outcomes["truncated"], len(played)),
        "infra_failures": len(episodes) - len(played),
        "infra_kinds": dict(sorted(Counter(episode.failure for episode in episodes if episode.failed).items())),
        "reward_mean": mean(episode.reward for episode in played),
        "by_group": {
            name: {
                "n": len(members),
                **_accuracy(members, seed),
                "reward_mean": mean(member.reward for member in members),
            }
            for name, members in sorted(groups.items())
        },
        **({"repeats": repeated} if repeated else {}),
        **({"benchmark": dict(figures)} if figures else {}),
    }


def repeat_figures(episodes: Iterable[EpisodeFacts]) -> dict[str, Any]:
    """avg@k and pass@j of tasks that were played several times; empty if none was.

    A task counts as passed where its accuracy is 1. pass@j is the mean over the tasks with at least j scored
    episodes, for j = 1, 2, 4, ... and k.
    """
    by_task = {name: values for name, values in sorted(scores_by_task(episodes).items()) if values}
    k = max((len(values) for values in by_task.values()), default=0)
    if k < 2:
        return {}
    sizes = sorted({*(2**power for power in range(k.bit_length()) if 2**power <= k), k})
    counts = {name: (len(values), sum(value == 1 for value in values)) for name, values in by_task.items()}
    passed = {size: [pass_at(size, n, right) for n, right in counts.values() if n >= size] for size in sizes}
    means = [math.fsum(values) / len(values) for values in by_task.values()]
    return {
        "k": k,
        "tasks": len(by_task),
        "avg": math.fsum(means) / len(means),
        "pass_at": {str(size): math.fsum(values) / len(values) for size, values in passed.items()},
        "by_task": {name: {"n": n, "passed": right} for name, (n, right) in counts.items()},
    }


def scores_by_task(episodes: Iterable[EpisodeFacts]) -> dict[str, list[float]]:
    """Accuracies of each task's scored episodes, in ascending order."""
    found: dict[str, list[float]] = defaultdict(list)
    for episode in episodes:
        if not episode.failed and episode.right is not None:
            found[episode.id].append(episode.right)
    return {name: sorted(values) for name, values in found.items()}


def _accuracy(episodes: Sequence[EpisodeFacts], seed: int) -> dict[str, Any]:
    """The mean and its interval. Episodes of one task depend on each other, so tasks are what is resampled."""
    scored = [episode.right for episode in episodes if episode.right is not None]
    if not scored:
        return {"accuracy": None, "accuracy_ci95": None, "accuracy_interval": None}
    mean = math.fsum(scored) / len(scored)
    by_task = scores_by_task(episodes)
    if len(by_task) == len(scored) and all(right in (0, 1) for right in scored):
        exact = wilson(round(sum(scored)), len(scored))
        return {"accuracy": mean, "accuracy_ci95": list(exact), "accuracy_interval": "wilson"}
    interval = bootstrap([math.fsum(values) / len(values) for values in by_task.values()], seed)
    return {
        "accuracy": mean,
        "accuracy_ci95": None if interval is None else list(interval),
        "accuracy_interval": None if interval is None else "bootstrap",
    }


def _tool_name(result: ToolResult) -> str:
    """Names that a model made up share one: there may be any number of them."""
    return "unknown" if result.error_code == ErrorCode.TOOL_NOT_FOUND else result.tool


def _is_valid(result: ToolResult) -> bool:
    check = result.check
    return check.known and {*check.given, *check.required} <= {*check.valid}


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
