"""Ways to play the parity kit's scripts that need nothing but adagym and what its tests need.

What lives in virtual environments of its own is compared there, in ``.ci``.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np

from adagym.digest import observation_digest
from adagym.envs.vector import ToolVectorEnv, Workers
from adagym.envs.wrappers.table import TableActions
from adagym.integrations import openai_run, trl
from adagym.store import Store, read_trajectories, replay
from adagym.testing.conversations import ChatMessage, shown_in_chat, shown_in_record
from adagym.testing.parity import Player, Script, Shown, make, play_env
from adagym.tools.backends.recorded import replay_from_record
from adagym.types import Trajectory

SERVE = (sys.executable, "-c", "from adagym.cli import main; raise SystemExit(main())", "serve-tools")
"""``adagym serve-tools`` with this Python."""

_CHAT = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}]}


@dataclass(frozen=True)
class Way:
    """One way to play."""

    player: Player
    excepted: Mapping[str, str] = field(default_factory=dict)
    """See :func:`adagym.testing.parity.compare`."""


def play_vector(played: Sequence[Script], workers: Workers) -> list[list[Shown]]:
    """One environment of a vector per script, those of a family in step with each other."""
    shown: dict[int, list[Shown]] = {}
    for family in dict.fromkeys(script.env_id for script in played):
        places = [place for place, script in enumerate(played) if script.env_id == family]
        made = partial(gym.make, family, disable_env_checker=True, **played[places[0]].env)
        vector = ToolVectorEnv(made, len(places), workers=workers, num_workers=min(2, len(places)))
        scripts = [played[place] for place in places]
        shown |= dict(zip(places, _in_step(vector, scripts), strict=True))
        vector.close()
    return [shown[place] for place in range(len(played))]


def _in_step(vector: ToolVectorEnv, scripts: Sequence[Script]) -> list[list[Shown]]:
    everyone = range(len(scripts))
    starts = vector.reset_some(everyone, [one.seed for one in scripts], [{"task": one.task} for one in scripts])
    shown = [[Shown(observation_digest(start.observation))] for start in starts]
    for turn in range(max(len(one.actions) for one in scripts)):
        going = [number for number in everyone if turn < len(scripts[number].actions)]
        steps = vector.step_some(going, [scripts[number].actions[turn] for number in going])
        for number, step in zip(going, steps, strict=True):
            seen = observation_digest(step.observation)
            shown[number].append(Shown(seen, step.reward, step.terminated, step.truncated))
    return shown


def play_forked(played: Sequence[Script]) -> list[list[Shown]]:
    """Every turn in another environment, which goes on from a snapshot."""
    every = []
    for script in played:
        env = make(script)
        observation, _ = env.reset(seed=script.seed, options={"task": script.index})
        shown = [Shown(observation_digest(observation))]
        for action in script.actions:
            other = make(script)
            other.restore(env.snapshot())
            observation, reward, terminated, truncated, _ = other.step(action)
            shown.append(Shown(observation_digest(observation), float(reward), terminated, truncated))
            env = other
        every.append(shown)
    return every


def play_on(backend: str, played: Sequence[Script]) -> list[list[Shown]]:
    """Plain steps, with the tools on a backend."""
    moved = []
    for script in played:
        names = script.env.get("tools")
        tools = backend if names is None else f"{backend}#{','.join(names)}"
        moved.append(replace(script, env={**script.env, "tools": tools}))
    return play_env(moved)


def play_stdio(played: Sequence[Script]) -> list[list[Shown]]:
    """With the tools on a server that is started as a process."""
    return play_on(f"mcp+stdio:{shlex.join([*SERVE, '--stdio', '--backend', 'inline'])}", played)


def play_http(played: Sequence[Script]) -> list[list[Shown]]:
    """With the tools on a server that is reached by HTTP."""
    with tool_server() as address:
        return play_on(f"mcp+{address}", played)


@contextmanager
def tool_server() -> Iterator[str]:
    """``adagym serve-tools`` at a port of the system's choice; gives ``http://HOST:PORT``."""
    command = [*SERVE, "--port", "0", "--backend", "inline"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        found = (re.search(r"http://[^\s/]+", line) for line in process.stderr)
        yield next(address.group() for address in found if address)
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def play_replayed(again: Callable[[Trajectory], Trajectory], played: Sequence[Script]) -> list[list[Shown]]:
    """Saved, read and played again."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "episodes.jsonl"
        with Store(file) as store:
            for script in played:
                env = make(script)
                env.reset(seed=script.seed, options={"task": script.index})
                for action in script.actions:
                    env.step(action)
                store.append(env.trajectory())
        return [shown_in_record(again(saved)) for saved in read_trajectories(file)]


def play_table(played: Sequence[Script]) -> list[list[Shown]]:
    """A script's actions are the entries of its table."""

    def shown(script: Script) -> Iterator[Shown]:
        env = TableActions(make(script), script.actions)
        seen, _ = env.reset(seed=script.seed, options={"task": script.index})
        yield Shown(observation_digest(seen))
        for action in range(len(script.actions)):
            seen, reward, terminated, truncated, _ = env.step(action)
            yield Shown(observation_digest(seen), reward, terminated, truncated)

    return [list(shown(script)) for script in played]


class Single(float):
    """A number of which 32 bits are left: equal to all that it can stem from."""

    def __eq__(self, other: object) -> bool:
        """Compare in 32 bits."""
        return isinstance(other, float) and bool(np.float32(self) == np.float32(other))

    def __ne__(self, other: object) -> bool:
        """Compare in 32 bits."""
        return not self == other

    __hash__ = float.__hash__


def play_sb3(played: Sequence[Script]) -> list[list[Shown]]:
    """The same in Stable-Baselines3's vector, which casts rewards to ``float32``."""
    from adagym.integrations.sb3 import tool_vec_env

    def shown(script: Script) -> Iterator[Shown]:
        envs = tool_vec_env(script.env_id, table=script.actions, size=None, **script.env)
        envs.seed(script.seed)
        envs.set_options({"task": script.index})
        envs.reset()
        yield Shown(None)
        for action in range(len(script.actions)):
            _, rewards, dones, infos = envs.step(np.array([action]))
            truncated = bool(infos[0]["TimeLimit.truncated"])
            yield Shown(None, Single(rewards[0]), bool(dones[0]) and not truncated, truncated)
        envs.close()

    return [list(shown(script)) for script in played]


def play_trl(played: Sequence[Script]) -> list[list[Shown]]:
    """As TRL's loop hands sampled turns over, without TRL."""
    classes: dict[str, type[Any]] = {}
    every = []
    for script in played:
        if script.env_id not in classes:
            classes[script.env_id] = trl.trl_environment(script.env_id, **script.env)
        heard, finished = trl.play(classes[script.env_id], script.index, script.seed, script.actions)
        every.append(shown_in_chat([[{"role": "user", "content": parts}] for parts in heard], finished))
    return every


class ScriptedClient:
    """A trainer's HTTP client that answers with a script and keeps what was new in each request."""

    def __init__(self, actions: Sequence[str]) -> None:
        self._actions = iter(actions)
        self._known = 0
        self.turns: list[list[ChatMessage]] = []

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str], timeout: float) -> Any:
        """Answer with the next action."""
        messages = json.loads(content)["messages"]
        self.turns.append(messages[self._known :])
        self._known = len(messages)
        answer: Any = json.loads(json.dumps(_CHAT))
        answer["choices"][0]["message"]["content"] = next(self._actions)
        return SimpleNamespace(status_code=200, headers={}, content=json.dumps(answer).encode())


