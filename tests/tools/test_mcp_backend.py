"""Tools on servers: the same results as in this process, and no fault of a server becomes the model's."""

from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import anyio
import gymnasium as gym
import numpy as np
import pytest
from mcp.shared.memory import create_client_server_memory_streams

import adagym.envs
from adagym.errors import InfraError, ServerUnavailable, ToolTimeout, UnknownName, UsageError
from adagym.tools.backends import close_backends, mcp, mcp_pool, open_backend
from adagym.tools.backends.mcp_line import NOT_YET
from adagym.tools.backends.mcp_pool import Limits
from adagym.tools.executor import Executor
from adagym.tools.server import sdk
from adagym.tools.server.desk import Desk
from adagym.tools.server.settings import Settings
from adagym.types import ToolCall
from adagym.video import ShownVideo

assert adagym.envs

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
IMAGES = {"img_1": IMAGE}
CROP = ToolCall("Crop", {"image": "img_1", "coordinates": [10, 10, 30, 20]})
NAMES = ("Crop", "DrawShape", "crop_image", "PathTracer", "InsertImage", "Point")
Answer = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]


class Server:
    """A server in the client's own event loop: adagym's, unless it is told what to answer."""

    tolerant = False

    def __init__(self, name: str, names: tuple[str, ...] = NAMES, answer: Answer | None = None) -> None:
        self.name = name
        self.calls: list[Mapping[str, Any]] = []
        self.starts = 0
        self.refuses = False
        self._names = names
        self._answer = answer
        self._end: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Any, Any]]:
        if self.refuses:
            raise ConnectionRefusedError(f"{self.name} is off")
        self.starts += 1
        desk = Desk(Settings(self._names))
        heard = SimpleNamespace(service=desk.service, call=self._heard(desk))
        server = sdk.make_server(heard)
        async with (
            create_client_server_memory_streams() as (client, (reader, writer)),
            anyio.create_task_group() as group,
        ):
            group.start_soon(server.run, reader, writer, server.create_initialization_options())
            token = anyio.lowlevel.current_token()
            self._end = lambda: anyio.from_thread.run_sync(group.cancel_scope.cancel, token=token)
            yield client
            group.cancel_scope.cancel()
        desk.close()

    def trouble(self) -> str:
        return ""

    def kill(self) -> None:
        """Break off everything; the line has to be opened anew."""
        self._end()

    def _heard(self, desk: Desk) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def call(name: str, arguments: Mapping[str, Any], session: str | None) -> dict[str, Any]:
            self.calls.append(dict(arguments))
            answer = await (self._answer(name, arguments) if self._answer else desk.call(name, arguments, session))
            assert answer is not None
            return answer

        return call


def answers(status: str, message: str = "", code: int = 0, **more: Any) -> Answer:
    async def answer(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        told = {"status": status, "message": message, "error_code": code, "data": {}, "images": [], **more}
        return {"content": [{"type": "text", "text": json.dumps(told)}], "isError": status != "success"}

    return answer


async def never(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    await anyio.sleep_forever()
    raise AssertionError


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., mcp.McpBackend]]:
    def make(*servers: Server, seconds: float = 10, patience: float = 10) -> mcp.McpBackend:
        monkeypatch.setattr(mcp, "read_spec", lambda spec: (list(servers), Limits(seconds, patience)))
        backend = open_backend("mcp+http://test")
        assert isinstance(backend, mcp.McpBackend)
        return backend

    yield make
    close_backends()


