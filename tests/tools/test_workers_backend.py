"""Worker processes: the same results as in this process, limits that hold, and no call lost with a worker."""

from __future__ import annotations

import functools
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import ErrorCode, InfraError, ToolError, ToolOutOfMemory, ToolTimeout, UsageError
from adagym.spaces import ActionText, Situation
from adagym.testing import digest
from adagym.tools import TOOLS
from adagym.tools.backends import open_backend
from adagym.tools.backends.workers import WorkerRunner, WorkersBackend
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.executor import Executor
from adagym.tools.values import ImageArg
from adagym.types import ToolCall, ToolResult

PICTURE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
IMAGES = {"img_1": PICTURE, "img_2": np.ascontiguousarray(PICTURE[:30, :40])}
Make = Callable[..., WorkersBackend]


def hang(seconds: int) -> ToolOutput:
    """Compute for ever, in C and without letting go of the interpreter; or sleep.

    Args:
        seconds: 0: for ever.
    """
    if not seconds:
        sum(range(10**13))
    began = time.monotonic()
    time.sleep(seconds / 10)
    return ToolOutput({"began": began, "ended": time.monotonic(), "pid": os.getpid()})


def allocate(mib: int) -> ToolOutput:
    """Need memory.

    Args:
        mib: How much.
    """
    return ToolOutput({"size": int(np.ones(mib * 2**20, np.uint8).sum() // 2**20)})


def crash(marker: str) -> ToolOutput:
    """End the process, but not if a file is there.

    Args:
        marker: The file; it is there afterwards.
    """
    if not Path(marker).exists():
        if marker != "never":
            Path(marker).touch()
        os._exit(3)
    return ToolOutput()


def meet(folder: str) -> ToolOutput:
    """Wait until somebody else waits too.

    Args:
        folder: Where.
    """
    (Path(folder) / str(os.getpid())).touch()
    for _ in range(3000):
        if len(list(Path(folder).iterdir())) == 2:
            return ToolOutput()
        time.sleep(0.01)
    raise ToolError("nobody came")


def refuse(kind: str) -> ToolOutput:
    """Fail.

    Args:
        kind: How.
    """
    if kind == "tool":
        raise ToolError("the kind is wrong", ErrorCode.INVALID_PARAMETERS, "kind")
    if kind == "usage":
        raise UsageError("set ADAGYM_X")
    if kind == "pixels":
        return ToolOutput(images=(np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (20_000, 20_000, 3)),))
    if kind == "settings":
        return ToolOutput({name: value for name, value in os.environ.items() if name.startswith("ADAGYM_S2")})
    raise ZeroDivisionError("oops")


def count(image: ImageArg, log: str) -> ToolOutput:
    """Note that it was called.

    Args:
        image: A picture.
        log: Where.
    """
    with Path(log).open("a") as file:
        file.write("x")
    time.sleep(0.1)
    return ToolOutput({"list": [1]}, (image[::-1],))


TEST_TOOLS = {
    name.__name__: Tool.of(name, name.__name__, slow=name is count)
    for name in (hang, allocate, crash, meet, refuse, count)
}


@pytest.fixture(scope="module", autouse=True)
def tools() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        load = TOOLS.load
        patch.setattr(TOOLS, "load", lambda name: TEST_TOOLS.get(name) or load(name))
        cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test
        yield
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def shared() -> Iterator[WorkersBackend]:
    """Two workers with wide limits, for tests that leave them as they are."""
    backend = WorkersBackend("workers:count=2,seconds=60")
    yield backend
    backend.close()


@pytest.fixture
def make() -> Iterator[Make]:
    opened: list[WorkersBackend] = []

    def make(settings: str) -> WorkersBackend:
        opened.append(WorkersBackend(f"workers:{settings}"))
        return opened[-1]

    yield make
    for backend in opened:
        backend.close()


def same(one: ToolResult, other: ToolResult) -> bool:
    """Whether two results are equal but for their times."""
    facts = [(r.tool, r.status, r.message, r.error_code, dict(r.data), r.check) for r in (one, other)]
    return (
        facts[0] == facts[1]
        and len(one.images) == len(other.images)
        and all(map(np.array_equal, one.images, other.images))
    )


def until(condition: Callable[[], Any]) -> None:
    """Wait for something that another thread does."""
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def test_every_tool_gives_what_it_gives_here(shared: WorkersBackend) -> None:
    names = [name for name in TOOLS.names() if name != "OCR"]  # which takes its time to load
    here, there = Executor(names), shared.runner(names)
    assert there.specs == here.specs
    space = ActionText("hermes", here.specs, seed=0)
    space.situation = Situation(IMAGES)
    for spec in here.specs:
        for arguments in ({}, space.sample_arguments(spec), space.sample_arguments(spec)):
            call = ToolCall(spec.name, arguments)
            assert same(there.run(call, IMAGES), here.run(call, IMAGES)), call
    assert same(there.run(ToolCall("Nothing", {}), IMAGES), here.run(ToolCall("Nothing", {}), IMAGES))


def test_large_and_small_pictures_arrive_whole(shared: WorkersBackend) -> None:
    large = np.random.default_rng(1).integers(0, 256, (2000, 1500, 3), np.uint8)
    runner = shared.runner(["RotateImage", "Crop"])
    for image in (large, large[::2, ::3], large[:5, :5], large):
        height, width = image.shape[:2]
        result = runner.run(ToolCall("Crop", {"image": "a", "coordinates": [0, 0, width - 1, height]}), {"a": image})
        assert np.array_equal(result.images[0], image[:, : width - 1])


def test_a_call_that_is_the_models_mistake(shared: WorkersBackend) -> None:
    result = shared.runner(["refuse"]).run(ToolCall("refuse", {"kind": "tool"}), {})
    assert (result.status, result.error_code, result.message) == ("failed", 201, "the kind is wrong")
    assert (result.check.given, result.check.valid) == (("kind",), ())


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("bug", InfraError, "`refuse` broke: ZeroDivisionError: oops"),
        ("usage", UsageError, "set ADAGYM_X"),
        ("pixels", InfraError, "20000, 20000, 3"),
    ],
)
def test_a_tool_that_fails_keeps_its_worker(
    shared: WorkersBackend, kind: str, error: type[Exception], message: str
) -> None:
    runner = shared.runner(["refuse", "hang"])
    runner.run(ToolCall("hang", {"seconds": 1}), {})
    before = shared.pids
    with pytest.raises(error, match=message):
        runner.run(ToolCall("refuse", {"kind": kind}), {})
    assert shared.pids == before


