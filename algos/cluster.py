"""Collecting on a Ray cluster: workers with an agent and environments of their own, fed job by job.

Each worker runs a :class:`~adagym.algos.collect.Collector`, so nothing is in lock step there either, and the driver
keeps each stocked with a job or two more than it can play at a time. A worker that dies is replaced, and its jobs
are played again by others. A job plays out the same wherever it is played.
"""

from __future__ import annotations

import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from adagym.agents.base import Agent
from adagym.agents.seat import GymEnv, bare
from adagym.algos.collect import Collector, Job, Rollout, never_played
from adagym.errors import AdagymError, InfraError, UsageError, require

DEATHS = 3
"""An episode whose worker dies so often is void."""

_AHEAD = 1
"""Jobs that wait at a worker beyond those it plays."""
_CONNECT_SECONDS = 10.0
_ROOM_SECONDS = 120.0
"""How long the cluster may take to find room for a worker while it has for none."""
Factories = Callable[[], GymEnv] | Mapping[str, Callable[[], GymEnv]]
Recipe = tuple[Mapping[str, Callable[[], GymEnv]], Callable[[], Agent], int | None]
"""What a worker is made from: makers of environments, of the agent, and how many episodes it plays at a time."""


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

    def reach(self) -> Any:
        """Look whether there is Ray, and something at the address if it names a host; return the module.

        Raises:
            MissingExtra: Ray is not installed.
            UsageError: Nothing answers.
        """
        ray: Any = require("ray", "ray")
        if self.address not in ("auto", "local") and not ray.is_initialized():
            host, _, port = self.address.rpartition(":")
            try:
                # Ray itself would wait for minutes.
                socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
            except (OSError, ValueError) as error:
                raise _nowhere(self.address, error) from error
        return ray


