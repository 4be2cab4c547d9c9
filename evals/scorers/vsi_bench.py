"""VSI-Bench: the mean of its eight task scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adagym.evals.scorers.base import Scored, mean, means_by, task_of

DIRECTION = "object_rel_direction"
"""The task whose three levels are question types of their own; its score is the mean of theirs."""


def score(episodes: Sequence[Scored]) -> Mapping[str, float | None]:
    """``mean_of_tasks`` over those with any question scored, how many ``tasks`` these are, and the score of each.

    Levels of direction without a question are left out; the original counts them as 0.
    """
    types = means_by(episodes, task_of)
    tasks = {name: value for name, value in types.items() if not name.startswith(DIRECTION)}
    levels = [value for name, value in types.items() if name.startswith(DIRECTION)]
    if levels:
        tasks[DIRECTION] = sum(levels) / len(levels)
    return {"mean_of_tasks": mean(tasks.values()), "tasks": len(tasks), **dict(sorted(tasks.items()))}
