"""A fixed number of tool workers, for which calls wait in a fair line."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from threading import Event, Lock
from typing import Any

from adagym.errors import InfraError
from adagym.tools.backends.workers_process import Recipe, WorkerDied, WorkerProcess
from adagym.tools.backends.workers_wire import Shelf
from adagym.tools.base import ToolOutput

ATTEMPTS = 3
"""Workers that may die over one call before the call is held to be what kills them."""


class Job:
    """One call: its place in the line, then the worker that has it."""

    def __init__(self) -> None:
        self.turn = Event()
        self.worker: WorkerProcess | None = None
        self.given = False
        """Whether it has one of the places, with or without a worker."""
        self.cancelled = False


class Pool:
    """Worker processes, started when they are first needed and replaced when they end.

    Args:
        count: Most of them.
        memory: Bytes that each may hold.
        seconds: Time limit of a call.
    """

    def __init__(self, count: int, memory: int, seconds: float) -> None:
        self._memory, self._seconds = memory, seconds
        self._lock = Lock()
        self._line: deque[Job] = deque()
        self._free = count
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._shelf = Shelf()
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are there."""
        with self._lock:
            return tuple(worker.pid for worker in (*self._idle, *self._busy))

    def run(self, job: Job, recipe: Recipe, arguments: Mapping[str, Any]) -> ToolOutput:
        """Call a function in a worker; one that dies is replaced, and the call tried again.

        Args:
            job: By which :meth:`cancel` ends it.
            recipe: The function.
            arguments: What it takes.

        Raises:
            InfraError: Workers died over it, it was cancelled, or the pool is closed.
            ToolTimeout: It took too long.
            Exception: Whatever the function raised.
        """
        reason = ""
        for _ in range(ATTEMPTS):
            self._take(job)
            try:
                worker = self._worker(job)
                return worker.call(recipe, arguments, self._seconds, self._shelf)
            except WorkerDied as error:
                reason = str(error)
            finally:
                self._give(job)
        raise InfraError(f"{ATTEMPTS} workers died, the last one because {reason}")

    def cancel(self, job: Job) -> None:
        """End a call, whether it waits or runs. One that is over is left alone."""
        with self._lock:
            job.cancelled = True
            if job in self._line:
                self._line.remove(job)
                job.turn.set()
            elif job.worker is not None:
                job.worker.kill()

    def close(self) -> None:
        """End all workers; calls that wait or run raise InfraError."""
        with self._lock:
            self._closed = True
            for worker in self._busy:
                worker.kill()
            while self._line:
                self._line.popleft().turn.set()
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def let_go(self) -> None:
        """Leave the workers to the process that this one was forked from. Nothing may run."""
        for worker in (*self._idle, *self._busy):
            worker.let_go()

    def _take(self, job: Job) -> None:
        """Wait for a place, in the order of arrival, and for the worker that is there, if one is."""
        with self._lock:
            self._check(job)
            if self._free:
                self._free -= 1
                self._hand(job, self._idle.pop() if self._idle else None)
                return
            self._line.append(job)
        try:
            job.turn.wait()
        except BaseException:  # Ctrl-C: leave the line, or hand on what was given in the meantime
            with self._lock:
                if not job.given:
                    self._line.remove(job)
            if job.given:
                self._give(job)
            raise
        with self._lock:
            if not job.given:
                self._check(job)

    def _hand(self, job: Job, worker: WorkerProcess | None) -> None:
        """Give a place, under the lock."""
        job.given, job.worker = True, worker
        if worker is not None:
            self._busy.add(worker)
        job.turn.set()

    def _worker(self, job: Job) -> WorkerProcess:
        """The worker of a job, started if there is none or it has ended since."""
        worker = job.worker
        if worker is None or not worker.alive:
            started = WorkerProcess(self._memory)
            with self._lock:
                job.worker = started
                self._busy.add(started)
                if worker is not None:
                    self._busy.discard(worker)
            if worker is not None:
                worker.end()
            worker = started
        with self._lock:
            self._check(job)
        return worker

    def _give(self, job: Job) -> None:
        """End a turn: hand place and worker to the next in the line."""
        with self._lock:
            worker, job.worker, job.given = job.worker, None, False
            job.turn.clear()
            if worker is not None:
                self._busy.discard(worker)
            keep = worker if worker is not None and worker.usable and not self._closed and not job.cancelled else None
            if self._line:
                self._hand(self._line.popleft(), keep)
            else:
                self._free += 1
                if keep is not None:
                    self._idle.append(keep)
        if worker is not None and keep is None:
            worker.end()

    def _check(self, job: Job) -> None:
        """Refuse a job that nobody wants any more, under the lock."""
        if self._closed:
            raise InfraError("the workers were closed")
        if job.cancelled:
            raise InfraError("the call was cancelled: its episode is over")