def test_settings_of_this_process_reach_the_workers(shared: WorkersBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    run, call = shared.runner(["refuse"]).run, ToolCall("refuse", {"kind": "settings"})
    monkeypatch.setenv("ADAGYM_S2_TEST", "7")
    assert run(call, {}).data == {"ADAGYM_S2_TEST": "7"}
    monkeypatch.delenv("ADAGYM_S2_TEST")
    assert run(call, {}).data == {}


def test_a_call_without_end_is_ended_and_harms_no_other(make: Make) -> None:
    backend = make("count=2,seconds=3")
    runner = backend.runner(["hang", "Crop"])
    with ThreadPoolExecutor(1) as threads:
        began = time.monotonic()
        stuck = threads.submit(runner.run, ToolCall("hang", {"seconds": 0}), {})
        until(functools.partial(bool, runner._jobs))
        crop = ToolCall("Crop", {"image": "img_1", "coordinates": [0, 0, 9, 9]})
        assert runner.run(crop, IMAGES).ok
        others = set(backend.pids)
        with pytest.raises(ToolTimeout, match="`hang` broke: it took longer than 3 seconds"):
            stuck.result(60)
        assert time.monotonic() - began >= 3
    assert len(set(backend.pids) & others) == 1
    assert runner.run(crop, IMAGES).ok


def test_memory_is_limited(make: Make) -> None:
    backend = make("count=1,memory_mb=512")
    runner = backend.runner(["allocate"])
    assert runner.run(ToolCall("allocate", {"mib": 16}), {}).data == {"size": 16}
    before = backend.pids
    with pytest.raises(ToolOutOfMemory, match="`allocate` broke: it needs more than the 512 MiB"):
        runner.run(ToolCall("allocate", {"mib": 1024}), {})
    assert runner.run(ToolCall("allocate", {"mib": 16}), {}).data == {"size": 16}
    assert backend.pids != before


def test_a_worker_that_dies_costs_no_call(make: Make, tmp_path: Path) -> None:
    backend = make("count=1")
    runner = backend.runner(["crash", "hang"])
    assert runner.run(ToolCall("crash", {"marker": str(tmp_path / "once")}), {}).ok
    (pid,) = backend.pids
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert runner.run(ToolCall("hang", {"seconds": 1}), {}).ok
    with ThreadPoolExecutor(1) as threads:
        (pid,) = backend.pids
        running = threads.submit(runner.run, ToolCall("hang", {"seconds": 10}), {})
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        assert running.result(60).data["pid"] != pid


def test_a_call_that_kills_every_worker_is_an_infrastructure_failure(make: Make) -> None:
    runner = make("count=1").runner(["crash"])
    with pytest.raises(InfraError, match="3 workers died, the last one because its process ended, with exit code 3"):
        runner.run(ToolCall("crash", {"marker": "never"}), {})


def overlaps(results: list[ToolResult]) -> int:
    """Most calls that ran at the same moment."""
    return max(sum(bool(r.data["began"] <= one.data["began"] < r.data["ended"]) for r in results) for one in results)


def test_calls_at_the_same_time_are_limited(shared: WorkersBackend, make: Make) -> None:
    nap = ToolCall("hang", {"seconds": 2})
    with ThreadPoolExecutor(6) as threads:
        runners = [shared.runner(["hang"]) for _ in range(6)]
        assert overlaps(list(threads.map(lambda runner: runner.run(nap, {}), runners))) <= 2
        single = make("count=2,each=1").runner(["hang"])
        assert overlaps(list(threads.map(lambda _: single.run(nap, {}), range(3)))) == 1


def test_calls_run_at_the_same_time(shared: WorkersBackend, tmp_path: Path) -> None:
    runner, call = shared.runner(["meet"]), ToolCall("meet", {"folder": str(tmp_path)})
    with ThreadPoolExecutor(2) as threads:
        assert [result.message for result in threads.map(lambda _: runner.run(call, {}), range(2))] == ["", ""]


def test_a_call_that_runs_or_waits_can_be_cancelled(make: Make) -> None:
    backend = make("count=1")
    running, waiting = backend.runner(["hang"]), backend.runner(["hang"])
    running.cancel()  # nothing runs yet
    assert running.run(ToolCall("hang", {"seconds": 1}), {}).ok
    with ThreadPoolExecutor(2) as threads:
        calls = []
        for runner in (running, waiting):
            calls.append(threads.submit(runner.run, ToolCall("hang", {"seconds": 0}), {}))
            until(functools.partial(bool, runner._jobs))
            time.sleep(0.2)
        for runner, call in ((waiting, calls[1]), (running, calls[0])):
            runner.cancel()
            with pytest.raises(InfraError, match="cancelled: its episode is over"):
                call.result(20)
    assert running.run(ToolCall("hang", {"seconds": 1}), {}).ok


def test_slow_tools_are_asked_once(shared: WorkersBackend, tmp_path: Path) -> None:
    log = tmp_path / "log"
    runners = [shared.runner(["count"]) for _ in range(4)]
    call = ToolCall("count", {"image": "img_1", "log": str(log)})
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda runner: runner.run(call, {"img_1": PICTURE.copy()}), runners))
    assert log.read_text() == "x"
    assert all(np.array_equal(result.images[0], PICTURE[::-1]) for result in results)
    results[0].data["list"].append(2)
    assert results[1].data == {"list": [1]}
    assert not results[0].images[0].flags.writeable
    other = PICTURE.copy()
    other[0, 0, 0] ^= 1
    runners[0].run(call, {"img_1": other})
    assert log.read_text() == "xx"


