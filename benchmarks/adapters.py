"""What adapters add to the time of a step, beside plain ``env.step`` in the same run.

The expert's episodes in six worlds are played plainly and through each adapter, in turns. A step is timed from when
the action is there until the adapter has handed on what it shows; an episode's last step is left out, since some
adapters reset in it. Of each step the fastest of all rounds counts, so that a busy machine disturbs little; what a
tool remembers of an earlier round it does not work out again, so that steps count as if pictures were read in no
time. A share is the sum over all steps of an adapter's time, over that of plain steps, less 1: what it adds, as a
fraction. Adapters whose library is not installed are left out.

Example: python benchmarks/adapters.py --json runs/adapters.json
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from parity_players import ScriptedClient

from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.envs.vector import ToolVectorEnv, Workers
from adagym.envs.wrappers.numeric import numeric_env
from adagym.evals.figures import publish
from adagym.integrations import openai_run, trl
from adagym.testing.parity import Script, make

WORLDS: Mapping[str, Mapping[str, Any]] = {
    "adagym/VSPNavigation-v0": {"tasks": "vsp-generated:n=50,sides=3-9"},
    "adagym/VSPVerification-v0": {"tasks": "vsp-generated:n=50,sides=3-9"},
    "adagym/Jigsaw-v0": {},
    "adagym/VStar-v0": {"tasks": "vstar:n=20,difficulty=easy,side=1280"},
    "adagym/GUIQA-v0": {},
    "adagym/VideoQA-v0": {"tasks": "video:n=10"},
}
"""Environment to its arguments."""

Timed = Callable[[Script], "list[float]"]
"""Plays a script; seconds of each step but the last."""


@dataclass(frozen=True)
class Options:
    """Measure the added time per step."""

    per_family: int = 4
    """Episodes in each of the six families."""
    rounds: int = 5
    """How often each is played in each way."""
    seed: int = 0
    """Seeds the expert's episodes."""
    json: Path | None = None
    """Write the figures to this file."""


def clocked(step: Callable[[Any], Any], actions: Sequence[Any]) -> list[float]:
    """Seconds of each step but the last, which is not taken."""
    seconds = []
    for action in actions[:-1]:
        began = time.perf_counter()
        step(action)
        seconds.append(time.perf_counter() - began)
    return seconds


def plain(script: Script) -> list[float]:
    """``env.step``."""
    env = make(script)
    env.reset(seed=script.seed, options={"task": script.index})
    seconds = clocked(env.step, script.actions)
    env.close()
    return seconds


def vector(workers: Workers, script: Script) -> list[float]:
    """A vector of one environment."""
    envs = ToolVectorEnv(partial(make, script), 1, workers=workers)
    envs.reset(seed=script.seed, options={"task": script.index})
    seconds = clocked(lambda action: envs.step([action]), script.actions)
    envs.close()
    return seconds


def numeric(size: int | None, flat: bool, script: Script) -> list[float]:
    """Arrays and a table of actions; with ``flat`` as RLlib gets them."""
    env = numeric_env(script.env_id, script.actions, size=size, flat=flat, **script.env)
    env.reset(seed=script.seed, options={"task": script.index})
    seconds = clocked(env.step, range(len(script.actions)))
    env.close()
    return seconds


def sb3(script: Script) -> list[float]:
    """Stable-Baselines3's vector of one environment, with its ``Monitor``."""
    from adagym.integrations.sb3 import tool_vec_env

    envs = tool_vec_env(script.env_id, table=script.actions, **script.env)
    envs.seed(script.seed)
    envs.set_options({"task": script.index})
    envs.reset()
    seconds = clocked(lambda action: envs.step(np.array([action])), range(len(script.actions)))
    envs.close()
    return seconds


def trl_turns(script: Script) -> list[float]:
    """The method that TRL calls with a turn, and the reading of the turn before it."""
    player: Any = trl.trl_environment(script.env_id, **script.env)()
    player.reset(index=script.index, seed=script.seed)
    dialect = player._env.trajectory().dialect

    def turn(text: str) -> None:
        trl.read_turn(text, dialect)
        player.turn(text)

    return clocked(turn, script.actions)


