"""A bounded memory for what is slow to work out: the same picture is often asked about again."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """The values last used, by key. Safe to use from several threads.

    Args:
        limit: Most values kept; the one that was not used for longest is forgotten first.
        weigh: The weight of a value; None: nothing.
        most: Most weight of all values kept together, without the one last used.
    """

    def __init__(self, limit: int, *, weigh: Callable[[V], int] | None = None, most: int = 0) -> None:
        self._limit, self._most = limit, most
        self._weigh = weigh or (lambda value: 0)
        self._weight = 0
        self._values: OrderedDict[K, V] = OrderedDict()
        self._making: dict[tuple[int, K], Event] = {}
        self._lock = Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, made if it is not known. What ``make`` raises is not remembered.

        Threads that ask for the same key at the same time wait for the one that makes the value.
        """
        mine = Event()
        place = os.getpid(), key  # in a process forked meanwhile, nobody makes it
        while True:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key]
                other = self._making.setdefault(place, mine)
            if other is mine:
                break
            other.wait()
        try:
            value = make()
            self._put(key, value)
            return value
        finally:
            with self._lock:
                del self._making[place]
            mine.set()

    def _put(self, key: K, value: V) -> None:
        with self._lock:
            self._values[key] = value
            self._weight += self._weigh(value)
            while len(self._values) > self._limit or (self._weight > self._most and len(self._values) > 1):
                self._weight -= self._weigh(self._values.popitem(last=False)[1])

    def __len__(self) -> int:
        return len(self._values)
