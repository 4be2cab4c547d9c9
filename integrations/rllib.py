"""Environments for RLlib: an entry to register, and a trained module played on given tasks.

.. code-block:: python

    from ray.rllib.algorithms.ppo import PPOConfig
    from adagym.integrations.rllib import register

    name = register()
    config = PPOConfig().environment(name, env_config={"env_id": "adagym/VSPNavigation-v0", "size": None})
    algorithm = config.build_algo()
    algorithm.train()

RLlib's own networks read one array, so an observation is one vector: the scaled picture, if any, and the state. An
agent chooses an entry of a table of turns; docs/rllib.md says what that leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from adagym.envs.wrappers.numeric import NumericObservation, numeric_env, play_numeric
from adagym.errors import UsageError, require
from adagym.types import Trajectory

require("ray.rllib", "rllib")

import torch  # noqa: E402  (RLlib's modules run on it; after the check that names the pip line)
from ray.rllib.core.rl_module import RLModule  # noqa: E402  (the same)
from ray.tune.registry import register_env  # noqa: E402  (the same)

NAME = "adagym"
"""The name under which :func:`register` tells RLlib of the environments."""


def register() -> str:
    """Tell RLlib how environments are made from an ``env_config``.

    Returns:
        The name for ``config.environment(NAME, env_config=...)``. Its ``env_config`` holds ``env_id``, and ``table``,
        ``size`` and arguments of the environment where wanted, see :func:`make_env`.
    """
    register_env(NAME, make_env)
    return NAME


def make_env(env_config: Mapping[str, Any]) -> NumericObservation:
    """Make an environment whose observation is one ``float32`` vector in [0, 1].

    Args:
        env_config: Arguments of :func:`adagym.envs.wrappers.numeric.numeric_env`, of which ``env_id`` must be there.

    Raises:
        UsageError: An argument cannot be used.
    """
    if "env_id" not in env_config:
        raise UsageError(f'The `env_config` names no environment: {dict(env_config)}. Put {{"env_id": ...}} into it.')
    return numeric_env(**{**env_config, "flat": True})


def play(module: RLModule, env: gym.Env[Any, Any], tasks: Iterable[Any]) -> Iterator[Trajectory]:
    """Play one episode of each task, with the likeliest entry in each turn.

    Args:
        module: A trained module with discrete actions: ``algorithm.get_module()``.
        env: What :func:`make_env` made, with the same table and size.
        tasks: Tasks, their ids, or their indices in the environment's source.

    Yields:
        The finished episodes, in order.
    """

    def act(seen: Any) -> int:
        with torch.no_grad():
            out = module.forward_inference({"obs": torch.from_numpy(np.asarray(seen)[None])})
        return int(out["action_dist_inputs"].argmax())

    return play_numeric(act, env, tasks)
