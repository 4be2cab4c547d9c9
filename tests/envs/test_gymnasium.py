"""The environments in Gymnasium's own hands: made, described, vectorised."""

from __future__ import annotations

import gymnasium as gym
import pytest

import adagym  # noqa: F401  (registers the ids)
from adagym.envs.base import ToolEnv
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.protocol import DIALECTS
from adagym.types import ToolCall

TASKS = "vsp-generated:sides=3-4,n=30,seed=3"
POINT = DIALECTS.load("adareasoner").write_call(ToolCall("Point", {"image": "img_1", "description": "gift"}), "I look.")


def test_a_made_environment_names_itself() -> None:
    env = gym.make("adagym/VSPNavigation-v0", tasks=TASKS, max_turns=3, tools=("Point",))
    env.reset(seed=0)
    inner = env.unwrapped
    assert isinstance(inner, ToolEnv)
    trajectory = inner.trajectory()
    assert trajectory.env_id == "adagym/VSPNavigation-v0"
    again = gym.make(trajectory.env_id, **trajectory.env_kwargs)
    again.reset(seed=trajectory.seed, options={"task": trajectory.task})
    assert again.unwrapped.trajectory().env_kwargs == trajectory.env_kwargs


def test_gymnasiums_own_vector_env_works() -> None:
    envs = gym.make_vec("adagym/VSPNavigation-v0", num_envs=2, vectorization_mode="sync", tasks=TASKS)
    observation, _ = envs.reset(seed=0)
    assert observation in envs.observation_space
    observation, *_ = envs.step(["nonsense", POINT])
    assert [len(images) for images in observation["images"]] == [0, 1]
    envs.close()


def test_gymnasiums_shared_memory_is_refused_not_wrong() -> None:
    with pytest.raises(ValueError, match="shared_memory=True"):
        gym.vector.AsyncVectorEnv([lambda: VSPNavigation(TASKS)])
