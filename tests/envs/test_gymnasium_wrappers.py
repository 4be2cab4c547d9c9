"""Gymnasium's checker, wrappers and vectors on our environments; what docs/gymnasium.md says of them."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit

import adagym  # noqa: F401  (registers the ids)
from adagym.envs.base import ToolEnv
from adagym.protocol import DIALECTS
from adagym.types import ToolCall

ENV = "adagym/VSPNavigation-v0"
TASKS = "vsp-generated:sides=3-4,n=30,seed=3"
WRITER = DIALECTS.load("adareasoner")
POINT = WRITER.write_call(ToolCall("Point", {"image": "img_1", "description": "gift"}), "I look.")
ANSWER = WRITER.write_answer("L", "I guess.")


def tool_env(env: gym.Env[object, str]) -> ToolEnv:
    inner = env.unwrapped
    assert isinstance(inner, ToolEnv)
    return inner


def test_a_made_environment_passes_the_checker() -> None:
    check_env(gym.make(ENV, tasks=TASKS).unwrapped, skip_render_check=True, skip_close_check=True)


def test_the_page_runs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "gymnasium.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    assert names["rewards"].tolist() == [0, 0]


def test_statistics_of_an_episode() -> None:
    env = RecordEpisodeStatistics(gym.make(ENV, tasks=TASKS))
    env.reset(seed=0)
    env.step(POINT)
    _, reward, _, _, info = env.step(ANSWER)
    assert info["episode"]["r"] == reward == tool_env(env).trajectory().reward
    assert info["episode"]["l"] == 2


@pytest.mark.parametrize("how", ["wrapper", "make"])
def test_a_time_limit_is_not_known_to_the_environment(how: str) -> None:
    env = TimeLimit(gym.make(ENV, tasks=TASKS), 1) if how == "wrapper" else gym.make(ENV, 1, tasks=TASKS)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(POINT)
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, False, True, "running")
    assert tool_env(env).trajectory().reward is None
    assert tool_env(env).truncate().outcome == "truncated"
    env = gym.make(ENV, tasks=TASKS, max_turns=1)
    env.reset(seed=0)
    *_, truncated, info = env.step(POINT)
    assert (truncated, info["outcome"]) == (True, "truncated")
    assert tool_env(env).trajectory().reward == 0


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_both_vectors_of_gymnasium_play_the_same_episodes(mode: str) -> None:
    if mode == "sync":
        envs = gym.make_vec(ENV, num_envs=2, vectorization_mode="sync", tasks=TASKS)
    else:
        # Text and pictures of changing size have no shared memory. A new process imports what stands before the colon.
        make = [partial(gym.make, f"adagym:{ENV}", tasks=TASKS)] * 2
        envs = gym.vector.AsyncVectorEnv(make, shared_memory=False, context="spawn")
    try:
        first, _ = envs.reset(seed=[5, 6])
        second, rewards, terminated, _, _ = envs.step([POINT, ANSWER])
    finally:
        envs.close()
    for index, (seed, action) in enumerate([(5, POINT), (6, ANSWER)]):
        env = gym.make(ENV, tasks=TASKS)
        seen, _ = env.reset(seed=seed)
        after, reward, ended, _, _ = env.step(action)
        for batch, single in ((first, seen), (second, after)):
            assert batch["text"][index] == single["text"]
            assert len(batch["images"][index]) == len(single["images"])
            assert all(map(np.array_equal, batch["images"][index], single["images"]))
        assert (rewards[index], terminated[index]) == (reward, ended)
