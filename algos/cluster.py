"""Collecting on a Ray cluster: workers with an agent and environments of their own, fed job by job.

Each worker runs a :class:`~adagym.algos.collect.Collector`, so nothing is in lock step there either, and the driver
keeps each stocked with a job or two more than it can play at a time. A worker that dies is replaced, and its jobs
are played again by others. A job plays out the same wherever it is played.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adagym.agents.base import Agent
from adagym.agents.seat import GymEnv, bare
from adagym.algos.collect import Collector, Job, Rollout, never_played
from adagym.errors import InfraError, UsageError, require

DEATHS = 3
"""An episode whose worker dies so often is void."""

_AHEAD = 1
"""Jobs that wait at a worker beyond those it plays."""
_ROOM_SECONDS = 120.0
"""How long the cluster may take to start a worker while there is none."""
_DRY_SECONDS = 0.05
"""How long a worker without further jobs plays on before it looks for new ones."""

Factories = Callable[[], GymEnv] | Mapping[str, Callable[[], GymEnv]]


@dataclass(frozen=True)
class Cluster:
    """Where to play."""

    address: str
    """``HOST:PORT`` of a running cluster, ``auto`` for the one this machine is in, ``local`` for one of its own."""
    workers: int | None = None
    """How many workers, each with one CPU; None for one per CPU of the cluster."""
    gpus: float = 0.0
    """GPUs of each worker, also fractions."""

    def __post_init__(self) -> None:
        """Check the values."""
        if (self.workers is not None and self.workers < 1) or self.gpus < 0:
            raise UsageError(f"Ray needs at least 1 worker and 0 or more GPUs, not {self.workers} and {self.gpus}.")
        if self.address.startswith("ray://"):
            raise UsageError(
                f"`{self.address}` is the address of Ray's client, which cannot pass episodes on as they end. Give the "
                "cluster's own, HOST:6379, or run the command on the cluster with `ray job submit` and `auto`."
            )


class RayCollector:
    """Plays jobs as :class:`~adagym.algos.collect.Collector` does, on a cluster.

    Args:
        env_factory: Makes one environment, or several kinds by name; sent to the workers by cloudpickle.
        agent_factory: Makes a worker's agent.
        cluster: Where to play. adagym must be installed on every node.
        n_envs: How many episodes a worker plays at a time; None for what suits the agent.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: There is no cluster at the address, or the agent or an environment cannot be made.
        InfraError: The cluster has no room for a worker.
    """

    def __init__(
        self,
        env_factory: Factories,
        agent_factory: Callable[[], Agent],
        cluster: Cluster,
        n_envs: int | None = None,
    ) -> None:
        self._ray: Any = require("ray", "ray")
        self._factories = {"": env_factory} if callable(env_factory) else dict(env_factory)
        self._owned = _connect(self._ray, cluster)
        self._count = cluster.workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        options = {"num_cpus": 1, "num_gpus": cluster.gpus, "max_concurrency": 2}
        self._make = self._ray.remote(**options)(_Worker).remote
        self._recipe = self._ray.put((self._factories, agent_factory, n_envs))
        self._barren = 0
        self._seats: list[_Seat] = []
        try:
            self._hire()
            self._wait(self._seats, {})
        except BaseException:
            self.close()
            raise

    def collect(self, jobs: Iterable[Job], on_episode: Callable[[Rollout], None] | None = None) -> Iterator[Rollout]:
        """Play every job and yield the episodes as they finish; see :meth:`Collector.collect`.

        Args:
            jobs: Read lazily, in order, one or two per worker ahead of what is played.
            on_episode: Called with each finished episode before it is yielded.

        Raises:
            InfraError: Members of a group started with different observations, or workers die one after the other.
            UsageError: A job names no task or no environment.
        """
        run = _Run(enumerate(jobs))
        try:
            while True:
                self._hire()
                self._feed(run)
                busy = [seat for seat in self._seats if seat.jobs]
                if not busy and not run.again and run.peek() is None:
                    break
                self._wait(busy or self._seats, run.lost)
                while run.done or run.lost:
                    rollout = run.done.popleft() if run.done else self._again(run)
                    if rollout is None:
                        continue
                    if on_episode is not None:
                        on_episode(rollout)
                    yield rollout
        finally:  # also when the caller stops early: what is still being played is broken off
            for seat in [seat for seat in self._seats if seat.jobs]:
                self._fire(seat)

    def close(self) -> None:
        """End the workers, and the cluster if it was made for this collector."""
        for seat in list(self._seats):
            self._fire(seat)
        if self._owned:
            self._ray.shutdown()