class TimedClient(ScriptedClient):
    """Notes when it answers and when it is asked again."""

    def __init__(self, actions: Sequence[str]) -> None:
        super().__init__(actions)
        self.seconds: list[float] = []
        self._answered = 0.0

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str], timeout: float) -> Any:
        """Answer with the next action."""
        if self._answered:
            self.seconds.append(time.perf_counter() - self._answered)
        answer = await super().post(url, content=content, headers=headers, timeout=timeout)
        self._answered = time.perf_counter()
        return answer


def run(script: Script) -> list[float]:
    """From the endpoint's answer to the next request, which holds the conversation and its pictures as PNG."""
    client = TimedClient(script.actions)
    row = {"env": script.env_id, "env_kwargs": script.env, "task": script.index, "seed": script.seed}
    asyncio.run(openai_run.play(row, base_url="http://trainer", http_client=client))
    return client.seconds


def openenv(script: Script) -> list[float]:
    """OpenEnv's server side: what a request waits for, with pictures as PNG."""
    from adagym.integrations.openenv import AdagymAction, AdagymEnvironment

    env = AdagymEnvironment(partial(make, script))
    env.reset(seed=script.seed, task=script.index)
    seconds = clocked(lambda action: env.step(AdagymAction(text=action)).model_dump_json(), script.actions)
    env.close()
    return seconds


def adapters() -> dict[str, Timed]:
    """Those whose libraries are installed."""
    found: dict[str, Timed] = {
        "vector_inline": partial(vector, "inline"),
        "vector_threads": partial(vector, "threads"),
        "numeric_state": partial(numeric, None, False),
        "numeric": partial(numeric, 64, False),
        "rllib": partial(numeric, 64, True),
        "trl": trl_turns,
        "run": run,
    }
    libraries = {"stable_baselines3": sb3, "openenv": openenv}
    return found | {timed.__name__: timed for library, timed in libraries.items() if find_spec(library)}


def played(env_id: str, options: Options) -> list[Script]:
    """The expert's episodes of one world, written out."""
    arguments = WORLDS[env_id]
    collector = Collector(partial(gym.make, env_id, disable_env_checker=True, **arguments), ExpertAgent())
    jobs = [Job(number, options.seed + number) for number in range(options.per_family)]
    rollouts = list(collector.collect(jobs))
    collector.close()
    return [
        Script(env_id, arguments, t.task.id, index, t.seed or 0, t.actions)
        for index, t in ((rollout.index, rollout.trajectory) for rollout in rollouts)
        if len(t.actions) > 1
    ]


def measure(options: Options, timed: Mapping[str, Timed]) -> dict[str, float]:
    """The shares, and milliseconds per step."""
    drawn = [script for env_id in WORLDS for script in played(env_id, options)]
    every = {"plain": plain, **timed}
    best: dict[tuple[str, int], list[float]] = {}
    for turn in range(options.rounds):
        # In another order each time, so that none always follows the same.
        names = list(every)[turn % len(every) :] + list(every)[: turn % len(every)]
        for place, script in enumerate(drawn):
            for name in names:
                seconds = every[name](script)
                before = best.get((name, place), seconds)
                best[name, place] = [min(pair) for pair in zip(before, seconds, strict=True)]
    sums = {name: sum(sum(best[name, place]) for place in range(len(drawn))) for name in every}
    steps = sum(len(script.actions) - 1 for script in drawn)
    figures = {f"added_share_{name}": sums[name] / sums["plain"] - 1 for name in timed}
    figures |= {f"added_ms_{name}": 1000 * (sums[name] - sums["plain"]) / steps for name in timed}
    return {**figures, "plain_ms": 1000 * sums["plain"] / steps, "steps": float(steps)}


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    started = time.perf_counter()
    figures = measure(options, adapters())
    publish(
        "Adapters",
        figures,
        seed=options.seed,
        seconds=time.perf_counter() - started,
        path=options.json,
        packages=("stable-baselines3", "ray", "trl", "openenv"),
    )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