class RayCollector:
    """Plays jobs as :class:`~adagym.algos.collect.Collector` does, on a cluster.

    Args:
        env_factory: Makes one environment, or several kinds by name; sent to the workers by cloudpickle.
        agent_factory: Makes a worker's agent; what it holds is sent once, and kept for workers that come later.
        cluster: Where to play. adagym must be installed on every node.
        n_envs: How many episodes a worker plays at a time; None for what suits the agent.

    Attributes:
        workers: How many there are.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: There is no cluster at the address, or the agent cannot be made.
        InfraError: The cluster has no room for a worker, or workers die as they start.
    """

    def __init__(
        self, env_factory: Factories, agent_factory: Callable[[], Agent], cluster: Cluster, n_envs: int | None = None
    ) -> None:
        self._ray: Any = cluster.reach()
        self._factories = {"": env_factory} if callable(env_factory) else dict(env_factory)
        self._owned = _connect(self._ray, cluster.address)
        self.workers: int = cluster.workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        # A second thread takes further jobs while the first plays.
        remote = self._ray.remote(num_cpus=1, num_gpus=cluster.gpus, max_concurrency=2)
        self._make = remote(_Worker).remote
        self._recipe = self._ray.put((self._factories, agent_factory, n_envs))
        self._parts: dict[str, Any] = {}
        self._seats: list[_Seat] = []
        self._barren = 0
        try:
            self._hire()
            nothing = _Run(iter(()))
            while not any(seat.slots for seat in self._seats):
                self._step(nothing)
        except BaseException:  # Ctrl-C too must leave no worker behind
            self.close()
            raise

    def collect(self, jobs: Iterable[Job], on_episode: Callable[[Rollout], None] | None = None) -> Iterator[Rollout]:
        """Play every job and yield the episodes as they finish; see :meth:`Collector.collect`.

        Args:
            jobs: Read lazily, in order, a little ahead of what is played.
            on_episode: Called with each finished episode before it is yielded.

        Raises:
            InfraError: Members of a group started with different observations, or workers die one after the other.
            UsageError: A job names no task or no environment.
        """
        run = _Run(enumerate(jobs))
        try:
            while True:
                self._feed(run)
                while run.done:
                    rollout = run.done.popleft()
                    if on_episode is not None:
                        on_episode(rollout)
                    yield rollout
                if not any(seat.jobs for seat in self._seats) and not run.left():
                    break
                self._step(run)
        finally:  # also when the caller stops early: what is still being played is broken off
            for seat in [seat for seat in self._seats if seat.jobs]:
                self._fire(seat)

    def renew(self, **parts: Any) -> None:
        """Replace what the agents play with, such as weights; not while episodes are collected.

        Each part is sent to the cluster once and stays until one of its name replaces it. An agent gets all of them by
        its method ``renew(**parts)`` before it plays on, and so does that of a worker that comes later.
        """
        self._parts = {**self._parts, **{name: self._ray.put(part) for name, part in parts.items()}}
        for seat in self._seats:
            if seat.event is None:  # the others hear of it when they are done with what they do
                self._open(seat)

    def close(self) -> None:
        """End the workers, and the cluster if it is this collector's own."""
        for seat in list(self._seats):
            self._fire(seat)
        if self._owned:
            self._ray.shutdown()
            self._owned = False

    def _hire(self) -> None:
        """Start workers until there are as many as asked for."""
        while len(self._seats) < self.workers:
            actor = self._make()
            self._seats.append(_Seat(actor, actor.__ray_ready__.remote()))

    def _open(self, seat: _Seat) -> None:
        seat.stage, seat.parts = "opening", self._parts
        seat.event = seat.actor.open.remote(None if seat.slots else self._recipe, **self._parts)

    def _ready(self, seat: _Seat) -> bool:
        return seat.stage == "playing" and seat.parts is self._parts

    def _fire(self, seat: _Seat) -> None:
        self._seats.remove(seat)
        self._ray.kill(seat.actor)

    def _feed(self, run: _Run) -> None:
        """Hand out jobs, each to the worker with the most room."""
        self._hire()
        if any(seat.slots and not self._ready(seat) for seat in self._seats):
            return  # all who have played before go on together, or the first to be renewed would get everything
        ready = [seat for seat in self._seats if self._ready(seat)]
        while ready:
            seat = min(ready, key=lambda seat: len(seat.jobs) / seat.slots)
            unit = run.take() if len(seat.jobs) < seat.slots + _AHEAD else []
            if not unit:
                break
            seat.jobs.update(unit)
            if seat.event is None:
                seat.event = seat.actor.play.remote(unit)
            else:
                seat.actor.add.remote(unit)

    def _step(self, run: _Run) -> None:
        """Wait until a worker is ready, has played an episode, or dies.

        Raises:
            InfraError: None can start.
        """
        events = [seat.event for seat in self._seats if seat.event is not None]
        timeout = None if any(seat.stage != "starting" for seat in self._seats) else _ROOM_SECONDS
        happened, _ = self._ray.wait(events, num_returns=1, timeout=timeout)
        if not happened:
            raise InfraError(
                f"No worker started within {_ROOM_SECONDS:g} seconds. Each needs a free CPU, and the GPUs asked for; "
                f"the cluster has {self._ray.available_resources()} free."
            )
        seat = next(seat for seat in self._seats if seat.event is happened[0])
        try:
            self._take_in(seat, run)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.ObjectLostError) as error:  # or its node
            self._bury(seat, run, error)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, AdagymError):
                raise error.cause from error
            raise InfraError(f"A worker broke: {error}") from error

    def _take_in(self, seat: _Seat, run: _Run) -> None:
        """Read what a worker sent."""
        if seat.stage != "playing":
            slots = self._ray.get(seat.event)
            if seat.stage == "starting" or seat.parts is not self._parts:
                self._open(seat)
            else:
                seat.stage, seat.slots, seat.event = "playing", slots, None
            return
        sent = next(seat.event, None)
        if sent is None:
            # Jobs that came as it was about to end lie there still.
            seat.event = seat.actor.play.remote([]) if seat.jobs else None
            if not seat.jobs and not self._ready(seat):
                self._open(seat)
            return
        rollout: Rollout = self._ray.get(sent)
        del seat.jobs[rollout.index]
        run.done.append(rollout)
        self._barren = 0

    def _bury(self, seat: _Seat, run: _Run, error: Exception) -> None:
        """Let others play the jobs of a worker that died.

        Raises:
            InfraError: So many died without an episode in between that it is no accident.
        """
        self._fire(seat)
        self._barren += 1
        if self._barren > max(DEATHS, self.workers):
            raise InfraError(f"{self._barren} workers died without playing an episode, the last so: {error}") from error
        for index, job in seat.jobs.items():
            run.deaths[index] += 1
            if run.deaths[index] < DEATHS:
                run.again.append((index, job))
                continue
            env = self._factories[job.env]()
            reason = f"The worker died {DEATHS} times while it played this: {error}"
            run.done.append(Rollout(index, job, never_played(job, bare(env).env_id, reason)))
            env.close()


