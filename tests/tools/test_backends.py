"""Backends of tools: how they are named, shared and closed, and how an environment uses one."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError, UnknownName, UsageError
from adagym.evals.hashes import run_hashes
from adagym.tools import backends
from adagym.tools.backends.base import Backend, Runner, read_settings
from adagym.tools.backends.inline import InlineBackend
from adagym.tools.backends.offer import Offer, is_backend
from adagym.tools.executor import Executor
from adagym.tools.memory import Memory
from adagym.types import Array, ToolCall, ToolResult
from adagym.video import ShownVideo

TASKS = "vsp-generated:sides=4,n=3"
POINT = '<tool_call>{"name": "Point", "parameters": {"image": "img_1", "description": "Elf"}}</tool_call>'


class FakeRunner(Executor):
    """Waits to be cancelled, if told so."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self.entered, self.cancelled = threading.Event(), threading.Event()
        self.waits = False

    def run(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> ToolResult:
        """Run the call, or fail once it is cancelled."""
        if not self.waits:
            return super().run(call, images, video)
        self.entered.set()
        assert self.cancelled.wait(20)
        raise InfraError("cancelled")

    def cancel(self) -> None:
        """Note it."""
        self.cancelled.set()


class FakeBackend(Backend):
    """A server that lists two tools."""

    def __init__(self, spec: str = "fake") -> None:
        super().__init__(spec)
        self.runners: list[FakeRunner] = []
        self.closed = 0

    def runner(self, names: Sequence[str]) -> Runner:
        """See the base class."""
        self.runners.append(FakeRunner(names))
        return self.runners[-1]

    def offered(self) -> tuple[str, ...]:
        """See the base class."""
        return "Crop", "OCR"

    def close(self) -> None:
        """See the base class."""
        self.closed += 1


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBackend]:
    backend = FakeBackend()
    with monkeypatch.context() as patch:
        patch.setitem(backends._open, "fake", backend)
        yield backend


