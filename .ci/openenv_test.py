"""An OpenEnv server in a process of its own and clients in this one; run by .ci/openenv, where openenv is installed."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openenv import GenericEnvClient

from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.digest import observation_digest
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError, UsageError
from adagym.integrations.openenv import AdagymAction, AdagymClient, AdagymEnvironment, RemoteEnv, adagym_app
from adagym.testing.parity import FAMILIES, Script, Shown, compare, scripts

NAVIGATION = "adagym/VSPNavigation-v0"
SOURCE = "vsp-generated:sides=3,n=3"
OPTIONS: dict[str, Any] = {"tasks": SOURCE, "adaptive": "names", "max_turns": 6}
SESSIONS, IDLE = 3, 2.0


def program(env_id: str, options: dict[str, Any]) -> str:
    return f"""
import socket, sys, uvicorn
from adagym.integrations.openenv import adagym_app
app = adagym_app({env_id!r}, sessions={SESSIONS}, idle_seconds={IDLE}, **{options!r})
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
"""


MALFORMED = "<think>x</think><tool_call>{"
ANSWER = "<think>x</think><response>\\boxed{R}</response>"


@contextmanager
def serving(env_id: str, options: dict[str, Any]) -> Iterator[str]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    command = [sys.executable, "-c", program(env_id, options), str(listening.fileno())]
    process = subprocess.Popen(command, pass_fds=[listening.fileno()], env={**os.environ, "no_proxy": "*"})
    listening.close()
    try:
        for _ in range(600):
            assert process.poll() is None
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(NAVIGATION, OPTIONS) as url:
        yield url


@pytest.fixture(scope="module")
def expert() -> list[tuple[str, ...]]:
    """The expert's actions on each task, with the task's index as seed."""
    collector = Collector(partial(VSPNavigation, **OPTIONS), ExpertAgent(), 1)
    played = [rollout.trajectory.actions for rollout in collector.collect([Job(index, index) for index in range(3)])]
    collector.close()
    return played


def play(env: Any, task: int, actions: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Observations, rewards and flags of given actions."""
    observation, _ = env.reset(seed=task, options={"task": task})
    seen: list[tuple[Any, ...]] = [(observation, None, None, None)]
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        told = {name: info[name] for name in ("task_id", "turn", "parse_error", "reward_parts", "outcome")}
        seen.append((observation, reward, (terminated, truncated), told))
    return seen


