"""verifiers plays against a scripted endpoint; run by .ci/verifiers, where verifiers is installed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import verifiers.v1 as vf

from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job, episode_seeds
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError, UsageError
from adagym.integrations.verifiers import AdagymConfig, AdagymEnv, AdagymTaskset, _converse, _record
from adagym.testing.conversations import ChatMessage, shown_in_chat
from adagym.testing.parity import Script, Shown, compare, make, scripts
from adagym.types import Trajectory

NAVIGATION = "adagym/VSPNavigation-v0"
SOURCE = "vsp-generated:sides=3,n=3"
OPTIONS: dict[str, Any] = {"adaptive": "names", "max_turns": 6}
ANSWER = "<think>x</think><response>\\boxed{R}</response>"
MODULE = "adagym_navigation"


class Endpoint:
    """An OpenAI-compatible server: ``script(body)`` says what a request gets, a text or a status."""

    def __init__(self) -> None:
        self.script: Callable[[dict[str, Any]], str | int] = lambda body: ANSWER
        self.requests: list[dict[str, Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.requests.append(body)
                told = fake.script(body)
                if isinstance(told, int):
                    self.reply(told, "application/json", json.dumps({"error": {"message": "broken"}}))
                elif body.get("stream"):
                    self.reply(200, "text/event-stream", "".join(f"data: {chunk}\n\n" for chunk in chunks(told)))
                else:
                    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": told}}
                    self.reply(200, "application/json", json.dumps({**HEAD, "usage": USAGE, "choices": [choice]}))

            def reply(self, status: int, kind: str, text: str) -> None:
                content = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


HEAD = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def chunks(text: str) -> Iterator[str]:
    head = {**HEAD, "object": "chat.completion.chunk"}
    for delta, reason in (({"role": "assistant", "content": text}, None), ({}, "stop")):
        yield json.dumps({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    yield json.dumps({**head, "choices": [], "usage": USAGE})
    yield "[DONE]"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("ADAGYM_TEST_KEY", "key")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    served = Endpoint()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's file, as the page shows it."""
    page = (Path(__file__).parents[1] / "docs" / "verifiers.md").read_text()
    (block,) = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    folder = tmp_path_factory.mktemp("module")
    (folder / f"{MODULE}.py").write_text(block)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def expert() -> Sequence[Trajectory]:
    collector = Collector(partial(VSPNavigation, SOURCE, **OPTIONS), ExpertAgent(), 1)
    jobs = [Job(position, seed) for position, seed in enumerate(episode_seeds(5, 3))]
    played = sorted(collector.collect(jobs), key=lambda rollout: rollout.index)
    collector.close()
    return [rollout.trajectory for rollout in played]


def run(endpoint: Endpoint, n: int, **player: Any) -> list[vf.Episode]:
    config = {"env": NAVIGATION, "tasks": SOURCE, "n": n, "seed": 5, "env_kwargs": OPTIONS}
    env_config = AdagymEnv.__orig_bases__[0].__args__[0](
        taskset=AdagymConfig(id=MODULE, **config), player={"harness": {"id": "null"}, **player}
    )
    env = AdagymEnv(env_config)
    client = vf.EvalClientConfig(base_url=endpoint.url, api_key_var="ADAGYM_TEST_KEY")
    context = vf.ModelContext(model="m", client=client, sampling=vf.SamplingConfig())

    async def play() -> list[vf.Episode]:
        async with env.serving():
            return [await env.run_episode(task, context) for task in env.taskset]

    return asyncio.run(play())


def turn(body: dict[str, Any]) -> int:
    return sum(message["role"] == "assistant" for message in body["messages"])


