"""Observations of fixed shape, for learners that read numbers: the latest picture, scaled, and how the episode stands.

The texts are lost: an agent knows that a call succeeded, not what its result said. It can still use results, by
actions that refer to them (:mod:`adagym.envs.wrappers.table`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from adagym.envs.wrappers.table import Entry, TableActions
from adagym.errors import UsageError
from adagym.types import Array, Trajectory

_TURN, _SUCCEEDED, _FIRST = range(3)
"""Positions in the state: before the entries come the share of turns spent, and whether the last call succeeded."""


class NumericObservation(gym.Wrapper[Any, Any, Any, Any]):
    """Observations as arrays.

    ``image`` is the latest picture, ``(size, size, 3)`` ``uint8`` RGB, stretched to a square; black before there is
    one. ``state`` is ``(2 + n,)`` ``float32`` in [0, 1]: the share of ``max_turns`` spent, whether the last turn was a
    call that succeeded, and for each of the n actions whether it was ever such a call in the episode.

    Args:
        env: A tool environment in :class:`~adagym.envs.wrappers.table.TableActions`.
        size: Side of the picture in pixels; None leaves it out, and the observation is the state alone.
        flat: Whether both are one vector, ``(size * size * 3 + 2 + n,)`` ``float32`` in [0, 1], the picture first.

    Raises:
        UsageError: The size is not positive.
    """

    def __init__(self, env: TableActions, *, size: int | None = 64, flat: bool = False) -> None:
        super().__init__(env)
        if size is not None and size < 1:
            raise UsageError(f"A picture needs a size of at least 1 pixel, not {size}; None leaves it out.")
        self._size = size
        self._flat = flat
        self._state = np.zeros(_FIRST + len(env.table), np.float32)
        self._image: Array = np.zeros((size or 0, size or 0, 3), np.uint8)
        self._max_turns = 1
        state = gym.spaces.Box(0, 1, self._state.shape, np.float32)
        self.observation_space: gym.Space[Any] = state
        if flat and size is not None:
            self.observation_space = gym.spaces.Box(0, 1, (self._image.size + self._state.size,), np.float32)
        elif size is not None:
            image = gym.spaces.Box(0, 255, self._image.shape, np.uint8)
            self.observation_space = gym.spaces.Dict({"image": image, "state": state})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; see :meth:`adagym.envs.base.ToolEnv.reset`."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._max_turns = self.get_wrapper_attr("trajectory")().env_kwargs["max_turns"]
        self._state[:] = 0
        self._image = np.zeros_like(self._image)
        return self._observe(observation["images"]), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Send an entry of the table; see :meth:`adagym.envs.wrappers.table.TableActions.step`."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        succeeded = info["result"] is not None and info["result"].ok
        self._state[_TURN] = info["turn"] / self._max_turns
        self._state[_SUCCEEDED] = succeeded
        if succeeded:
            self._state[_FIRST + int(action)] = 1
        return self._observe(observation["images"]), float(reward), terminated, truncated, info

    def _observe(self, images: Sequence[Array]) -> Any:
        if self._size is None:
            return self._state.copy()
        if images:
            self._image = _scaled(images[-1], self._size)
        if self._flat:
            return np.concatenate([self._image.ravel().astype(np.float32) / 255, self._state])
        return {"image": self._image, "state": self._state.copy()}


def numeric_env(
    env_id: str, table: Sequence[Entry] | None = None, *, size: int | None = 64, flat: bool = False, **env_kwargs: Any
) -> NumericObservation:
    """Make an environment of numbers: discrete actions from a table, observations as arrays.

    Args:
        env_id: Registered id.
        table: See :class:`~adagym.envs.wrappers.table.TableActions`.
        size: See :class:`NumericObservation`.
        flat: See :class:`NumericObservation`.
        env_kwargs: Arguments of the environment.

    Raises:
        UsageError: An argument cannot be used.
    """
    # Gymnasium's passive checker takes as long as a short step, and looks at what the suite's own tests have checked.
    env = gym.make(env_id, **{"disable_env_checker": True, **env_kwargs})
    return NumericObservation(TableActions(env, table), size=size, flat=flat)


def play_numeric(
    act: Callable[[Any], int | NDArray[Any]], env: gym.Env[Any, Any], tasks: Iterable[Any]
) -> Iterator[Trajectory]:
    """Play one episode of each task.

    Args:
        act: Observation to action.
        env: What :func:`numeric_env` made, bare or wrapped.
        tasks: Tasks, their ids, or their indices in the environment's source.

    Yields:
        The finished episodes, in order.
    """
    for task in tasks:
        observation, _ = env.reset(options={"task": task})
        done = False
        while not done:
            observation, _, terminated, truncated, _ = env.step(act(observation))
            done = terminated or truncated
        yield env.get_wrapper_attr("trajectory")()


def _scaled(image: Array, size: int) -> Array:
    height, width = image.shape[:2]
    if min(height, width) > 4 * size:  # four by four pixels for each that is kept are enough, and twenty times faster
        image = np.asarray(cv2.resize(image, (4 * size, 4 * size), interpolation=cv2.INTER_NEAREST), np.uint8)
    method = cv2.INTER_AREA if height > size or width > size else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, (size, size), interpolation=method), np.uint8)
