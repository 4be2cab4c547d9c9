"""The vector environment: groups, per-environment tasks and seeds, partial stepping, workers, closing."""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

import adagym  # noqa: F401  (registers the ids)
from adagym.envs.vector import ToolVectorEnv
from adagym.errors import InfraError, UsageError

MAKE = functools.partial(gym.make, "adagym/VSPNavigation-v0", tasks="vsp-generated:sides=3-4,n=40,seed=1", max_turns=3)
CALL = (
    '<think>Look.</think><tool_call>{"name": "Point", "parameters": {"image": "img_1", "description": "gift"}}'
    "</tool_call>"
)
ANSWER = "<think>Go.</think><response>\\boxed{R}</response>"


@pytest.fixture(params=["inline", "threads", "processes"])
def envs(request: pytest.FixtureRequest) -> Iterator[ToolVectorEnv]:
    made = ToolVectorEnv(MAKE, 4, group_size=2, workers=request.param, num_workers=2)
    yield made
    made.close()


def test_an_episode_in_batches(envs: ToolVectorEnv) -> None:
    observation, info = envs.reset(seed=3)
    assert observation in envs.observation_space
    assert info["outcome"].tolist() == ["running"] * 4
    assert info["task_id"][0] == info["task_id"][1]
    assert info["task_id"][2] == info["task_id"][3]
    observation, rewards, terminations, truncations, info = envs.step([CALL, ANSWER, CALL, "nonsense"])
    assert observation in envs.observation_space
    assert rewards.dtype == np.float64
    assert terminations.tolist() == [False, True, False, False]
    assert truncations.tolist() == [False] * 4
    assert info["turn"].tolist() == [1] * 4
    assert info["parse_error"].tolist() == [None, None, None, "no_action"]
    assert [len(images) for images in observation["images"]] == [1, 0, 1, 0]
    trajectories = envs.trajectories()
    assert [trajectory.outcome for trajectory in trajectories] == ["running", "answered", "running", "running"]
    assert [trajectory.seed for trajectory in trajectories] == [3, 3, 4, 4]


def test_partial_stepping_leaves_the_others_alone(envs: ToolVectorEnv) -> None:
    envs.reset(seed=0)
    late, early = envs.step_some([3, 0], [CALL, "nonsense"])
    assert len(late.observation["images"]) == 1
    assert early.info["parse_error"] == "no_action"
    assert [len(trajectory.steps) for trajectory in envs.trajectories()] == [1, 0, 0, 1]
    assert envs.step_some([], []) == []


def test_each_environment_gets_its_own_task_and_seed(envs: ToolVectorEnv) -> None:
    _, info = envs.reset(seed=[5, 5, 6, 6], options=[{"task": 7}, {"task": 7}, {"task": 2}, {"task": 2}])
    names = info["task_id"].tolist()
    assert names[0] == names[1] != names[2] == names[3]
    again = envs.reset_some([1], [9], [{"task": names[2]}])
    assert again[0].info["task_id"] == names[2]
    assert [trajectory.seed for trajectory in envs.trajectories()] == [5, 9, 6, 6]
    assert [trajectory.seed for trajectory in envs.trajectories([2, 1])] == [6, 9]


def test_group_members_see_the_same(envs: ToolVectorEnv) -> None:
    for _ in range(3):
        observation, _ = envs.reset()
        for first in (0, 2):
            assert observation["text"][first] == observation["text"][first + 1]
            np.testing.assert_array_equal(observation["images"][first][0], observation["images"][first + 1][0])


def test_resets_without_a_seed_follow_the_last_seed(envs: ToolVectorEnv) -> None:
    def ids() -> list[str]:
        return list(envs.reset()[1]["task_id"])

    envs.reset(seed=1)
    first = [ids() for _ in range(3)]
    envs.reset(seed=1)
    assert [ids() for _ in range(3)] == first


