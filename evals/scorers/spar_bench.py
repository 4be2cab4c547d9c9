"""SPAR-Bench: means over tasks, of all and of each level.

``view_change_infer`` counts in the middle one, from which lmms-eval leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adagym.envs.tasks.spar_bench import LEVELS
from adagym.evals.scorers.base import Scored, mean, means_by, task_of


def score(episodes: Sequence[Scored]) -> Mapping[str, float | None]:
    """Means of the tasks' own means; every task weighs the same.

    Returns:
        ``mean_of_tasks``, ``low``, ``middle``, ``high``; a level of which no task was played is None.
    """
    tasks = means_by(episodes, task_of)
    levels = {level: mean(tasks.get(name) for name in names) for level, names in LEVELS.items()}
    return {"mean_of_tasks": mean(tasks.values()), **levels}
