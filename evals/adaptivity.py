"""Whether an agent uses tools where they help: the same tasks with and without tools, task by task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from adagym.errors import UsageError
from adagym.evals.summary import EpisodeFacts


@dataclass(frozen=True)
class TaskAdaptivity:
    """One task, played with and without tools."""

    id: str
    with_tools: float
    """Mean accuracy of the episodes that were offered tools."""
    without: float
    """Mean accuracy of those that were not."""
    called: float
    """Share of the episodes with tools that called one."""

    @property
    def benefit(self) -> float:
        """What tools added, in [-1, 1]."""
        return self.with_tools - self.without


def by_task(offered: Iterable[EpisodeFacts], bare: Iterable[EpisodeFacts]) -> list[TaskAdaptivity]:
    """Compare the tasks that both runs scored, sorted by id."""
    first, second = _scored(offered), _scored(bare)
    return [
        TaskAdaptivity(
            task,
            fmean([episode.right or 0.0 for episode in first[task]]),
            fmean([episode.right or 0.0 for episode in second[task]]),
            fmean([float(bool(episode.calls)) for episode in first[task]]),
        )
        for task in sorted(first.keys() & second.keys())
    ]


def adaptivity(tasks: Sequence[TaskAdaptivity]) -> dict[str, Any]:
    """Figures over tasks.

    Returns:
        ``tasks``; ``accuracy_with``, ``accuracy_without`` and ``tool_benefit`` (means); ``helped`` and ``hurt`` (shares
        of tasks that tools made more or less often right); ``called`` (share of episodes with tools that called one);
        ``over_use``: of the tasks that are right without tools (mean accuracy 1), the share of episodes that called a
        tool all the same; ``under_use``: of the tasks that are right more often when tools are offered, the share of
        episodes that called none. A share of nothing is None.

    Raises:
        UsageError: There is no task to compare.
    """
    if not tasks:
        raise UsageError("The two runs have no scored task in common; play the same tasks with and without tools.")
    easy = [task.called for task in tasks if task.without == 1]
    helped = [1 - task.called for task in tasks if task.benefit > 0]
    return {
        "tasks": len(tasks),
        "accuracy_with": fmean([task.with_tools for task in tasks]),
        "accuracy_without": fmean([task.without for task in tasks]),
        "tool_benefit": fmean([task.benefit for task in tasks]),
        "helped": fmean([float(task.benefit > 0) for task in tasks]),
        "hurt": fmean([float(task.benefit < 0) for task in tasks]),
        "called": fmean([task.called for task in tasks]),
        "over_use": fmean(easy) if easy else None,
        "under_use": fmean(helped) if helped else None,
    }


def _scored(episodes: Iterable[EpisodeFacts]) -> dict[str, list[EpisodeFacts]]:
    found: dict[str, list[EpisodeFacts]] = defaultdict(list)
    for episode in episodes:
        if not episode.failed and episode.right is not None:
            found[episode.id].append(episode)
    return found