def test_an_error_names_its_cause_and_leaves_the_rest_usable(envs: ToolVectorEnv) -> None:
    envs.reset(seed=0)
    envs.step([ANSWER, CALL, CALL, CALL])
    with pytest.raises(ResetNeeded, match=r"call `reset\(\)`"):
        envs.step([CALL] * 4)
    with pytest.raises(UsageError, match="index"):
        envs.reset_some([0], [0], [{"task": 10**6}])
    assert envs.step_some([2], [ANSWER])[0].terminated


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda envs: envs.step([CALL] * 3), "Expected 4 actions"),
        (lambda envs: envs.step(CALL), "Expected 4 actions"),
        (lambda envs: envs.step_some([0, 0], [CALL] * 2), "distinct"),
        (lambda envs: envs.step_some([4], [CALL]), "from 0 to 3"),
        (lambda envs: envs.step_some([-1], [CALL]), "from 0 to 3"),
        (lambda envs: envs.reset(seed=[1, 2, 3]), "Expected 4 seeds"),
        (lambda envs: envs.reset(seed=[1, 2, 3, 3]), "environment 1 differ"),
        (lambda envs: envs.reset(options=[{"task": 0}] * 3 + [{"task": 1}]), "environment 3 differ"),
    ],
)
def test_wrong_use_is_refused(call: Any, message: str) -> None:
    envs = ToolVectorEnv(MAKE, 4, group_size=2)
    envs.reset(seed=0)
    with pytest.raises(UsageError, match=message):
        call(envs)
    envs.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "positive multiple"),
        ({"num_envs": 5, "group_size": 2}, "try 4"),
        ({"num_envs": 2, "num_workers": 3}, "num_workers"),
        ({"num_envs": 2, "workers": "fibres"}, "workers must be"),
    ],
)
def test_wrong_sizes_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ToolVectorEnv(MAKE, **arguments)


def test_other_environments_are_refused() -> None:
    with pytest.raises(UsageError, match="not FrozenLakeEnv"):
        ToolVectorEnv(functools.partial(gym.make, "FrozenLake-v1"), 2)


@pytest.mark.parametrize("workers", ["inline", "threads", "processes"])
def test_closing_ends_every_worker(workers: Any) -> None:
    envs = ToolVectorEnv(MAKE, 2, workers=workers)
    envs.reset(seed=0)
    envs.close()
    envs.close()
    assert not [child for child in multiprocessing.active_children() if child.name.startswith("adagym-env")]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("adagym-env")]
    with pytest.raises(UsageError, match="closed"):
        envs.step([CALL] * 2)


def test_a_dead_worker_is_an_infra_failure() -> None:
    # Defined in here, because workers cannot import test modules: cloudpickle then sends the code itself.
    class Dying(gym.Wrapper[Any, Any, Any, Any]):
        def step(self, action: str) -> Any:
            if action == "die":
                os._exit(3)
            return super().step(action)

    def make_dying() -> gym.Env[Any, Any]:
        return Dying(MAKE())

    envs = ToolVectorEnv(make_dying, 2, workers="processes", num_workers=2)
    envs.reset(seed=0)
    with pytest.raises(InfraError, match=r"adagym-env-1 died \(exit code 3\)"):
        envs.step([CALL, "die"])
    assert envs.step_some([0], [ANSWER])[0].terminated
    with pytest.raises(InfraError, match="died"):
        envs.step_some([1], [CALL])
    envs.close()


def test_a_failure_while_making_environments_is_raised() -> None:
    def make() -> gym.Env[Any, Any]:
        raise UsageError("no such thing")

    with pytest.raises(UsageError, match="no such thing"):
        ToolVectorEnv(make, 1)

    def make_unless_a_worker() -> gym.Env[Any, Any]:
        if multiprocessing.parent_process() is not None:
            raise UsageError("not in a worker")
        return MAKE()

    with pytest.raises(UsageError, match="not in a worker"):
        ToolVectorEnv(make_unless_a_worker, 2, workers="processes")


def test_rendering(envs: ToolVectorEnv) -> None:
    assert envs.render() is None
    shown = ToolVectorEnv(functools.partial(MAKE, render_mode="ansi"), 2)
    shown.reset(seed=0)
    assert all("[img_1:" in text for text in shown.render() or ())
    shown.close()
