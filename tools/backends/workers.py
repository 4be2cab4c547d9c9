"""Tools in worker processes: real limits of time and memory, and nothing that a tool does can hurt the environment.

A call that takes too long, needs too much memory or crashes costs its worker, which is replaced; the environment's
process and the other calls go on. See docs/executors.md.
"""

from __future__ import annotations

import copy
import hashlib
import math
import os
import pickle
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import BoundedSemaphore
from typing import Any

import cloudpickle
import numpy as np

from adagym.digest import image_digest
from adagym.errors import InfraError, UsageError
from adagym.tools.backends.base import Backend, read_settings
from adagym.tools.backends.workers_pool import Job, Pool
from adagym.tools.backends.workers_process import Recipe, variables
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.executor import Executor
from adagym.tools.memory import Memory


@dataclass(frozen=True)
class WorkerSettings:
    """What may follow ``workers:``."""

    count: int = 2
    """Worker processes, and so the calls that run at the same time in the whole process."""
    seconds: float = 30.0
    """Wall time that a call may take."""
    memory_mb: int = 2048
    """Memory that a worker may hold, in MiB, with the code and weights of its tools (Linux)."""
    each: int = 0
    """Calls of one environment that run at the same time; 0: as many as there are workers."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            UsageError: One is out of range.
        """
        limits = {"count": (1, 1024), "seconds": (0.001, 86400), "memory_mb": (256, 2**20), "each": (0, 1024)}
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and least <= value <= most):
                raise UsageError(f"The tool backend `workers` takes {name} from {least:g} to {most:g}, not {value:g}.")


class WorkersBackend(Backend):
    """Worker processes for tools.

    Raises:
        UsageError: A setting is unknown or out of range, or the system is no Unix.
    """

    def __init__(self, spec: str) -> None:
        super().__init__(spec)
        if os.name != "posix":
            raise UsageError("The tool backend `workers` needs Linux or macOS; use `inline` here.")
        self.settings = read_settings(WorkerSettings, spec, spec.partition(":")[2])
        self._pool, self._outputs = self._begin()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are there."""
        return self._pool.pids

    def runner(self, names: Sequence[str]) -> WorkerRunner:
        """See :meth:`Backend.runner`."""
        return WorkerRunner(self, names)

    def run(self, job: Job, tool: Tool, recipe: Recipe, arguments: Mapping[str, Any]) -> ToolOutput:
        """Call the function of a tool in a worker, or remember what came of the same call.

        Raises:
            ToolError, UsageError: The function raised it.
            InfraError: The call broke, or exceeded a limit (``ToolTimeout``, ``ToolOutOfMemory``).
        """

        def make() -> ToolOutput:
            output = self._pool.run(job, recipe, arguments)
            for image in output.images:
                image.flags.writeable = False  # several episodes may get to see it
            return output

        if not tool.slow:
            return make()
        output = self._outputs.get(_fingerprint(recipe, arguments), make)
        return replace(output, data=copy.deepcopy(output.data))

    def cancel(self, job: Job) -> None:
        """End a call."""
        self._pool.cancel(job)

    def close(self) -> None:
        """See :meth:`Backend.close`."""
        self._pool.close()

    def forget(self) -> None:
        """See :meth:`Backend.forget`."""
        self._pool.let_go()
        self._pool, self._outputs = self._begin()

    def _begin(self) -> tuple[Pool, Memory[str, ToolOutput]]:
        settings = self.settings
        pool = Pool(settings.count, settings.memory_mb * 2**20, settings.seconds)
        return pool, Memory(256, weigh=_weight, most=2**26)


class WorkerRunner(Executor):
    """Reads arguments here, and calls functions in workers.

    Args:
        backend: Has the workers.
        names: Registered tools, in the order in which models see them.

    Raises:
        UnknownName: A name is not registered.
    """

    def __init__(self, backend: WorkersBackend, names: Sequence[str]) -> None:
        super().__init__(names)
        self._backend = backend
        self._names = tuple(names)
        self._recipes: dict[str, Recipe] = {}
        self._jobs: set[Job] = set()
        self._turns = BoundedSemaphore(backend.settings.each) if backend.settings.each else nullcontext()

    def __reduce__(self) -> tuple[Any, ...]:
        return WorkerRunner, (self._backend, self._names)

    def perform(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolOutput:
        """See :meth:`Executor.perform`."""
        if tool.name not in self._recipes:
            content = cloudpickle.dumps(tool.function)
            self._recipes[tool.name] = Recipe(hashlib.sha256(content).hexdigest(), content)
        job = Job()
        self._jobs.add(job)
        try:
            with self._turns:
                return self._backend.run(job, tool, self._recipes[tool.name], arguments)
        except InfraError as error:
            raise type(error)(f"The tool `{tool.name}` broke: {error}") from error
        finally:
            self._jobs.discard(job)

    def cancel(self) -> None:
        """See :meth:`adagym.tools.backends.base.Runner.cancel`."""
        for job in tuple(self._jobs):
            self._backend.cancel(job)


def _fingerprint(recipe: Recipe, arguments: Mapping[str, Any]) -> str:
    """Equal for calls that give the same: function, arguments by content, and settings of the process."""
    plain = [
        (name, image_digest(value) if isinstance(value, np.ndarray) else pickle.dumps(value))
        for name, value in sorted(arguments.items())
    ]
    return hashlib.sha256(pickle.dumps((recipe.key, variables(), plain))).hexdigest()


def _weight(output: ToolOutput) -> int:
    return sum(image.nbytes for image in output.images)