@pytest.mark.parametrize(
    "call",
    [
        CROP,
        ToolCall("Crop", {"image": "img_1", "coordinates": "[10, 10, 30, 20]"}),
        ToolCall("Crop", {"image": "img_1", "coordinates": [10, 10, 30, 200]}),
        ToolCall("Crop", {"image": "img_7", "coordinates": [10, 10, 30, 20]}),
        ToolCall("Crop", {"image": "sha256:00", "coordinates": [10, 10, 30, 20]}),
        ToolCall("Crop", {"image": "img_1"}),
        ToolCall("Crop", {"image": "img_1", "coordinates": [10, 10, 30, 20], "colour": 1}),
        ToolCall("DrawShape", {"image": "img_1", "bboxes": [{"shape": "circle", "coords": [5, 5, 20, 20]}]}),
        ToolCall("crop_image", {"bbox_2d": [0.25, 0.25, 0.5, 0.5], "target_image": 1}),
        ToolCall("PathTracer", {"start_point": [0.1, 0.1], "end_point": [0.9, 0.9], "target_image": 1}),
        ToolCall("Point", {"image": "img_1", "description": "\ud800"}),
        ToolCall("FrameAt", {}),
    ],
)
def test_results_are_those_of_this_process(connect: Callable[..., mcp.McpBackend], call: ToolCall) -> None:
    far, near = connect(Server("one")).runner(NAMES), Executor(NAMES)
    assert far.specs == near.specs
    result, expected = far.run(call, IMAGES), near.run(call, IMAGES)
    if call.arguments.get("description") == "\ud800":  # it cannot be sent, which the model is told
        assert (result.error_code, result.check.valid) == (201, ("image",))
        return
    assert (result.status, result.message, result.error_code) == (
        expected.status,
        expected.message,
        expected.error_code,
    )
    assert (result.data, result.check) == (json.loads(json.dumps(expected.data)), expected.check)
    assert len(result.images) == len(expected.images)
    assert all(np.array_equal(*pair) for pair in zip(result.images, expected.images, strict=True))


def test_a_picture_is_sent_once(connect: Callable[..., mcp.McpBackend]) -> None:
    server = Server("one")
    runner = connect(server).runner(["Crop"])
    first = runner.run(CROP, IMAGES)
    runner.run(CROP, IMAGES)
    assert runner.run(CROP, {"img_1": first.images[0]}).error_code == 201  # the box is larger than the cut
    sent = [str(arguments["image"])[:11] for arguments in server.calls]
    assert sent == ["data:image/", "sha256:" + sent[1][7:], "sha256:" + sent[2][7:]]
    assert sent[1] != sent[2]


def test_a_picture_that_was_forgotten_is_sent_again(connect: Callable[..., mcp.McpBackend]) -> None:
    server = Server("one")
    backend = connect(server)
    runner = backend.runner(["Crop"])
    backend.pool.lines[0].hold({backend.pictures.of(IMAGE).digest})
    assert runner.run(CROP, IMAGES).ok
    assert [str(arguments["image"])[:5] for arguments in server.calls] == ["sha25", "data:"]


def test_another_server_takes_over(connect: Callable[..., mcp.McpBackend]) -> None:
    busy, broken, good = (
        Server("busy", answer=answers("busy")),
        Server("broken", answer=answers("broken", "out of memory")),
        Server("good"),
    )
    runner = connect(busy, broken, good).runner(["Crop"])
    assert all(runner.run(CROP, IMAGES).ok for _ in range(6))
    assert len(good.calls) == 6


def test_busy_servers_are_waited_for(connect: Callable[..., mcp.McpBackend]) -> None:
    replies = iter([answers("busy")] * 3)

    async def answer(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return await next(replies, answers("success", "at last"))(name, arguments)

    calm = Server("one", answer=answer)
    assert connect(calm).runner(["Crop"]).run(CROP, IMAGES).message == "at last"
    assert len(calm.calls) == 4


def test_busy_for_too_long(connect: Callable[..., mcp.McpBackend], monkeypatch: pytest.MonkeyPatch) -> None:
    backend = connect(Server("one", answer=answers("busy")))
    runner = backend.runner(["Crop"])
    monkeypatch.setattr(backend.pool, "_limits", Limits(patience=0.2))  # not for the connection too
    with pytest.raises(ServerUnavailable, match="stayed busy"):
        runner.run(CROP, IMAGES)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (answers("broken", "out of memory"), "out of memory"),
        (answers("success", images=["img_1"]), "form"),
        (answers("success", code=203), "form"),
        (answers("odd"), "form"),
        (answers("success", data=[1]), "form"),
        (answers("failed", "no such tool", 202), "no such tool"),
        (answers("failed", "the picture is too large", 204), "too large"),
        (answers("failed", "?", 999), "999"),
    ],
)
def test_what_is_not_the_models_doing_is_infrastructure(
    connect: Callable[..., mcp.McpBackend], answer: Answer, match: str
) -> None:
    server = Server("one", answer=answer)
    with pytest.raises(InfraError, match=match):
        connect(server).runner(["Crop"]).run(CROP, IMAGES)
    assert len(server.calls) == 2


