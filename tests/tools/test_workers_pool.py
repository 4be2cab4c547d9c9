"""The line for workers, with workers that are no processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from adagym.errors import InfraError, ToolError, ToolTimeout
from adagym.tools.backends import workers_pool
from adagym.tools.backends.workers_pool import Job, Pool
from adagym.tools.backends.workers_process import Recipe, WorkerDied
from adagym.tools.backends.workers_wire import Shelf
from adagym.tools.base import ToolOutput

RECIPE = Recipe("key", b"")


class Worker:
    """Calls the function that it is given."""

    made = 0
    pid = 0

    def __init__(self, memory: int) -> None:
        type(self).made += 1
        self.alive = self.usable = True
        self.killed = threading.Event()

    def call(self, recipe: Recipe, arguments: Mapping[str, Any], seconds: float, shelf: Shelf) -> ToolOutput:
        """Call it; nobody can tell how the worker is if it raises."""
        try:
            arguments["function"](self)
        except ToolError:
            raise
        except Exception:  # as the real one, which is lost whatever it was
            self.usable = False
            raise
        return ToolOutput()

    def kill(self) -> None:
        """Note it."""
        self.alive = self.usable = False
        self.killed.set()

    end = kill


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_pool, "WorkerProcess", Worker)
    monkeypatch.setattr(Worker, "made", 0)


def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not happen")


def at_rest(pool: Pool, count: int) -> bool:
    """Whether every place is free again, and nothing is left over."""
    return (pool._free, len(pool._line), len(pool._busy)) == (count, 0, 0) and len(pool._idle) <= count


def test_calls_are_served_in_the_order_in_which_they_came() -> None:
    pool, gate = Pool(1, 0, 1.0), threading.Event()
    order: list[int] = []

    def note(number: int) -> Callable[[Worker], None]:
        def function(worker: Worker) -> None:
            assert gate.wait(20)
            order.append(number)

        return function

    with ThreadPoolExecutor(5) as threads:
        for number in range(5):
            threads.submit(pool.run, Job(), RECIPE, {"function": note(number)})
            until(lambda number=number: pool._free == 0 and len(pool._line) == number)
        gate.set()
    assert order == [0, 1, 2, 3, 4]
    assert at_rest(pool, 1)
    assert Worker.made == 1


def test_what_the_function_raises_keeps_the_worker_and_a_hang_does_not() -> None:
    pool = Pool(1, 0, 1.0)

    def refuse(worker: Worker) -> None:
        raise ToolError("no")

    def hang(worker: Worker) -> None:
        raise ToolTimeout("late")

    for function, error, made in ((refuse, ToolError, 1), (refuse, ToolError, 1), (hang, ToolTimeout, 1)):
        with pytest.raises(error):
            pool.run(Job(), RECIPE, {"function": function})
        assert Worker.made == made
    pool.run(Job(), RECIPE, {"function": lambda worker: None})
    assert Worker.made == 2
    assert at_rest(pool, 1)


def test_no_place_is_lost_to_deaths_and_cancelled_calls() -> None:
    pool = Pool(3, 0, 1.0)
    rng = np.random.default_rng(0)
    fates = rng.random(300)
    jobs = [Job() for _ in fates]

    def play(number: int) -> str:
        def function(worker: Worker) -> None:
            worker.killed.wait(0.001)
            if worker.killed.is_set() or fates[number] < 0.2:
                raise WorkerDied("gone")

        try:
            pool.run(jobs[number], RECIPE, {"function": function})
        except InfraError as error:
            return str(error)
        return "done"

    with ThreadPoolExecutor(16) as threads:
        results = [threads.submit(play, number) for number in range(len(jobs))]
        for number in rng.permutation(len(jobs))[:100]:
            pool.cancel(jobs[number])
            time.sleep(0.001)
        ends = [result.result(60) for result in results]
    assert at_rest(pool, 3)
    for number, end in enumerate(ends):
        if jobs[number].cancelled:
            continue
        assert end == ("3 workers died, the last one because gone" if fates[number] < 0.2 else "done")
    assert any("cancelled" in end for end in ends)
