"""Which task an episode is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adagym.errors import UsageError
from adagym.types import Task


class TaskChoice:
    """Finds tasks of a source by what ``reset`` was told.

    Args:
        tasks: The source, with at least one task.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._positions: dict[str, int] | None = None

    def choose(self, options: Mapping[str, Any] | None, rng: np.random.Generator) -> Task:
        """Return the task that ``reset(options=...)`` names, or draw one uniformly.

        Raises:
            UsageError: The options name no task.
        """
        options = dict(options or {})
        wanted = options.pop("task", None)
        if options:
            raise UsageError(f"reset() knows the option `task`, not {', '.join(map(repr, options))}.")
        if wanted is None:
            return self._tasks[int(rng.integers(len(self._tasks)))]
        if isinstance(wanted, Task):
            return wanted
        if isinstance(wanted, str):
            return self._tasks[self._position(wanted)]
        if isinstance(wanted, int | np.integer) and 0 <= wanted < len(self._tasks):
            return self._tasks[int(wanted)]
        raise UsageError(
            f"The option `task` must be a Task, a task's id, or an index from 0 to {len(self._tasks) - 1}; "
            f"it is {wanted!r:.200}."
        )

    def _position(self, task_id: str) -> int:
        if self._positions is None:
            self._positions = {task.id: position for position, task in enumerate(self._tasks)}
        if task_id not in self._positions:
            count, example = len(self._tasks), self._tasks[0].id
            raise UsageError(f"No task has the id {task_id!r:.200}; the {count} tasks are named like `{example}`.")
        return self._positions[task_id]