def test_an_episode_is_the_same_in_workers(shared: WorkersBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules["adagym.tools.backends"]._open, shared.spec, shared)
    digests = []
    for tools in (None, shared.spec):
        env = VSPNavigation("vsp-generated:sides=4,n=3", tools=tools)
        env.reset(seed=1, options={"task": 0})
        env = pickle.loads(pickle.dumps(env))
        for name, arguments in (
            ("Point", {"image": "img_1", "description": "Elf"}),
            ("Draw2DPath", {"image": "img_1", "start_point": [10, 10], "directions": "R"}),
            ("AStar", {"start": [32, 32], "goal": [96, 96], "obstacles": []}),
        ):
            env.step(env._dialect.write_call(ToolCall(name, arguments), "I look."))
        trajectory = env.trajectory()
        assert [step.result.tool for step in trajectory.steps if step.result] == ["Point", "Draw2DPath", "AStar"]
        trajectory.env_kwargs["tools"] = None
        digests.append(digest(trajectory))
        env.close()
    assert digests[0] == digests[1]


def test_a_closed_backend_runs_nothing(make: Make) -> None:
    backend = make("count=1")
    runner = backend.runner(["hang"])
    with ThreadPoolExecutor(2) as threads:
        calls = []
        for _ in range(2):
            calls.append(threads.submit(runner.run, ToolCall("hang", {"seconds": 0}), {}))
        until(lambda: len(runner._jobs) == 2 and backend.pids)
        backend.close()
        for call in calls:
            with pytest.raises(InfraError, match="the workers were closed"):
                call.result(20)
    backend.close()
    with pytest.raises(InfraError, match="the workers were closed"):
        runner.run(ToolCall("hang", {"seconds": 1}), {})
    assert backend.pids == ()


def test_a_runner_is_picklable(shared: WorkersBackend) -> None:
    backend = open_backend("workers:count=1")
    runner = backend.runner(["Crop"])
    copy = pickle.loads(pickle.dumps(runner))
    assert isinstance(copy, WorkerRunner)
    assert copy.specs == runner.specs
    assert copy._backend is backend


def test_threads_of_one_runner_get_their_own_results(shared: WorkersBackend) -> None:
    runner = shared.runner(["Crop"])
    failures: list[int] = []

    def crop(size: int) -> None:
        call = ToolCall("Crop", {"image": "img_1", "coordinates": [0, 0, size, 200]})
        for _ in range(5):
            result = runner.run(call, IMAGES)
            if not np.array_equal(result.images[0], PICTURE[:200, :size]):
                failures.append(size)

    threads = [threading.Thread(target=crop, args=(100 + number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
