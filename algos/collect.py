"""Collecting episodes: many environments, one agent, no lock step.

An episode is submitted to the agent whenever its environment is ready, and stepped as soon as its reply is
there; a finished episode's environment starts the next job at once. So an episode of many turns holds up
nobody. Everything runs in the caller's thread in an order fixed by the jobs and the agent's replies.

An agent that can hold no more of a conversation says so (``Reply.full``); the episode is then truncated and scored
as it stands. A failure of the agent or of a worker voids its episode (``outcome="infra_failure"``, reward None); it is
never scored 0 and never stops the others.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from adagym.agents.base import Agent, Reply, Usage
from adagym.agents.seat import GymEnv, bare, conversation_at
from adagym.digest import observation_digest
from adagym.errors import InfraError, UsageError
from adagym.policies.base import TokenTrace
from adagym.types import Task, Trajectory


@dataclass(frozen=True)
class Job:
    """One episode to play."""

    task: int | str | Task
    """What ``reset`` accepts as ``options["task"]``: an index, an id or the task itself."""
    seed: int = 0
    """Seeds ``reset`` and, together with the place in the group, the agent's sampling."""
    group: str | None = None
    """Members of one group must start with the same first observation."""
    env: str = ""
    """Which of the collector's environments to play in; empty if it has one kind."""
    member: int | None = None
    """The place in the group; None counts."""


@dataclass(frozen=True)
class Rollout:
    """A played job."""

    index: int
    """Position of the job in the jobs given to :meth:`Collector.collect`."""
    job: Job
    trajectory: Trajectory
    tokens: TokenTrace | None = None
    """What the policy sampled, if the agent keeps it."""
    usage: tuple[Usage, ...] = ()
    """What each turn cost, where the agent says so."""


@dataclass
class _Episode:
    key: str
    index: int
    job: Job
    env: GymEnv
    seed: int
    """Seeds the agent's sampling."""
    turn: int = 0
    usage: list[Usage] = field(default_factory=list)


@dataclass
class _Run:
    """The state of one call of ``collect``."""

    jobs: Iterator[tuple[int, Job]]
    running: dict[str, _Episode] = field(default_factory=dict)
    done: deque[Rollout] = field(default_factory=deque)
    members: Counter[str] = field(default_factory=Counter)
    digests: dict[str, str] = field(default_factory=dict)