def pictures(messages: Sequence[dict[str, Any]]) -> list[str]:
    parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def test_an_episode_is_that_of_adagym_eval(endpoint: Endpoint, expert: Sequence[Trajectory]) -> None:
    by_system = {episode.messages[0].text: episode for episode in expert}
    endpoint.script = lambda body: by_system[body["messages"][0]["content"]].actions[turn(body)] + " and so on"
    episodes = run(endpoint, 2)
    for episode, expected in zip(episodes, expert[:2], strict=True):
        assert episode.ok, episode.errors
        (trace,) = episode.traces
        assert trace.reward == expected.reward
        assert trace.metrics["accuracy"] == 1.0
        assert (trace.metrics["env_turns"], trace.metrics["calls"]) == (len(expected.steps), len(expected.calls))
        assert trace.info["adagym"]["actions"] == list(expected.actions)
        asked = [body for body in endpoint.requests if body["messages"][0]["content"] == expected.messages[0].text]
        assert len(asked) == len(expected.actions)
        shown = pictures(asked[-1]["messages"])
        assert len(shown) == sum(len(message.images) for message in expected.messages[:-1]) > 1
        assert all(url.startswith("data:image/png;base64,") for url in shown)


class Interaction:
    """Stands in for verifiers' exchange with a model: it answers with a script."""

    def __init__(self, actions: Sequence[str]) -> None:
        self.turns: list[list[ChatMessage]] = []
        self._actions = iter(actions)

    async def turn(self, messages: Sequence[ChatMessage]) -> Any:
        self.turns.append(list(messages))
        reply = SimpleNamespace(role="assistant", content=next(self._actions), reasoning_content=None)
        return SimpleNamespace(terminated=False, messages=[reply])


def test_parity_with_plain_steps() -> None:
    def episode(script: Script) -> list[Shown]:
        env, model = make(script), Interaction(script.actions)
        env.reset(seed=script.seed, options={"task": script.index})
        asyncio.run(_converse(env, model))
        rewards: dict[str, float] = {}
        _record(env, SimpleNamespace(record_reward=rewards.__setitem__, record_metrics=rewards.update, info={}))
        assert rewards["reward"] == env.trajectory().reward
        return shown_in_chat(model.turns, env.trajectory())

    report = compare("verifiers", lambda drawn: [episode(script) for script in drawn], scripts(per_family=17))
    assert not report.differences, report.differences[0]
    assert report.episodes == 102


def test_a_limit_truncates(endpoint: Endpoint) -> None:
    endpoint.script = lambda body: "no call"
    (episode,) = run(endpoint, 1, max_turns=2)
    (trace,) = episode.traces
    assert trace.info["adagym"]["outcome"] == "truncated"
    assert trace.metrics["env_turns"] == 2
    assert trace.metrics["accuracy"] == 0.0


def test_failures_of_either_side_are_errors_without_reward(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.script = lambda body: 400
    (episode,) = run(endpoint, 1)
    assert not episode.ok
    assert all(not trace.rewards for trace in episode.traces)

    def broken(*_: Any) -> Any:
        raise InfraError("the tool is gone")

    endpoint.script = lambda body: ANSWER
    monkeypatch.setattr(VSPNavigation, "_respond", broken)
    (episode,) = run(endpoint, 1)
    assert not episode.ok
    assert "the tool is gone" in episode.errors[0].message
    assert all(not trace.rewards for trace in episode.traces)


def test_what_cannot_be_used_is_said_first() -> None:
    for options, said in (
        ({}, "Name an environment"),
        ({"env": NAVIGATION, "tasks": SOURCE, "n": 4}, "choose n from 1 to 3"),
        ({"env": NAVIGATION, "env_kwargs": {"dialect": "openai"}}, "another dialect"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            next(iter(AdagymTaskset(AdagymConfig(id=MODULE, **options))))


def test_the_command_of_the_page_runs(endpoint: Endpoint, module: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "verifiers.md").read_text()
    (line,) = re.findall(r"^(vf-eval .*)$", page, re.MULTILINE)
    words = line.replace("navigation", MODULE).replace("http://localhost:8000/v1", endpoint.url).split()
    words = [word.replace("OPENAI_API_KEY", "ADAGYM_TEST_KEY") for word in words]
    words[words.index("-n") + 1] = "2"
    environ = {**os.environ, "PYTHONPATH": str(module), "HOME": str(tmp_path)}
    program = str(Path(sys.executable).with_name(words[0]))
    done = subprocess.run([program, *words[1:]], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(endpoint.requests) == 2
    assert all(pictures(body["messages"]) for body in endpoint.requests)