def same(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> None:
    for (seen, *rest), (expected, *others) in zip(left, right, strict=True):
        assert seen["text"] == expected["text"]
        for picture, other in zip(seen["images"], expected["images"], strict=True):
            np.testing.assert_array_equal(picture, other)
        assert rest == others


def test_a_remote_episode_is_the_local_one(server: str, expert: list[tuple[str, ...]]) -> None:
    remote, local = RemoteEnv(server), VSPNavigation(**OPTIONS)
    pictures = 0
    scripts = [*expert, (MALFORMED, ANSWER), (MALFORMED,) * 6]
    for number, actions in enumerate(scripts):
        seen = play(remote, number % 3, actions)
        same(seen, play(local, number % 3, actions))
        pictures += sum(len(step[0]["images"]) for step in seen)
        assert seen[0][0] in remote.observation_space
    assert seen[-1][2] == (False, True)
    assert pictures > len(scripts)  # the tools' pictures came too, not only the first ones
    remote.close()


def test_parity_with_plain_steps() -> None:
    def player(played: Sequence[Script]) -> list[list[Shown]]:
        shown: list[list[Shown]] = []
        for family in FAMILIES:  # the order in which scripts are drawn
            own = [script for script in played if script.env_id == family]
            with serving(family, dict(own[0].env)) as url:
                env = RemoteEnv(url)
                shown += [list(episode(env, script)) for script in own]
                env.close()
        return shown

    def episode(env: RemoteEnv, script: Script) -> Iterator[Shown]:
        observation, _ = env.reset(seed=script.seed, options={"task": script.task})
        yield Shown(observation_digest(observation))
        for action in script.actions:
            observation, reward, terminated, truncated, _ = env.step(action)
            yield Shown(observation_digest(observation), reward, terminated, truncated)

    report = compare("OpenEnv", player, scripts(per_family=17))
    assert not report.differences, report.differences[0]
    assert report.episodes == 102


def test_sessions_are_apart(server: str, expert: list[tuple[str, ...]]) -> None:
    async def episode(task: int) -> tuple[str, float | None]:
        async with AdagymClient(base_url=server) as client:
            result = await client.reset(seed=task, task=task)
            for action in expert[task]:
                assert not result.done
                result = await client.step(AdagymAction(text=action))
                await asyncio.sleep(0.01)
            state = await client.state()
            assert (state.step_count, state.outcome) == (len(expert[task]), "answered")
            return result.observation.info["task_id"], result.reward

    async def several() -> list[tuple[str, float | None]]:
        return await asyncio.gather(*(episode(task) for task in range(SESSIONS)))

    played = asyncio.run(several())
    local = VSPNavigation(**OPTIONS)
    assert [task for task, _ in played] == [task.id for task in local.tasks]
    assert [reward for _, reward in played] == [play(local, task, expert[task])[-1][1] for task in range(3)]


def test_sessions_that_rest_make_room(server: str) -> None:
    waiting = [RemoteEnv(server) for _ in range(SESSIONS)]
    for env in waiting:
        env.reset(seed=0, options={"task": 0})
    late = RemoteEnv(server)
    with pytest.raises(InfraError, match=r"(?i)capacity|sessions|full"):
        late.reset(seed=0, options={"task": 0})
    late.close()
    deadline = time.monotonic() + 20 * IDLE
    while True:
        late = RemoteEnv(server)
        try:
            late.reset(seed=0, options={"task": 0})
            break
        except InfraError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        finally:
            late.close()
    for env in waiting:
        env.close()


def test_the_generic_client_sees_the_pictures(server: str) -> None:
    with GenericEnvClient(base_url=server).sync() as client:
        result = client.reset(seed=1, task=1)
        assert result.observation["images"][0].startswith("data:image/png;base64,")
        result = client.step({"text": ANSWER})
        assert result.done
        assert isinstance(result.reward, float)


def test_an_infrastructure_failure_is_no_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    env = AdagymEnvironment(partial(VSPNavigation, **OPTIONS))
    assert env.state.step_count == 0
    assert (env.num_tasks("tasks"), env.get_task("tasks", 2)["task"]) == (3, 2)
    env.reset(seed=0, task=0)

    def broken(*_: Any) -> Any:
        raise InfraError("the server is gone")

    monkeypatch.setattr(VSPNavigation, "_respond", broken)
    with pytest.raises(InfraError, match="the server is gone"):
        env.step(AdagymAction(text=ANSWER))


def test_what_cannot_be_used_is_said(server: str) -> None:
    with pytest.raises(UsageError):
        adagym_app(NAVIGATION, tasks=SOURCE, dialect="no-such-dialect")
    env = RemoteEnv(server)
    with pytest.raises(UsageError, match="by index and id"):
        env.reset(options={"task": VSPNavigation(SOURCE).tasks[0]})
    with pytest.raises(InfraError, match="no-such-task"):
        env.reset(options={"task": "no-such-task"})
    env.close()


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "openenv.md").read_text()
    blocks = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    assert len(blocks) == 2
    assert "adagym_app" in blocks[0]
    (tmp_path / "server.py").write_text(blocks[0])
    (tmp_path / "client.py").write_text(blocks[1])
    env = {**os.environ, "no_proxy": "*", "PYTHONPATH": str(tmp_path)}
    serve = "import server, socket, sys, uvicorn\n" + program(NAVIGATION, OPTIONS).splitlines()[-1].replace(
        "(app,", "(server.app,"
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    client = (tmp_path / "client.py").read_text().replace(":8000", f":{listening.getsockname()[1]}")
    process = subprocess.Popen(
        [sys.executable, "-c", serve, str(listening.fileno())], pass_fds=[listening.fileno()], env=env
    )
    listening.close()
    try:
        done = subprocess.run([sys.executable, "-c", client], env=env, capture_output=True, text=True, timeout=120)
    finally:
        process.kill()
        process.wait()
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("answered")