def test_one_backend_per_text() -> None:
    assert isinstance(backends.open_backend("inline"), InlineBackend)
    assert backends.open_backend("inline") is backends.open_backend("inline")
    assert "inline" in backends.BACKENDS.names()


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("inlin", UnknownName, "Did you mean `inline`"),
        ("", UnknownName, "There is no backend ``"),
        ("inline:count=2", UsageError, "has no settings"),
        ("inline#*", UsageError, "name the tools after the #"),
        ("inline#", UsageError, "names with commas"),
        ("inline#Crop,,OCR", UsageError, "names with commas"),
        ("Point", UsageError, r"tools=\('Point',\)"),
    ],
)
def test_texts_that_name_no_backend(spec: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        VSPNavigation(TASKS, tools=spec)


def test_offers(fake: FakeBackend) -> None:
    assert Offer.of(None) == Offer(backends.open_backend("inline"), None)
    assert Offer.of(["Crop"]) == Offer(backends.open_backend("inline"), ("Crop",))
    assert Offer.of(()).names == ()
    assert Offer.of("fake") == Offer(fake, None)
    assert Offer.of("fake#*") == Offer(fake, ("Crop", "OCR"))
    assert Offer.of("fake#Point, Crop") == Offer(fake, ("Point", "Crop"))
    assert is_backend("inline")
    assert is_backend("mcp+http://localhost:1/mcp#*")
    assert not is_backend("Point,Crop")


def test_all_are_closed_and_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeBackend()
    monkeypatch.setattr(backends, "_open", {"fake": fake})
    backends.close_backends()
    backends.close_backends()
    assert fake.closed == 1
    with pytest.raises(UnknownName):
        backends.open_backend("fake")


def test_a_copy_of_a_backend_is_the_backend_of_its_process(fake: FakeBackend) -> None:
    assert pickle.loads(pickle.dumps(fake)) is fake
    assert copy.deepcopy(fake) is fake


def test_a_fork_tells_the_backends(fake: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[FakeBackend] = []
    monkeypatch.setattr(FakeBackend, "forget", lambda backend: told.append(backend))
    lock = backends._lock
    monkeypatch.setattr(backends, "_lock", lock)  # set back at the end
    backends._after_fork()
    assert told == [fake]
    assert backends._lock is not lock


def test_an_environment_runs_the_familys_tools_on_its_backend(fake: FakeBackend) -> None:
    env, plain = VSPNavigation(TASKS, tools="fake"), VSPNavigation(TASKS)
    assert env.action_space.tools == plain.action_space.tools
    for each in (env, plain):
        each.reset(seed=3, options={"task": 0})
    assert env.step(POINT)[0]["text"] == plain.step(POINT)[0]["text"]
    assert len(fake.runners) == 1
    assert env.trajectory().env_kwargs["tools"] == "fake"
    assert plain.trajectory().env_kwargs["tools"] is None
    again = VSPNavigation(**env.trajectory().env_kwargs)
    assert again.action_space.tools == env.action_space.tools


def test_an_environment_offers_what_a_server_lists(fake: FakeBackend) -> None:
    env = VSPNavigation(TASKS, tools="fake#*")
    assert [spec.name for spec in env.action_space.tools] == ["Crop", "OCR"]


def test_adaptive_names_go_over_any_backend(fake: FakeBackend) -> None:
    env = VSPNavigation(TASKS, tools="fake#Point", adaptive="names")
    env.reset(seed=0, options={"task": 0})
    (spec,) = env.action_space.tools
    assert spec.name != "Point"
    image, description = spec.properties
    action = env._dialect.write_call(ToolCall(spec.name, {image: "img_1", description: "Elf"}), "I look.")
    assert env.step(action)[4]["result"].tool == "Point"
    env._executor.cancel()
    assert fake.runners[0].cancelled.is_set()


def test_closing_an_environment_ends_its_call(fake: FakeBackend) -> None:
    env = VSPNavigation(TASKS, tools="fake")
    env.reset(seed=0)
    (runner,) = fake.runners
    runner.waits = True
    with ThreadPoolExecutor(1) as threads:
        stepping = threads.submit(env.step, POINT)
        assert runner.entered.wait(20)
        env.close()
        info = stepping.result(20)[4]
    assert info["outcome"] == "infra_failure"


def test_hashes_do_not_depend_on_where_tools_run(fake: FakeBackend) -> None:
    env = VSPNavigation(TASKS)
    plain = run_hashes(env, {"tools": None}, env.tasks)
    assert run_hashes(env, {"tools": "fake"}, env.tasks) == plain
    assert run_hashes(env, {"tools": "fake#*"}, env.tasks) == run_hashes(env, {"tools": ["Crop", "OCR"]}, env.tasks)
    assert run_hashes(env, {"tools": "fake#*"}, env.tasks)["tools"] != plain["tools"]


@dataclass(frozen=True)
class Numbers:
    """Settings for a test."""

    count: int = 2
    rate: float = 0.5


def test_settings() -> None:
    assert read_settings(Numbers, "x:", "") == Numbers()
    assert read_settings(Numbers, "x:", "rate=1, count = 3") == Numbers(3, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size=2", "'size=2'; write each once, as name=value, of: count, rate"),
        ("count", "'count'; write each once"),
        ("count=1,count=2", "'count=2'; write each once"),
        ("count=1.5", "count must be a whole number, not '1.5'"),
        ("rate=x", "rate must be a number, not 'x'"),
    ],
)
def test_settings_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_settings(Numbers, f"x:{text}", text)


def test_threads_that_ask_for_the_same_share_one_answer() -> None:
    memory: Memory[str, int] = Memory(4)
    made: list[int] = []
    gate = threading.Event()

    def make() -> int:
        made.append(1)
        assert gate.wait(20)
        return len(made)

    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(memory.get, "key", make) for _ in range(4)]
        gate.set()
        assert [answer.result(20) for answer in answers] == [1] * 4
    assert made == [1]


def test_a_failure_is_not_shared() -> None:
    memory: Memory[str, int] = Memory(4)
    with pytest.raises(ZeroDivisionError):
        memory.get("key", lambda: 1 // 0)
    assert memory.get("key", lambda: 7) == 7


def test_a_memory_is_bounded_by_weight() -> None:
    memory: Memory[int, int] = Memory(9, weigh=lambda value: value, most=10)
    for key, weight in enumerate((4, 5, 3)):
        memory.get(key, lambda weight=weight: weight)
    assert len(memory) == 2
    assert memory.get(0, lambda: 100) == 100
    assert len(memory) == 1
    assert memory.get(0, lambda: 1) == 100