def test_the_tools_own_failure_is_for_the_model(connect: Callable[..., mcp.McpBackend]) -> None:
    server = Server("one", answer=answers("failed", "too dark", 203))
    result = connect(server).runner(["Crop"]).run(CROP, IMAGES)
    assert (result.message, result.error_code, len(server.calls)) == ("too dark", 203, 1)


def test_no_answer(connect: Callable[..., mcp.McpBackend]) -> None:
    server = Server("one", answer=never)
    with pytest.raises(ToolTimeout, match=r"no answer within 0\.2 seconds"):
        connect(server, seconds=0.2).runner(["Crop"]).run(CROP, IMAGES)
    assert len(server.calls) == 2


def test_the_servers_own_time_limit(connect: Callable[..., mcp.McpBackend]) -> None:
    server = Server("one", answer=answers("broken", "ToolTimeout: it took longer than 30 seconds"))
    with pytest.raises(ToolTimeout, match="longer than 30 seconds"):
        connect(server).runner(["Crop"]).run(CROP, IMAGES)


def test_closing_ends_calls(connect: Callable[..., mcp.McpBackend]) -> None:
    runner = connect(Server("one", answer=never)).runner(["Crop"])
    timer = threading.Timer(0.2, close_backends)
    timer.start()
    with pytest.raises(InfraError, match=r"closed|cancelled"):
        runner.run(CROP, IMAGES)
    timer.join()


