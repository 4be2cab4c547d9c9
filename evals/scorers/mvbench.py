"""MVBench: the mean of its tasks' accuracies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adagym.evals.scorers.base import Scored, mean, means_by, task_of


def score(episodes: Sequence[Scored]) -> Mapping[str, float | None]:
    """``mean_of_tasks`` over those with any question scored, and how many ``tasks`` these are (20 in all)."""
    tasks = means_by(episodes, task_of)
    return {"mean_of_tasks": mean(tasks.values()), "tasks": len(tasks)}
