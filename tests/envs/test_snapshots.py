"""Every environment continues from a snapshot, at any turn, in any copy, as often as asked."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import pytest

import adagym  # noqa: F401  (registers the ids)
from adagym.envs import ENVS
from adagym.testing import digest

TASKS = dict.fromkeys(("adagym/VSPNavigation-v0", "adagym/VSPVerification-v0"), "vsp-generated:sides=3-5,n=20")
TASKS["adagym/VStar-v0"] = "vstar:side=320,difficulty=easy,n=10"
TASKS["adagym/VideoQA-v0"] = "video:side=640,seconds=13,events=5,n=10"
TASKS["adagym/ImageQA-v0"] = "images:side=320,n=10"
CHEAP = {"adagym/GUIQA-v0": ("Crop",), "adagym/VStar-v0": ("Crop",), "adagym/ImageQA-v0": ("Crop", "InsertImage")}
"""Tools in place of those that read pictures, which take long and are no different here."""
MODES = [None, "names,fields,errors"]


def make(name: str, adaptive: str | None) -> Any:
    arguments = {"tools": CHEAP[name]} if name in CHEAP else {}
    return gym.make(name, tasks=TASKS.get(name), max_turns=4, adaptive=adaptive, **arguments).unwrapped


def script(env: Any, seed: int) -> list[str]:
    """Three calls and an answer; the environment is left at the end of them."""
    env.reset(seed=seed)
    env.action_space.seed(seed)
    actions = []
    for turn in range(4):
        actions.append(env.action_space.sample_answer() if turn == 3 else env.action_space.sample_call())
        env.step(actions[-1])
    return actions


@pytest.mark.parametrize("adaptive", MODES)
@pytest.mark.parametrize("name", ENVS.names())
def test_a_snapshot_of_every_turn_goes_on_in_a_fresh_copy(name: str, adaptive: str | None) -> None:
    env, other = make(name, adaptive), make(name, adaptive)
    actions = script(env, 3)
    whole = digest(env.trajectory())
    env.reset(seed=3)
    for turn, action in enumerate(actions):
        other.restore(pickle.loads(pickle.dumps(env.snapshot())))
        assert other.task.id == env.task.id
        assert [spec.name for spec in other.action_space.tools] == [spec.name for spec in env.action_space.tools]
        for following in actions[turn:]:
            other.step(following)
        assert digest(other.trajectory()) == whole
        env.step(action)
    assert digest(env.trajectory()) == whole


@pytest.mark.parametrize("name", ENVS.names())
def test_branches_do_not_touch_each_other(name: str) -> None:
    env = make(name, None)
    actions = script(env, 5)
    env.reset(seed=5)
    env.step(actions[0])
    root = env.snapshot()
    before = digest(env.trajectory())
    ends = []
    for branch in (actions[1:], ["nonsense"] * 3, actions[1:]):
        env.restore(root)
        assert digest(env.trajectory()) == before
        for action in branch:
            env.step(action)
        ends.append(digest(env.trajectory()))
    assert ends[0] == ends[2] != ends[1]
    env.restore(root)
    assert digest(env.trajectory()) == before


@pytest.mark.parametrize("name", ENVS.names())
def test_the_next_task_after_a_restore_is_the_next_one_then(name: str) -> None:
    env = make(name, None)
    env.reset(seed=1)
    kept = env.snapshot()
    following = [env.reset()[1]["task_id"] for _ in range(4)]
    env.restore(kept)
    assert [env.reset()[1]["task_id"] for _ in range(4)] == following


@pytest.mark.parametrize("name", ENVS.names())
def test_a_snapshot_before_the_first_reset_and_after_the_end(name: str) -> None:
    env, other = make(name, None), make(name, None)
    other.restore(env.snapshot())
    assert other.task is None
    script(env, 2)
    other.restore(env.snapshot())
    assert other.trajectory().outcome in ("answered", "truncated")
    assert other.trajectory().reward == env.trajectory().reward
    with pytest.raises(gym.error.ResetNeeded):
        other.step("more")