def test_a_server_that_ends_during_a_call(connect: Callable[..., mcp.McpBackend]) -> None:
    async def die(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        threading.Thread(target=ending.kill).start()
        return await never(name, arguments)

    ending, other = Server("ending", answer=die), Server("other")
    runner = connect(ending, other).runner(["Crop"])
    results = [runner.run(CROP, IMAGES) for _ in range(4)]
    assert all(result.ok for result in results)
    assert len(other.calls) == 4


def test_a_server_that_comes_back_is_used_and_holds_nothing(connect: Callable[..., mcp.McpBackend]) -> None:
    server = Server("one")
    runner = connect(server).runner(["Crop"])
    assert runner.run(CROP, IMAGES).ok
    server.kill()
    began = time.monotonic()
    assert runner.run(CROP, IMAGES).ok
    assert time.monotonic() - began < 5
    assert server.starts == 2
    assert str(server.calls[-1]["image"]).startswith("data:")


def test_no_server(connect: Callable[..., mcp.McpBackend]) -> None:
    server = Server("one")
    server.refuses = True
    backend = connect(server, patience=0)
    until = time.monotonic() + 20
    while backend.pool.lines[0].reason == NOT_YET and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(ServerUnavailable, match="one: ConnectionRefusedError: one is off"):
        backend.runner(["Crop"])


def test_who_waits_for_a_server_is_told_so(
    connect: Callable[..., mcp.McpBackend], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server("one")
    server.refuses = True
    with pytest.raises(ServerUnavailable):
        connect(server, patience=0.3).runner(["Crop"])
    assert not caplog.messages  # it was not long
    close_backends()  # or the next would be the same one, and as impatient
    monkeypatch.setattr(mcp_pool, "SILENCE", 0.05)
    with pytest.raises(ServerUnavailable):
        connect(server, patience=1).runner(["Crop"])
    (told,) = caplog.messages
    assert told.startswith("No tool server yet; waiting 1 more seconds. one: ConnectionRefusedError")


def test_a_tool_that_no_server_has(connect: Callable[..., mcp.McpBackend]) -> None:
    backend = connect(Server("one", ("Crop",)), Server("two", ("Point",)))
    assert len(backend.runner(["Crop", "Point"]).specs) == 2
    with pytest.raises(UnknownName, match=r"lists a tool `OCR`\. Listed: "):
        backend.runner(["OCR"])


def test_calls_go_to_servers_that_have_the_tool(connect: Callable[..., mcp.McpBackend]) -> None:
    one, two = Server("one", ("Crop",)), Server("two", ("Point",))
    runner = connect(one, two).runner(["Crop", "Point"])
    assert all(runner.run(CROP, IMAGES).ok for _ in range(3))
    assert (len(one.calls), len(two.calls)) == (3, 0)


def test_a_call_can_be_cancelled(connect: Callable[..., mcp.McpBackend]) -> None:
    server = Server("one", answer=never)
    runner = connect(server).runner(["Crop"])
    timer = threading.Timer(0.2, runner.cancel)
    timer.start()
    with pytest.raises(InfraError, match="cancelled"):
        runner.run(CROP, IMAGES)
    timer.join()
    assert len(server.calls) == 1


def test_a_runner_is_picklable(connect: Callable[..., mcp.McpBackend]) -> None:
    backend = connect(Server("one"))
    runner = pickle.loads(pickle.dumps(backend.runner(["Crop"])))
    assert runner.run(CROP, IMAGES).ok


@pytest.mark.parametrize("adaptive", [None, "names,fields,errors"])
def test_an_environment_plays_the_same(connect: Callable[..., mcp.McpBackend], adaptive: str | None) -> None:
    connect(Server("one", ("Point", "Draw2DPath", "AStar")))

    def play(tools: str | None) -> list[Any]:
        env = gym.make("adagym/VSPNavigation-v0", tools=tools, adaptive=adaptive)
        env.action_space.seed(5)
        observation, _ = env.reset(seed=3)
        seen: list[Any] = [observation["text"]]
        for _ in range(6):
            observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            seen += [observation["text"], [image.tobytes() for image in observation["images"]], reward]
            if terminated or truncated:
                env.reset(seed=4)
        return seen

    assert play("mcp+http://test") == play(None)


def test_an_episode_is_void_when_servers_fail(connect: Callable[..., mcp.McpBackend]) -> None:
    connect(Server("one", ("Point", "Draw2DPath", "AStar"), answer=answers("broken", "out of memory")))
    env = gym.make("adagym/VSPNavigation-v0", tools="mcp+http://test")
    env.reset(seed=3)
    call = {"name": "Point", "parameters": {"image": "img_1", "description": "Elf"}}
    _, reward, _, truncated, info = env.step(f"<think>?</think><tool_call>{json.dumps(call)}</tool_call>")
    trajectory = env.unwrapped.trajectory()
    assert (reward, truncated, info["outcome"], trajectory.reward) == (0.0, True, "infra_failure", None)
    assert "out of memory" in str(trajectory.error)


def test_the_video_stays_here(connect: Callable[..., mcp.McpBackend], video: ShownVideo) -> None:
    server = Server("one", ("FrameAt",))
    runner = connect(server).runner(["FrameAt"])
    call = ToolCall("FrameAt", {"time": 1.0})
    assert runner.run(call, {}, video).data == Executor(["FrameAt"]).run(call, {}, video).data != {}
    assert server.calls == []


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("mcp+http:127.0.0.1:1", "names no server"),
        ("mcp+http://", "names no server"),
        ("mcp+http://a:1;;b:2", "names no server"),
        ("mcp+http://a:99999", "no address"),
        ("mcp+https://me:secret@a:1", "into records"),
        ("mcp+http://a:1;speed=2", "speed"),
        ("mcp+http://a:1;seconds=0", "above 0"),
        ("mcp+stdio:", "needs a command"),
        ("mcp+stdio:sh 'x", "cannot be read"),
    ],
)
def test_texts_that_name_nothing(spec: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        open_backend(spec)
