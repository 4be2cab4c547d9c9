"""What lazy sequences share: an item is made or read when it is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeVar, overload

from adagym.types import Task

T = TypeVar("T")


class Lazy(Sequence[T]):
    """Items by position; a slice is a list. Subclasses say how many there are, and make one."""

    item: ClassVar[str] = "Row"
    """What an item is called in messages."""

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self._at(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.item} {index} of {len(self)}.")
        return self._at(index % len(self))

    @abstractmethod
    def _at(self, index: int) -> T:
        """Make the item at a position from 0."""


class LazyTasks(Lazy[Task]):
    """A task source whose tasks are made one by one."""

    item = "Task"
