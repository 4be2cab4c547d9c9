"""The same tasks, seeds and actions give the same bytes wherever the environments run."""

from __future__ import annotations

import functools
from typing import Any

import gymnasium as gym
import pytest

import adagym  # noqa: F401  (registers the ids)
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.vector import ToolVectorEnv
from adagym.store import replay
from adagym.testing import digest

TASKS = dict.fromkeys(("adagym/VSPNavigation-v0", "adagym/VSPVerification-v0"), "vsp-generated:sides=3-9,n=60,seed=2")
TASKS["adagym/VStar-v0"] = "vstar:side=320,difficulty=easy,n=20"
TASKS["adagym/VideoQA-v0"] = "video:side=640,seconds=13,events=5,n=20"
TASKS["adagym/ImageQA-v0"] = "images:side=320,n=20"
"""Environment to task source, where it is not the environment's own."""
NUM_ENVS = 6
TURNS = 5


def make(name: str) -> Any:
    return functools.partial(gym.make, name, tasks=TASKS.get(name), max_turns=TURNS)


@functools.cache
def scripts(name: str) -> tuple[tuple[str, ...], ...]:
    """For each seed the actions of one sampled episode, calls first, so that episodes have several turns."""
    env = make(name)().unwrapped
    assert isinstance(env, ToolEnv)
    written = []
    for seed in range(NUM_ENVS):
        env.reset(seed=seed)
        env.action_space.seed(seed)
        actions = []
        for turn in range(TURNS):
            last = turn == seed % TURNS
            actions.append(env.action_space.sample_answer() if last else env.action_space.sample_call())
            if any(env.step(actions[-1])[2:4]):
                break
        written.append(tuple(actions))
    return tuple(written)


@functools.cache
def expected(name: str) -> tuple[str, ...]:
    """Digests of the scripted episodes, one environment after the other."""
    digests = []
    for seed, actions in enumerate(scripts(name)):
        env = make(name)().unwrapped
        env.reset(seed=seed)
        for action in actions:
            env.step(action)
        digests.append(digest(env.trajectory()))
    return tuple(digests)


@pytest.mark.parametrize("name", ENVS.names())
def test_the_scripts_are_worth_comparing(name: str) -> None:
    assert len(set(expected(name))) == NUM_ENVS
    assert max(map(len, scripts(name))) == TURNS


@pytest.mark.parametrize("name", ENVS.names())
@pytest.mark.parametrize("workers", ["inline", "threads", "processes"])
def test_workers_do_not_change_a_byte(name: str, workers: Any) -> None:
    envs = ToolVectorEnv(make(name), NUM_ENVS, workers=workers, num_workers=2)
    envs.reset(seed=0)
    for turn in range(TURNS):
        # Longer episodes first, to have an order of its own in every turn.
        running = sorted(
            (index for index, actions in enumerate(scripts(name)) if turn < len(actions)),
            key=lambda index: -len(scripts(name)[index]),
        )
        envs.step_some(running, [scripts(name)[index][turn] for index in running])
    digests = tuple(digest(trajectory) for trajectory in envs.trajectories())
    envs.close()
    assert digests == expected(name)


@pytest.mark.parametrize("name", ENVS.names())
def test_one_environment_reused_is_as_good_as_new(name: str) -> None:
    env = make(name)().unwrapped
    digests = []
    for seed, actions in enumerate(scripts(name)):
        env.reset(seed=seed)
        for action in actions:
            env.step(action)
        digests.append(digest(env.trajectory()))
    assert tuple(digests) == expected(name)


@pytest.mark.parametrize("name", ENVS.names())
def test_a_replay_is_the_same(name: str) -> None:
    env = make(name)().unwrapped
    for seed, actions in enumerate(scripts(name)):
        env.reset(seed=seed)
        for action in actions:
            env.step(action)
        if env.trajectory().outcome != "running":
            assert digest(replay(env.trajectory())) == expected(name)[seed]
