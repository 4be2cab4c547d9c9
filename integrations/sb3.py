"""Environments for Stable-Baselines3: vectors of numeric environments, and a trained model played on given tasks.

.. code-block:: python

    from stable_baselines3 import PPO
    from adagym.integrations.sb3 import tool_vec_env
    from adagym.policies.sb3 import PictureAndState

    envs = tool_vec_env("adagym/VSPNavigation-v0", 8, seed=0, tasks="vsp-generated:sides=4,split=train")
    PPO("MultiInputPolicy", envs, policy_kwargs={"features_extractor_class": PictureAndState}).learn(10_000)

An agent of Stable-Baselines3 chooses an entry of a table of turns and sees a scaled picture; docs/sb3.md says what that
leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import gymnasium as gym

from adagym.envs.wrappers.numeric import numeric_env, play_numeric
from adagym.envs.wrappers.table import Entry
from adagym.errors import require
from adagym.types import Trajectory

require("stable_baselines3", "sb3")

from stable_baselines3.common.base_class import BaseAlgorithm  # noqa: E402  (after the check that names the pip line)
from stable_baselines3.common.env_util import make_vec_env  # noqa: E402  (the same)
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv  # noqa: E402  (the same)


def tool_vec_env(
    env_id: str,
    n_envs: int = 1,
    *,
    table: Sequence[Entry] | None = None,
    size: int | None = 64,
    seed: int | None = None,
    processes: bool = False,
    **env_kwargs: Any,
) -> VecEnv:
    """Numeric environments, each in a ``Monitor``, that reset themselves as Stable-Baselines3 has it.

    ``set_options([{"task": ...}, ...])`` chooses the task of each environment for the next reset.

    Args:
        env_id: Registered id.
        n_envs: How many.
        table: The entries; None takes those of the environment's family.
        size: Side of the picture in pixels; None leaves it out, and the policy is an ``MlpPolicy``.
        seed: Seeds the environments with seed, seed + 1, ...
        processes: Whether each environment has a process of its own.
        env_kwargs: Arguments of the environment.

    Raises:
        UsageError: An argument cannot be used.
    """
    make = partial(numeric_env, env_id, table, size=size, **env_kwargs)
    return make_vec_env(make, n_envs, seed=seed, vec_env_cls=SubprocVecEnv if processes else None)


def play(
    model: BaseAlgorithm, env: gym.Env[Any, Any], tasks: Iterable[Any], *, deterministic: bool = True
) -> Iterator[Trajectory]:
    """Play one episode of each task, unlike ``evaluate_policy``, which plays tasks as they are drawn.

    Args:
        model: A trained model.
        env: What :func:`adagym.envs.wrappers.numeric.numeric_env` made, with the same table and size.
        tasks: Tasks, their ids, or their indices in the environment's source.
        deterministic: Whether the likeliest entry is taken, or one is drawn.

    Yields:
        The finished episodes, in order.
    """
    return play_numeric(lambda seen: int(model.predict(seen, deterministic=deterministic)[0]), env, tasks)
