"""The seat at an environment: what an agent is handed when it is its turn."""

from __future__ import annotations

from typing import cast

import gymnasium as gym

from adagym.agents.base import Conversation
from adagym.envs.base import ToolEnv
from adagym.types import Observation

GymEnv = gym.Env[Observation, str]
"""A :class:`~adagym.envs.base.ToolEnv`, perhaps wrapped."""


def bare(env: GymEnv) -> ToolEnv:
    """The environment without its wrappers."""
    return cast(ToolEnv, env.unwrapped)


def conversation_at(env: GymEnv, key: str, *, turn: int, seed: int = 0, group: str | None = None) -> Conversation:
    """Everything an agent may see of a running episode.

    Args:
        env: An environment after ``reset``.
        key: Identifies the episode to the agent.
        turn: Number of actions so far.
        seed: Seeds the agent's sampling.
        group: Shared by conversations that start with the same messages.
    """
    inner = bare(env)
    return Conversation(
        key=key,
        group=group,
        seed=seed,
        turn=turn,
        family=inner.family if inner.task is None else inner.task.family,
        dialect=inner.action_space.dialect,
        tools=inner.action_space.tools,
        messages=tuple(inner.messages),
        action_space=inner.action_space,
        disguise=inner.disguise,
    )
