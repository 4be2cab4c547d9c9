"""Keeping what was played, and opening what was kept."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import gymnasium as gym

from adagym.agents.seat import GymEnv
from adagym.errors import UsageError
from adagym.play.session import EnvFactory
from adagym.store import Store, read_trajectories
from adagym.types import Trajectory


def save_episode(trajectory: Trajectory, path: Path) -> str:
    """Append an episode to a file of episodes; return what to tell the player.

    Raises:
        UsageError: The file cannot be written to.
    """
    with Store(path) as store:
        store.append(trajectory)
    return f"Appended to {path}"


def open_episode(path: Path, wanted: int) -> Trajectory:
    """Read one episode of a file.

    Args:
        path: The file.
        wanted: Its place, 0 is the first.

    Raises:
        DataError: The file is missing or malformed.
        UsageError: It holds fewer episodes.
    """
    count = 0
    for position, trajectory in enumerate(read_trajectories(path)):
        if position == wanted:
            return trajectory
        count = position + 1
    if not count:
        raise UsageError(f"{path} holds no episode; give a file of saved episodes.")
    raise UsageError(f"{path} holds {count} episodes; --episode takes a number from 0 to {count - 1}, not {wanted}.")


def env_of(trajectory: Trajectory) -> EnvFactory:
    """What makes the environment an episode was played in; the task's source need not be there."""

    def make() -> GymEnv:
        kwargs = {**trajectory.env_kwargs, "tasks": (trajectory.task,)}
        try:
            return cast(GymEnv, gym.make(f"adagym.envs:{trajectory.env_id}", disable_env_checker=True, **kwargs))
        except gym.error.Error as error:
            raise UsageError(
                f"The episode was played in `{trajectory.env_id}`, which cannot be made: {error} "
                "It can be looked at, and not be continued."
            ) from error

    return make
