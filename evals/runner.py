"""Evaluation: tasks through the collector, every episode kept, resumable at any moment.

A run folder holds ``config.json`` (what was asked), ``episodes.jsonl`` with its ``images/`` (every episode, synced
to disk as it ends) and, once all are played, ``summary.json``. Everything that can be wrong with the
arguments is found before the folder is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from adagym.algos.collect import Collector, Job
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.video_records import VideoRecords
from adagym.errors import UsageError
from adagym.evals.figures import versions, write_json
from adagym.evals.run_folder import CONFIG, check_folder
from adagym.evals.spec import make_agent
from adagym.evals.summary import EpisodeFacts, facts, summarise
from adagym.store import Store, read_trajectories
from adagym.types import Task

EPISODES = "episodes.jsonl"
SUMMARY = "summary.json"

Key = tuple[str, int | None]
"""Task id and seed: identifies an episode within a run."""


@dataclass(frozen=True)
class EvalConfig:
    """What to evaluate."""

    env: str
    """Registered environment id."""
    agent: str
    """Agent spec, for example ``expert`` or ``hf:PATH``."""
    tasks: str | None = None
    """Task source spec; None is the environment's default source."""
    n: int | None = None
    """How many tasks, from the first; None plays the whole source."""
    seed: int = 0
    """Seeds every episode, together with the task's position."""
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the environment."""


def evaluate(
    config: EvalConfig,
    out: Path,
    *,
    resume: bool = False,
    n_envs: int | None = None,
    on_episode: Callable[[EpisodeFacts, int], None] | None = None,
) -> dict[str, Any]:
    """Play the tasks and write the run folder.

    Args:
        config: What to evaluate.
        out: The run folder.
        resume: Go on with a run that was stopped: episodes already in the folder are kept, and those that an
            infrastructure failure voided are played again.
        n_envs: How many episodes run at a time, None for what suits the agent; does not change the results.
        on_episode: Called with each episode's facts, kept ones included, and the number of all episodes.

    Returns:
        The summary, as written: see :func:`adagym.evals.summary.summarise`, plus ``versions`` and ``config``.

    Raises:
        UsageError: A name, argument, file or picture cannot be used, or the folder holds another run.
    """
    env_class = cast("type[ToolEnv]", ENVS.load(config.env))
    tasks = _tasks(env_class, config)
    jobs: dict[Key, Job] = {
        (task.id, seed): Job(task, seed)
        for task, seed in zip(tasks, episode_seeds(config.seed, len(tasks)), strict=True)
    }

    def make_env() -> ToolEnv:
        return env_class(tasks, **config.env_kwargs)

    make_env().close()  # wrong arguments show before the folder is made
    check_folder(out, asdict(config), EPISODES, resume)
    agent = make_agent(config.agent)
    episodes: dict[Key, EpisodeFacts] = {}
    try:
        collector = Collector(make_env, agent, agent.parallel if n_envs is None else n_envs)
        write_json(out / CONFIG, asdict(config))
        for key, episode in _all(collector, jobs, out / EPISODES):
            episodes[key] = episode
            if on_episode is not None:
                on_episode(episode, len(jobs))
    finally:
        agent.close()
    summary = {**summarise(list(episodes.values())), "versions": versions(), "config": asdict(config)}
    write_json(out / SUMMARY, summary)
    return summary


def episode_seeds(seed: int, n: int) -> list[int]:
    """Seeds of the first ``n`` episodes; the i-th depends on ``(seed, i)`` alone."""
    return [int(np.random.SeedSequence([seed, position]).generate_state(1)[0]) for position in range(n)]


def _tasks(env_class: type[ToolEnv], config: EvalConfig) -> Sequence[Task]:
    """Read the tasks, load their pictures once and look for videos, so that unusable data shows before it is played.

    Raises:
        UsageError: There are fewer tasks than asked for, one cannot be used, or a benchmark's video is missing.
    """
    spec = env_class.default_tasks if config.tasks is None else config.tasks
    source = load_tasks(spec, env_class.family)
    n = len(source) if config.n is None else config.n
    if not 1 <= n <= len(source):
        raise UsageError(f"`{spec}` has {len(source)} tasks, and n is {n}; choose n from 1 to {len(source)}.")
    tasks = [source[position] for position in range(n)]
    if isinstance(source, VideoRecords):
        source.require_videos(n)
    for task in tasks:
        for image in task.images:
            image.load()
    return tasks


def _all(collector: Collector, jobs: Mapping[Key, Job], path: Path) -> Iterator[tuple[Key, EpisodeFacts]]:
    """The episodes of a stopped run that need not be played again, then the others as they end."""
    kept: set[Key] = set()
    for trajectory in read_trajectories(path) if path.is_file() else ():
        key, episode = (trajectory.task.id, trajectory.seed), facts(trajectory)
        if key in jobs and key not in kept and not episode.failed:
            kept.add(key)
            yield key, episode
    try:
        with Store(path) as store:
            for rollout in collector.collect([job for key, job in jobs.items() if key not in kept]):
                store.append(rollout.trajectory)
                yield (rollout.trajectory.task.id, rollout.job.seed), facts(rollout.trajectory)
    finally:
        collector.close()