def play_openai_run(played: Sequence[Script]) -> list[list[Shown]]:
    """As a trainer's endpoint is asked."""

    async def shown(script: Script) -> list[Shown]:
        client = ScriptedClient(script.actions)
        row = {"env": script.env_id, "env_kwargs": script.env, "task": script.index, "seed": script.seed}
        episode = await openai_run.play(row, base_url="http://trainer", http_client=client)
        return shown_in_chat(client.turns, episode)

    return [asyncio.run(shown(script)) for script in played]


NO_TEXT = {"observation": "Stable-Baselines3 takes arrays of fixed shape, and no text"}

WAYS: Mapping[str, Way] = {
    "vector, inline": Way(partial(play_vector, workers="inline")),
    "vector, threads": Way(partial(play_vector, workers="threads")),
    "vector, processes": Way(partial(play_vector, workers="processes")),
    "snapshots": Way(play_forked),
    "tools in workers": Way(partial(play_on, "workers:count=1")),
    "tools by MCP, stdio": Way(play_stdio),
    "tools by MCP, HTTP": Way(play_http),
    "replay": Way(partial(play_replayed, replay)),
    "replay from the record": Way(partial(play_replayed, replay_from_record)),
    "table of actions": Way(play_table),
    "Stable-Baselines3": Way(play_sb3, NO_TEXT),
    "TRL": Way(play_trl),
    "run, for AReaL and rLLM": Way(play_openai_run),
}
"""By the name that the table shows."""