class Collector:
    """Plays jobs with an agent in up to ``n_envs`` environments at a time.

    Args:
        env_factory: Makes one environment, when it is first needed; several kinds by name, which jobs give as ``env``.
        agent: Who acts. The caller closes it.
        n_envs: How many episodes run at a time, and how many environments are open: when a kind needs one more, an
            idle one of another kind is closed.

    Raises:
        UsageError: ``n_envs`` is below 1.
    """

    def __init__(
        self, env_factory: Callable[[], GymEnv] | Mapping[str, Callable[[], GymEnv]], agent: Agent, n_envs: int = 64
    ) -> None:
        if n_envs < 1:
            raise UsageError(f"A collector needs at least one environment; n_envs is {n_envs}.")
        self.agent = agent
        self.n_envs = n_envs
        self._factories = {"": env_factory} if callable(env_factory) else dict(env_factory)
        self._free: dict[str, list[GymEnv]] = {name: [] for name in self._factories}
        self._made: list[GymEnv] = []
        self._episodes = 0

    def collect(self, jobs: Iterable[Job], on_episode: Callable[[Rollout], None] | None = None) -> Iterator[Rollout]:
        """Play every job and yield the episodes as they finish.

        The agent's sampling seed depends on the job's seed and its place among the jobs of its group alone,
        so a job plays out the same whatever is collected beside it. Two equal jobs without a group therefore
        play out equally.

        Args:
            jobs: Read lazily, in order.
            on_episode: Called with each finished episode before it is yielded.

        Raises:
            InfraError: Members of a group started with different observations.
            UsageError: A job names no task or no environment, or the agent replied to a conversation nobody had.
        """
        run = _Run(enumerate(jobs))
        try:
            while self._fill(run) or run.done:
                while run.done:
                    rollout = run.done.popleft()
                    if on_episode is not None:
                        on_episode(rollout)
                    yield rollout
                if run.running:
                    self._advance(run)
        finally:  # also when the caller stops early
            for episode in list(run.running.values()):
                self._release(run, episode)

    def close(self) -> None:
        """Close the environments."""
        for env in self._made:
            env.close()
        self._made, self._free = [], {name: [] for name in self._factories}

    def _fill(self, run: _Run) -> bool:
        """Start jobs while environments are free; return whether anything is running."""
        while len(run.done) < self.n_envs and (any(self._free.values()) or len(self._made) < self.n_envs):
            index, job = next(run.jobs, (-1, None))
            if job is None:
                break
            self._start(run, index, job)
        return bool(run.running)

    def _start(self, run: _Run, index: int, job: Job) -> None:
        env = self._take(index, job)
        member = job.member or 0
        if job.group is not None and job.member is None:
            member = run.members[job.group]
            run.members[job.group] += 1
        seed = int(np.random.SeedSequence([job.seed, member]).generate_state(1)[0])
        self._episodes += 1
        episode = _Episode(f"episode-{self._episodes}", index, job, env, seed)
        run.running[episode.key] = episode
        try:
            observation, _ = episode.env.reset(seed=job.seed, options={"task": job.task})
        except InfraError as error:
            self._finish(run, episode, never_played(job, bare(env).env_id, str(error)))
            return
        if job.group is not None:
            digest = observation_digest(observation)
            if run.digests.setdefault(job.group, digest) != digest:
                raise InfraError(
                    f"Job {index} (task {task_name(job.task)}, seed {job.seed}) starts with another observation than "
                    f"the first member of its group `{job.group}`. Members of a group need the same task and seed."
                )
        self._submit(run, episode)

    def _take(self, index: int, job: Job) -> GymEnv:
        """A free environment of the job's kind."""
        if job.env not in self._factories:
            known = ", ".join(f"`{name}`" for name in self._factories)
            raise UsageError(f"Job {index} names the environment `{job.env}`; this collector has {known}.")
        if self._free[job.env]:
            return self._free[job.env].pop()
        if len(self._made) == self.n_envs:  # then some environment of another kind is idle: see _fill
            idle = max(self._free.values(), key=len).pop()
            self._made.remove(idle)
            idle.close()
        self._made.append(self._factories[job.env]())
        return self._made[-1]

    def _submit(self, run: _Run, episode: _Episode) -> None:
        conversation = conversation_at(
            episode.env, episode.key, turn=episode.turn, seed=episode.seed, group=episode.job.group
        )
        try:
            self.agent.submit(conversation)
        except InfraError as error:
            self._void(run, episode, str(error))

    def _advance(self, run: _Run) -> None:
        """Let the agent work once and step every environment it replied to."""
        try:
            replies = self.agent.poll()
        except InfraError as error:  # the agent broke, so no reply will come for anybody
            for episode in list(run.running.values()):
                self._void(run, episode, str(error))
            return
        for reply in replies:
            self._apply(run, reply)

    def _apply(self, run: _Run, reply: Reply) -> None:
        episode = run.running.get(reply.key)
        if episode is None:
            raise UsageError(
                f"The agent `{self.agent.name}` replied to `{reply.key}`, which is not running. "
                "An agent replies once to each conversation submitted."
            )
        if reply.usage is not None:
            episode.usage.append(reply.usage)
        if reply.error is not None:
            self._void(run, episode, reply.error)
            return
        if reply.full:
            self._finish(run, episode, bare(episode.env).truncate())
            return
        try:
            _, _, terminated, truncated, _ = episode.env.step(reply.text)
        except InfraError as error:
            self._void(run, episode, str(error))
            return
        if terminated or truncated:
            self._finish(run, episode, bare(episode.env).trajectory())
            return
        episode.turn += 1
        self._submit(run, episode)

    def _void(self, run: _Run, episode: _Episode, error: str) -> None:
        played = bare(episode.env).trajectory()
        self._finish(run, episode, replace(played, outcome="infra_failure", reward=None, reward_parts={}, error=error))

    def _finish(self, run: _Run, episode: _Episode, trajectory: Trajectory) -> None:
        tokens = self._release(run, episode)
        run.done.append(Rollout(episode.index, episode.job, trajectory, tokens, tuple(episode.usage)))

    def _release(self, run: _Run, episode: _Episode) -> TokenTrace | None:
        del run.running[episode.key]
        self._free[episode.job.env].append(episode.env)
        return self.agent.finish(episode.key)


def episode_seeds(seed: int, n: int, repeat: int = 0) -> list[int]:
    """Seeds of the first ``n`` episodes of a repeat; the i-th depends on ``(seed, i, repeat)`` alone."""
    return [int(np.random.SeedSequence([seed, position, repeat]).generate_state(1)[0]) for position in range(n)]


def task_name(task: int | str | Task) -> str:
    """A job's task in a word."""
    return task.id if isinstance(task, Task) else str(task)


def never_played(job: Job, env_id: str, error: str) -> Trajectory:
    """The void episode of a job that could not begin."""
    task = job.task
    return Trajectory(
        env_id=env_id,
        env_kwargs={},
        task=task if isinstance(task, Task) else Task(id=task_name(task), family="", prompt=""),
        seed=job.seed,
        dialect="",
        messages=(),
        steps=(),
        outcome="infra_failure",
        error=error,
    )
