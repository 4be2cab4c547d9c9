"""Playing a suite: every entry into a folder of its own, one agent for all, entries without data skipped by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from adagym.agents.base import Agent
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks.recognise import Found, survey
from adagym.errors import DataError, MissingExtra, UsageError
from adagym.evals.budget import Budget
from adagym.evals.figures import versions, write_json
from adagym.evals.protocols import PROTOCOLS, arranged
from adagym.evals.run_folder import SUMMARY
from adagym.evals.runner import RETRIES, EvalConfig, OnEpisode, evaluate
from adagym.evals.spec import make_agent
from adagym.evals.suites import Suite, SuiteEntry

SUITE = "suite.json"


@dataclass(frozen=True)
class SuiteConfig:
    """How a suite is played."""

    agent: str
    """Agent spec."""
    data: Path | None = None
    """Folder that holds the benchmarks."""
    n: int | None = None
    """At most so many tasks of each entry."""
    seed: int = 0
    repeats: int = 1
    protocol: str | None = None
    """Replaces every entry's protocol, and its changes."""


Row = Mapping[str, Any]
"""One entry: ``name``, ``chance``, ``chance_of``, and either ``skipped`` (why) or figures of its summary."""

_FIGURES = ("n", "accuracy", "accuracy_ci95", "calls_per_sample", "infra_failures", "stopped_by", "planned")


def play_suite(
    suite: Suite,
    config: SuiteConfig,
    out: Path,
    *,
    resume: bool = False,
    n_envs: int | None = None,
    retries: int = RETRIES,
    budget: Budget | None = None,
    on_entry: Callable[[SuiteEntry], OnEpisode] | None = None,
) -> list[Row]:
    """Play every entry for which there are tasks.

    Args:
        suite: What is played.
        config: By whom and how.
        out: A folder; each entry gets a run folder in it, and ``suite.json`` a row for each.
        resume: Go on with a suite that was stopped.
        n_envs: How many episodes run at a time.
        retries: How often an episode that infrastructure voids is played again.
        budget: What the whole suite may spend.
        on_entry: Called before each entry; what it returns is called with each of its episodes.

    Returns:
        A row per entry, in order.

    Raises:
        UsageError: The agent cannot be made, or the folder holds another suite or run.
    """
    if config.protocol is not None:
        PROTOCOLS.entry(config.protocol)
    if (out / SUITE).exists() and not resume:
        raise UsageError(f"{out} already holds a suite; resume it with --resume, or choose another folder.")
    found = () if config.data is None else survey(config.data).found
    spending = budget or Budget()
    began = time.perf_counter()
    agent = make_agent(config.agent)

    def play(entry: SuiteEntry) -> Row:
        plan = plan_entry(entry, config, found)
        if isinstance(plan, str):
            return {"skipped": plan}
        stopped = spending.exhausted()
        if stopped is not None:
            return {"skipped": f"stopped by {stopped}"}
        return _played(plan, out / entry.name, agent, spending, (resume, n_envs, retries), entry, on_entry)

    rows: list[Row] = []
    try:
        for entry in suite.entries:
            row = play(entry)
            rows.append({"name": entry.name, "chance": entry.chance, "chance_of": entry.chance_of, **row})
            told = {**asdict(config), "data": None if config.data is None else str(config.data)}
            seconds = round(time.perf_counter() - began, 1)
            whole = {"suite": suite.name, "config": told, "rows": rows, "seconds": seconds, "versions": versions()}
            write_json(out / SUITE, whole)
    finally:
        agent.close()
    return rows


def plan_entry(entry: SuiteEntry, config: SuiteConfig, found: Sequence[Found]) -> EvalConfig | str:
    """What of an entry is to be played, or why it cannot be."""
    env_class = cast("type[ToolEnv]", ENVS.load(entry.env))
    tasks, most = entry.tasks, entry.n
    if tasks is None:
        place = _place(entry, env_class.family, found)
        if isinstance(place, str):
            return place if config.data is not None else f"its data ({entry.benchmark}) needs --data"
        tasks, most = place.spec, place.tasks if entry.n is None else entry.n
    limits = [limit for limit in (most, config.n) if limit is not None]
    changes = entry.changes if config.protocol is None else {}
    label, env_kwargs = arranged(config.protocol or entry.protocol, env_class, changes)
    n = min(limits) if limits else None
    return EvalConfig(entry.env, config.agent, tasks, n, config.seed, env_kwargs, config.repeats, label)


def _place(entry: SuiteEntry, family: str, found: Sequence[Found]) -> Found | str:
    """Where an entry's data are."""
    named = [item for item in found if item.benchmark == entry.benchmark]
    usable = [item for item in named if item.family == family and item.tasks]
    fitting = [item for item in usable if item.spec.partition(str(item.path))[2] == entry.options]
    if fitting:
        return fitting[0]
    if usable:
        return f"there is only another part of it: {usable[0].spec}"
    if named and named[0].missing:
        return "; ".join(named[0].missing)
    return f"no data of {entry.benchmark} in the folder"


def _played(
    config: EvalConfig,
    out: Path,
    agent: Agent,
    budget: Budget,
    how: tuple[bool, int | None, int],
    entry: SuiteEntry,
    on_entry: Callable[[SuiteEntry], OnEpisode] | None,
) -> Row:
    resume, n_envs, retries = how
    began = time.perf_counter()
    try:
        summary = evaluate(
            config,
            out,
            resume=resume,
            n_envs=n_envs,
            retries=retries,
            budget=budget,
            agent=agent,
            on_episode=None if on_entry is None else on_entry(entry),
        )
    except (DataError, MissingExtra) as error:
        return {"skipped": str(error)}
    figures = {name: summary[name] for name in _FIGURES}
    return {**figures, "summary": f"{entry.name}/{SUMMARY}", "seconds": round(time.perf_counter() - began, 1)}
