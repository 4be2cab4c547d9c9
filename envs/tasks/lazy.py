"""What most task sources share: a task is made when it is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload

from adagym.types import Task


class LazyTasks(Sequence[Task]):
    """Tasks by position; a slice is a list. Subclasses say how many there are, and make one."""

    @overload
    def __getitem__(self, index: int) -> Task: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Task]: ...

    def __getitem__(self, index: int | slice) -> Task | Sequence[Task]:
        if isinstance(index, slice):
            return [self._at(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"Task {index} of {len(self)}.")
        return self._at(index % len(self))

    @abstractmethod
    def _at(self, index: int) -> Task:
        """Make the task at a position from 0."""