@dataclass(eq=False)
class _Seat:
    """A worker, as the driver sees it."""

    actor: Any
    event: Any
    """What to wait for: that it runs, that its agent is ready, the episodes it plays; None if it has nothing to do."""
    stage: Literal["starting", "opening", "playing"] = "starting"
    """Whether the cluster is finding room for it, its agent is being made or renewed, or it can play."""
    parts: Mapping[str, Any] | None = None
    """What its agent was renewed with last."""
    slots: int = 0
    """How many episodes it plays at a time; 0 until it has been ready once."""
    jobs: dict[int, Job] = field(default_factory=dict)
    """What it was given and has not played yet."""


@dataclass
class _Run:
    """The state of one call of ``collect``."""

    jobs: Iterator[tuple[int, Job]]
    again: deque[tuple[int, Job]] = field(default_factory=deque)
    """Jobs of workers that died."""
    ahead: tuple[int, Job] | None = None
    """Read, because it might have belonged to the group before it."""
    done: deque[Rollout] = field(default_factory=deque)
    deaths: Counter[int] = field(default_factory=Counter)
    members: Counter[str] = field(default_factory=Counter)

    def left(self) -> bool:
        """Whether any job is still to be handed out."""
        self.ahead = self.ahead or next(self.jobs, None)
        return bool(self.again) or self.ahead is not None

    def take(self) -> list[tuple[int, Job]]:
        """The next job, with those of its group that follow it, since a worker encodes their prompt once."""
        if self.again:
            return [self.again.popleft()]
        unit: list[tuple[int, Job]] = []
        while True:
            self.ahead = self.ahead or next(self.jobs, None)
            if self.ahead is None or (unit and (unit[0][1].group is None or unit[0][1].group != self.ahead[1].group)):
                return unit
            index, job = self.ahead
            self.ahead = None
            if job.group is not None:
                # Counted here: a worker sees only its own jobs.
                job = replace(job, member=self.members[job.group])
                self.members[job.group or ""] += 1
            unit.append((index, job))


class _Worker:
    """The actor: an agent and a collector. ``add`` may be called while ``play`` runs."""

    def __init__(self) -> None:
        self._inbox: deque[tuple[int, Job]] = deque()
        self._agent: Any = None
        self._collector: Collector | None = None

    def open(self, recipe: Recipe | None, **parts: Any) -> int:
        """Make the agent if there is none, and renew it; return how many episodes are played at a time.

        Args:
            recipe: For the first call. It may be as large as a model, so a worker's start does not wait for it.
            parts: For the agent.
        """
        if self._agent is None:
            assert recipe is not None
            self._factories, make_agent, self._n_envs = recipe
            self._agent = make_agent()
        if parts:
            self._agent.renew(**parts)
        n_envs: int = self._agent.parallel if self._n_envs is None else self._n_envs
        if self._collector is None or self._collector.n_envs != n_envs:
            if self._collector is not None:
                self._collector.close()
            self._collector = Collector(self._factories, self._agent, n_envs)
        return n_envs

    def add(self, unit: Sequence[tuple[int, Job]]) -> None:
        """Take further jobs."""
        self._inbox.extend(unit)

    def play(self, unit: Sequence[tuple[int, Job]]) -> Iterator[Rollout]:
        """Play these jobs and those added meanwhile; yield each episode with the driver's index."""
        assert self._collector is not None
        self.add(unit)
        inbox = _Inbox(self._inbox)
        for rollout in self._collector.collect(inbox):
            yield replace(rollout, index=inbox.indices[rollout.index])


class _Inbox:
    """Jobs as they come. Not at an end for good when it is empty: a collector that asks later finds later ones."""

    def __init__(self, waiting: deque[tuple[int, Job]]) -> None:
        self.indices: list[int] = []
        self._waiting = waiting

    def __iter__(self) -> _Inbox:
        return self

    def __next__(self) -> Job:
        if not self._waiting:
            raise StopIteration
        index, job = self._waiting.popleft()
        self.indices.append(index)
        return job


def _connect(ray: Any, address: str) -> bool:
    """Join the cluster, unless this process has; return whether to leave it at the end.

    Raises:
        UsageError: There is none.
    """
    if ray.is_initialized():
        return False
    options = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, logging_level="warning", **options)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise _nowhere(address, error) from error
    return True


def _nowhere(address: str, error: Exception) -> UsageError:
    return UsageError(
        f"There is no Ray cluster at `{address}` ({error}). Start one with `ray start --head` and give HOST:6379, or "
        "give `local`."
    )
