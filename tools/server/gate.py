"""Lets calls in: so many of each tool at a time, so many that wait, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from adagym.tools.server.settings import Settings

T = TypeVar("T")


class Busy(Exception):
    """A call was not let in. The message says why."""


class _Lane:
    """The calls of one tool."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.inside = 0
        """Calls that run or wait."""
        self.turns = asyncio.Semaphore(limit)


class Gate:
    """Runs work in threads, within the limits of the settings. Belongs to one event loop.

    A tool whose calls take long can fill its own queue only: the others' calls find a thread as before.
    """

    def __init__(self, settings: Settings) -> None:
        self._queue = settings.queue
        self._lanes = {
            name: _Lane(min(settings.per_tool.get(name, settings.concurrency), settings.concurrency))
            for name in settings.names
        }
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="tool")
        self._lock = Lock()
        self.running = 0

    @property
    def waiting(self) -> int:
        """Calls that were let in and have no thread yet, or wait for one of the same tool."""
        return sum(lane.inside for lane in self._lanes.values()) - self.running

    async def run(self, tool: str, work: Callable[[], T], cancel: Callable[[], None]) -> T:
        """Run something in a thread when it is its tool's turn.

        Args:
            tool: Whose turn is taken.
            work: What to run.
            cancel: Called, if nobody waits for the result any more, to end the work early.

        Raises:
            Busy: As many calls of the tool wait as may.
        """
        lane = self._lanes[tool]
        if lane.inside >= lane.limit + self._queue:
            raise Busy(f"{lane.inside} calls of {tool} run or wait here, which is the limit. Try again a little later.")
        lane.inside += 1
        try:
            await lane.turns.acquire()
        except asyncio.CancelledError:
            lane.inside -= 1
            raise
        loop = asyncio.get_running_loop()
        future = self._threads.submit(self._counted, work)
        # The turn ends when the work does, which may be after its client has gone.
        future.add_done_callback(lambda _: None if loop.is_closed() else loop.call_soon_threadsafe(self._leave, lane))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            cancel()
            raise

    def _counted(self, work: Callable[[], T]) -> T:
        with self._lock:
            self.running += 1
        try:
            return work()
        finally:
            with self._lock:
                self.running -= 1

    @staticmethod
    def _leave(lane: _Lane) -> None:
        lane.inside -= 1
        lane.turns.release()

    def close(self) -> None:
        """Forget what waits; what runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
