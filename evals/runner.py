"""Evaluation: tasks through the collector, every episode kept, resumable at any moment.

A run folder holds ``config.json`` (what was asked, with versions and digests), ``episodes.jsonl`` with its ``images/``
(every episode, synced to disk as it ends), ``usage.jsonl`` (what each used) and, once all are played or a budget is
spent, ``summary.json``. Everything that can be wrong with the arguments is found before the folder is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

from adagym.agents.base import Agent
from adagym.algos.cluster import Cluster, RayCollector
from adagym.algos.collect import Collector, Job, Rollout, episode_seeds
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.video_records import VideoRecords
from adagym.errors import UsageError
from adagym.evals.budget import Budget
from adagym.evals.figures import versions, write_json
from adagym.evals.hashes import run_hashes
from adagym.evals.run_folder import CONFIG, EPISODES, SUMMARY, check_folder, keep_finished
from adagym.evals.spec import make_agent
from adagym.evals.summary import EpisodeFacts, facts, summarise
from adagym.evals.usage import USAGE, EpisodeUsage, Key, append_usage, usage_figures
from adagym.store import Store
from adagym.types import Task

__all__ = ["EPISODES", "RETRIES", "SUMMARY", "EvalConfig", "Key", "OnEpisode", "episode_seeds", "evaluate"]

RETRIES = 2
"""How often an episode that infrastructure voided is played again within a run."""

OnEpisode = Callable[[EpisodeFacts, int], None]
"""Called with each episode's facts, kept ones included, and the number of all episodes."""


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
    """Seeds every episode, together with the task's position and the number of the repeat."""
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the environment."""
    repeats: int = 1
    """How often each task is played."""
    protocol: str | None = None
    """The protocol's label (:func:`adagym.evals.protocols.arranged`); None if the arguments follow none."""


@dataclass
class _Run:
    """A run while it is played."""

    out: Path
    jobs: Mapping[Key, Job]
    budget: Budget
    retries: int
    episodes: dict[Key, EpisodeFacts] = field(default_factory=dict)
    used: dict[Key, EpisodeUsage] = field(default_factory=dict)
    voided: dict[Key, EpisodeUsage] = field(default_factory=dict)
    """What episodes used that are to be played again."""


def evaluate(
    config: EvalConfig,
    out: Path,
    *,
    resume: bool = False,
    n_envs: int | None = None,
    retries: int = RETRIES,
    budget: Budget | None = None,
    agent: Agent | None = None,
    cluster: Cluster | None = None,
    on_episode: OnEpisode | None = None,
) -> dict[str, Any]:
    """Play the tasks and write the run folder.

    Args:
        config: What to evaluate.
        out: The run folder.
        resume: Go on with a run that was stopped: episodes already in the folder are kept, and those that an
            infrastructure failure voided are played again.
        n_envs: How many episodes run at a time (of each worker of a cluster), None for what suits the agent; does not
            change the results.
        retries: How often an episode that infrastructure voids is played again before it counts as failed.
        budget: What the run may spend; None for no limit.
        agent: Who plays, if it is there already; the caller closes it. None makes the one that the config names.
        cluster: A Ray cluster to play on, where each worker makes an agent of its own and ``agent`` is not used; None
            plays here.
        on_episode: Called with each episode's facts, kept ones included, and the number of all episodes.

    Returns:
        The summary, as written: see :func:`adagym.evals.summary.summarise`, plus ``planned`` (number of all episodes),
        ``stopped_by`` (``max_cost``, ``max_tokens`` or ``max_minutes`` if the budget ended the run, else None),
        ``retried`` (episodes that infrastructure voided at least once and that were played again), ``usage``
        (:func:`adagym.evals.usage.usage_figures`), ``hashes``, ``versions`` and ``config``.

    Raises:
        UsageError: A name, argument, file or picture cannot be used, or the folder holds another run.
    """
    if config.repeats < 1 or retries < 0:
        raise UsageError(f"Repeats are at least 1 and retries at least 0, not {config.repeats} and {retries}.")
    if config.seed < 0:
        raise UsageError(f"The seed is {config.seed}; it must not be negative.")
    env_class = cast("type[ToolEnv]", ENVS.load(config.env))
    tasks = _tasks(env_class, config)

    def make_env() -> ToolEnv:
        return env_class(tasks, **config.env_kwargs)

    env = make_env()  # wrong arguments show before the folder is made
    hashes = run_hashes(env, config.env_kwargs, tasks)
    env.close()
    told = {"versions": versions(), "hashes": hashes}
    check_folder(out, {**asdict(config), **told}, EPISODES, resume, told=("versions",))
    run = _Run(out, _jobs(config, tasks), budget or Budget(), retries)
    player = agent
    try:
        collector: Collector | RayCollector
        if cluster is None:
            player = make_agent(config.agent) if agent is None else agent
            collector = Collector(make_env, player, player.parallel if n_envs is None else n_envs)
        else:
            collector = RayCollector(make_env, partial(make_agent, config.agent), cluster, n_envs)
        write_json(out / CONFIG, {**asdict(config), **told})
        for episode in _all(collector, run):
            if on_episode is not None:
                on_episode(episode, len(run.jobs))
    finally:
        if player is not None and agent is None:
            player.close()
    summary = {**_figures(run, config.seed), **told, "config": asdict(config)}
    write_json(out / SUMMARY, summary)
    return summary


