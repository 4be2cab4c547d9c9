"""Many tool environments at once, with per-environment tasks and seeds, groups, and partial stepping.

Gymnasium's own vector environments pass one ``options`` to all environments and, through shared memory,
return stale strings for text; this one does neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from adagym.envs.base import ToolEnv
from adagym.envs.workers import Inline, Pool, Processes, Threads
from adagym.errors import UsageError
from adagym.types import Observation, Task, Trajectory

Workers = Literal["inline", "threads", "processes"]
Options = Mapping[str, Any] | None
T = TypeVar("T")

_SEED_LIMIT = 2**31


class EnvReset(NamedTuple):
    """What one environment returned from reset."""

    observation: Observation
    info: dict[str, Any]


class EnvStep(NamedTuple):
    """What one environment returned from step."""

    observation: Observation
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class ToolVectorEnv(gym.vector.VectorEnv[dict[str, Any], Sequence[str], NDArray[Any]]):
    """Vector environment of tool environments.

    Environments never reset themselves (autoreset mode ``DISABLED``): whoever runs the episodes decides which
    task comes next. ``reset`` and ``step`` follow Gymnasium's batched form; ``reset_some`` and ``step_some``
    serve any subset and return one result per environment, in the order of the given indices.

    Args:
        make_env: Makes one environment, for example ``functools.partial(gymnasium.make, ENV_ID)``. With
            process workers it is sent by cloudpickle.
        num_envs: Number of environments.
        group_size: Environments ``g * group_size`` to ``(g + 1) * group_size - 1`` form group ``g`` and
            always get the same task and seed.
        workers: ``"inline"`` steps in the calling thread, ``"threads"`` and ``"processes"`` in parallel.
        num_workers: Threads or processes; None takes the number of environments, at most 8.
        start_method: How processes start, ``"spawn"`` or ``"forkserver"``. Both import the main script anew, so
            it needs the usual ``if __name__ == "__main__":``.

    Raises:
        UsageError: The sizes do not fit together.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012  (Gymnasium declares it so)

    def __init__(
        self,
        make_env: Callable[[], gym.Env[Any, Any]],
        num_envs: int,
        *,
        group_size: int = 1,
        workers: Workers = "inline",
        num_workers: int | None = None,
        start_method: Literal["spawn", "forkserver"] = "spawn",
    ) -> None:
        self.closed = True  # until there is something to close
        if num_envs < 1 or group_size < 1 or num_envs % group_size:
            raise UsageError(
                f"num_envs must be a positive multiple of group_size, not {num_envs} and {group_size}; "
                f"try {max(num_envs - num_envs % max(group_size, 1), group_size, 1)}."
            )
        count = min(num_envs, 8) if num_workers is None else num_workers
        if not 1 <= count <= num_envs:
            raise UsageError(f"num_workers must be from 1 to num_envs ({num_envs}), not {count}.")
        probe = _tool_env(make_env())
        self.single_observation_space = probe.observation_space
        self.single_action_space = probe.action_space
        self.observation_space = batch_space(probe.observation_space, num_envs)
        self.action_space = batch_space(probe.action_space, num_envs)
        self.render_mode = probe.render_mode
        probe.close()
        self.num_envs = num_envs
        self.group_size = group_size
        self._pool: Pool = _pool(workers, make_env, num_envs, count, start_method)
        self.closed = False

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Options | Sequence[Options] = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode in every environment.

        Args:
            seed: One integer s seeds group g with s + g; a sequence holds one seed per environment, equal
                within a group; None draws seeds from this object's generator.
            options: One mapping for all, or a sequence with one per environment, equal within a group.

        Returns:
            Batched observations ``{"text": (num_envs,) strings, "images": (num_envs,) tuples}`` and infos.

        Raises:
            UsageError: A sequence has the wrong length, or group members differ.
        """
        if seed is None or isinstance(seed, int | np.integer):
            super().reset(seed=None if seed is None else int(seed))
        results = self.reset_some(range(self.num_envs), self._seeds(seed), self._spread_options(options))
        return self._batch(results), self._infos([result.info for result in results])

    def step(
        self, actions: Sequence[str]
    ) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Step every environment.

        Args:
            actions: One action text per environment.

        Returns:
            Batched observations, rewards ``(num_envs,)`` float64, terminations and truncations ``(num_envs,)``
            bool, and infos.

        Raises:
            UsageError: There is not one action per environment.
            ResetNeeded: An environment has no running episode; step the others with :meth:`step_some`.
        """
        results = self.step_some(range(self.num_envs), actions)
        return (
            self._batch(results),
            np.array([result.reward for result in results], dtype=np.float64),
            np.array([result.terminated for result in results], dtype=np.bool_),
            np.array([result.truncated for result in results], dtype=np.bool_),
            self._infos([result.info for result in results]),
        )

    def reset_some(
        self, indices: Sequence[int], seeds: Sequence[int | None], options: Sequence[Options]
    ) -> list[EnvReset]:
        """Start an episode in some environments; groups are the caller's concern here.

        Args:
            indices: Distinct positions of environments.
            seeds: One per index.
            options: One per index.

        Returns:
            One result per index, in order.
        """
        self._check(indices, seeds, "seeds")
        self._check(indices, options, "options")
        calls = [
            (index, (seed, None if option is None else dict(option)))
            for index, seed, option in zip(indices, seeds, options, strict=True)
        ]
        return [EnvReset(*result) for result in self._pool.run("reset", calls)]

    def step_some(self, indices: Sequence[int], actions: Sequence[str]) -> list[EnvStep]:
        """Step some environments and leave the others as they are.

        Args:
            indices: Distinct positions of environments.
            actions: One action text per index.

        Returns:
            One result per index, in order.
        """
        self._check(indices, actions, "actions")
        calls = [(index, (action,)) for index, action in zip(indices, actions, strict=True)]
        return [EnvStep(*result) for result in self._pool.run("step", calls)]

    def trajectories(self, indices: Sequence[int] | None = None) -> list[Trajectory]:
        """Return the episodes so far of some (None: of all) environments, in order."""
        chosen = range(self.num_envs) if indices is None else indices
        self._check(chosen, chosen, "indices")
        return self._pool.run("trajectory", [(index, ()) for index in chosen])

    def render(self) -> tuple[Any, ...] | None:
        """Return what each environment renders, or None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._pool.run("render", [(index, ()) for index in range(self.num_envs)]))

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments and end the workers."""
        self._pool.close()

    def _check(self, indices: Sequence[int], values: Sequence[object], name: str) -> None:
        if self.closed:
            raise UsageError("This vector environment is closed; make a new one.")
        if isinstance(values, str) or len(values) != len(indices):
            raise UsageError(f"Expected {len(indices)} {name}, one per environment, got {values!r:.200}.")
        outside = [index for index in indices if not 0 <= index < self.num_envs]
        if outside or len(set(indices)) != len(indices):
            raise UsageError(f"indices must be distinct and from 0 to {self.num_envs - 1}, not {list(indices)}.")

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        groups = self.num_envs // self.group_size
        if seed is None:
            seed = [int(value) for value in self.np_random.integers(_SEED_LIMIT, size=groups).repeat(self.group_size)]
        elif isinstance(seed, int | np.integer):
            seed = [int(seed) + group for group in range(groups) for _ in range(self.group_size)]
        return self._same_in_groups(seed, "seeds")

    def _spread_options(self, options: Options | Sequence[Options]) -> list[Options]:
        if options is None or isinstance(options, Mapping):
            return [options] * self.num_envs
        return self._same_in_groups(options, "options")

    def _same_in_groups(self, values: Sequence[T], name: str) -> list[T]:
        if len(values) != self.num_envs:
            raise UsageError(f"Expected {self.num_envs} {name}, one per environment, got {len(values)}.")
        for index, value in enumerate(values):
            first = values[index - index % self.group_size]
            if not _same(value, first):
                raise UsageError(
                    f"The {name} of environment {index} differ from those of its group of {self.group_size}: "
                    f"{value!r:.200} and {first!r:.200}. A group shares task and seed; use group_size=1 otherwise."
                )
        return list(values)

    def _batch(self, results: Sequence[EnvReset | EnvStep]) -> dict[str, Any]:
        return {
            "text": tuple(result.observation["text"] for result in results),
            "images": tuple(result.observation["images"] for result in results),
        }

    def _infos(self, infos: Sequence[dict[str, Any]]) -> dict[str, Any]:
        batched: dict[str, Any] = {}
        for index, info in enumerate(infos):
            batched = self._add_info(batched, info, index)
        return batched


def _same(left: Any, right: Any) -> bool:
    """Whether two seeds or options mean the same; tasks are told apart by id, not by their pictures."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, Task) and isinstance(right, Task):
        return left is right or left.id == right.id
    return type(left) is type(right) and bool(left == right)


def _tool_env(env: gym.Env[Any, Any]) -> ToolEnv:
    inner = env.unwrapped
    if not isinstance(inner, ToolEnv):
        raise UsageError(
            f"ToolVectorEnv holds tool environments (adagym.envs.base.ToolEnv), not {type(inner).__name__}."
        )
    return inner


def _pool(
    workers: str, make_env: Callable[[], gym.Env[Any, Any]], num_envs: int, count: int, start_method: str
) -> Pool:
    if workers == "inline":
        return Inline(make_env, num_envs)
    if workers == "threads":
        return Threads(make_env, num_envs, count)
    if workers == "processes":
        return Processes(make_env, num_envs, count, start_method)
    raise UsageError(f'workers must be "inline", "threads" or "processes", not {workers!r}.')