def _jobs(config: EvalConfig, tasks: Sequence[Task]) -> dict[Key, Job]:
    """All episodes, repeat by repeat, so that a run that is cut short has played as many tasks as it could."""
    return {
        (task.id, seed): Job(task, seed)
        for repeat in range(config.repeats)
        for task, seed in zip(tasks, episode_seeds(config.seed, len(tasks), repeat), strict=True)
    }


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


def _all(collector: Collector | RayCollector, run: _Run) -> Iterator[EpisodeFacts]:
    """The episodes of a stopped run that need not be played again, then the others as they end."""
    kept, run.used, run.voided = keep_finished(run.out, run.jobs.__contains__)
    for key, episode in kept.items():
        run.episodes[key] = episode
        yield episode
    try:
        with Store(run.out / EPISODES) as store:
            for rollout in _played(collector, run):
                usage = _spent(run, rollout)
                # Before the episode: a kill in between leaves a usage too many, which is dropped, and none too few.
                append_usage(run.out / USAGE, usage)
                store.append(rollout.trajectory)
                run.used[usage.key] = usage
                run.episodes[usage.key] = facts(rollout.trajectory)
                yield run.episodes[usage.key]
    finally:
        collector.close()


def _played(collector: Collector | RayCollector, run: _Run) -> Iterator[Rollout]:
    """Play what is left, then again what infrastructure voided, as often as is asked for."""
    left = [job for key, job in run.jobs.items() if key not in run.episodes]
    for attempt in range(run.retries + 1):
        again: list[Job] = []
        for rollout in collector.collect(takewhile(lambda _: run.budget.exhausted() is None, left)):
            if rollout.trajectory.outcome == "infra_failure" and attempt < run.retries:
                again.append(rollout.job)
                usage = _spent(run, rollout)
                run.voided[usage.key] = usage
            else:
                yield rollout
        left = again


def _spent(run: _Run, rollout: Rollout) -> EpisodeUsage:
    """What an episode used, its voided attempts included."""
    usage = EpisodeUsage.of(rollout)
    run.budget.spend(usage)
    return usage.after(run.voided.get(usage.key))


def _figures(run: _Run, seed: int) -> dict[str, Any]:
    used = [run.used[key] for key in run.episodes if key in run.used]
    return {
        **summarise(list(run.episodes.values()), seed),
        "planned": len(run.jobs),
        "stopped_by": run.budget.exhausted() if len(run.episodes) < len(run.jobs) else None,
        "retried": sum(usage.retries > 0 for usage in used),
        "usage": usage_figures(used, run.budget.prices),
    }
