"""The Tool Benefit Score of AdaTooler-V: how much better an agent answers a task with tools than without.

``dS = mean score of K episodes with tools - mean score of K episodes without``. The authors used 8 and 8 with
Qwen2.5-VL-72B-Instruct, once, before training; here any agent and any K. As the tools are listed in the system
prompt, the two conditions have different prompts. What an episode scores is its accuracy, 0 to 1.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from adagym.agents.base import Agent
from adagym.agents.seat import GymEnv
from adagym.algos.cluster import Cluster, RayCollector
from adagym.algos.collect import Collector, Job, Rollout
from adagym.errors import DataError, UsageError
from adagym.types import Task

CONDITIONS = ("with", "without")

Key = tuple[int, str, int]
"""Position of the task, condition, and number of the episode: identifies an episode within a run."""


@dataclass(frozen=True)
class Attempt:
    """One episode, as its line in the log says it."""

    id: str
    """The task's."""
    index: int
    """The task's position in its source."""
    condition: str
    """``with`` or ``without`` tools."""
    k: int
    """Number of the episode, from 0."""
    score: float | None
    """Its accuracy, 0 to 1; None if it failed, or its answer cannot be judged by rule."""
    calls: int = 0
    """Successful tool calls."""
    error: str | None = None
    """What broke, if infrastructure did; such an episode counts for nothing and is played again."""

    @property
    def key(self) -> Key:
        """What identifies the episode."""
        return self.index, self.condition, self.k


@dataclass(frozen=True)
class TaskBenefit:
    """What the episodes of one task amount to."""

    id: str
    index: int
    """Position in the source."""
    benefit: float | None
    """The Tool Benefit Score, in [-1, 1]; None unless both conditions have an episode that could be scored."""
    mean_with: float | None
    mean_without: float | None
    n_with: int
    """Scored episodes with tools."""
    n_without: int
    calls: float | None
    """Successful calls per scored episode with tools."""

    def row(self) -> dict[str, Any]:
        """The task's line in ``benefit.jsonl``."""
        return {name.removeprefix("mean_"): value for name, value in asdict(self).items()}


def measure(
    envs: Mapping[str, Callable[[], GymEnv]],
    tasks: Sequence[Task],
    agent: Agent | Callable[[], Agent],
    log: Path,
    *,
    k: int = 8,
    seed: int = 0,
    n_envs: int | None = None,
    cluster: Cluster | None = None,
    on_attempt: Callable[[Attempt], None] | None = None,
) -> list[TaskBenefit]:
    """Play every task ``k`` times with and ``k`` times without tools, and compare.

    Every episode is appended to the log and synced to disk as it ends. What the log already holds is not played
    again; an episode that infrastructure broke is, once at the end of each call.

    Args:
        envs: Makes an environment, by condition: ``with`` and ``without``. Their reward must report ``accuracy``.
        tasks: What to score.
        agent: Who plays, and the caller closes it; with a cluster, what makes each worker's.
        log: The file of episodes, made or continued.
        k: Episodes per task and condition.
        seed: Seeds every episode, together with the task's position, the condition and the episode's number.
        n_envs: How many episodes run at a time (of each worker of a cluster), None for what suits the agent; does not
            change the scores.
        cluster: A Ray cluster to play on; None plays here.
        on_attempt: Called with each episode, those of the log included.

    Returns:
        One entry per task, in order.

    Raises:
        UsageError: ``k`` or ``seed`` is out of range, the agent cannot play these environments, or there is no cluster.
        DataError: The log is damaged or belongs to other tasks, or a task's picture cannot be read.
    """
    if k < 1 or seed < 0:
        raise UsageError(f"k must be at least 1 and the seed at least 0; they are {k} and {seed}.")
    found = {attempt.key: attempt for attempt in read_attempts(log, tasks)}
    keys = [
        (index, condition, number) for index in range(len(tasks)) for condition in CONDITIONS for number in range(k)
    ]
    for key in keys:
        if _played(found, key):
            _tell(on_attempt, found[key])
    collector = _collector(envs, agent, n_envs, cluster)
    try:
        with _Log(log) as lines:
            for last in (False, True):
                for attempt in _play(collector, tasks, [key for key in keys if not _played(found, key)], seed):
                    lines.append(attempt)
                    found[attempt.key] = attempt
                    if last or attempt.error is None:
                        _tell(on_attempt, attempt)
    finally:
        collector.close()
    return compare(tasks, [found[key] for key in keys])


def compare(tasks: Sequence[Task], attempts: Sequence[Attempt]) -> list[TaskBenefit]:
    """Reduce episodes to a score per task.

    Args:
        tasks: All tasks; one without episodes has no score.
        attempts: The episodes, in any order.
    """
    scores: dict[tuple[int, str], list[float]] = defaultdict(list)
    calls: dict[int, list[int]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda attempt: attempt.key):  # so that sums do not depend on the order
        if attempt.score is not None:
            scores[attempt.index, attempt.condition].append(attempt.score)
            if attempt.condition == "with":
                calls[attempt.index].append(attempt.calls)
    found = []
    for index, task in enumerate(tasks):
        helped, bare = scores[index, "with"], scores[index, "without"]
        above, below = (fmean(values) if values else None for values in (helped, bare))
        benefit = None if above is None or below is None else above - below
        mean_calls = fmean(calls[index]) if calls[index] else None
        found.append(TaskBenefit(task.id, index, benefit, above, below, len(helped), len(bare), mean_calls))
    return found


def read_attempts(log: Path, tasks: Sequence[Task]) -> Iterator[Attempt]:
    """Read the log of a stopped run. A torn last line is ignored, a missing file is an empty one.

    Raises:
        DataError: A line before the last is malformed, or is about another task than ``tasks`` has there.
    """
    if not log.is_file():
        return
    for number, line in enumerate(log.read_bytes().split(b"\n")[:-1], 1):
        try:
            attempt = Attempt(**json.loads(line))
            known = attempt.condition in CONDITIONS and tasks[attempt.index].id == attempt.id
        except (ValueError, TypeError, IndexError) as error:
            raise DataError(f"Line {number} of {log} is not an episode ({type(error).__name__}: {error}).") from error
        if not known:
            raise DataError(
                f"Line {number} of {log} is about task {attempt.index}, `{attempt.id}`, which is "
                f"`{tasks[attempt.index].id}` now: the source has changed. Start again in another folder."
            )
        yield attempt


def write_benefits(path: Path, benefits: Sequence[TaskBenefit]) -> None:
    """Write one line per task; a reader sees the whole file or none."""
    half = path.with_name(path.name + ".part")
    half.write_text("".join(json.dumps(benefit.row()) + "\n" for benefit in benefits), encoding="utf-8")
    half.replace(path)


def summarise(benefits: Sequence[TaskBenefit]) -> dict[str, Any]:
    """Counts and means over tasks.

    Returns:
        ``tasks``, ``scored`` (counts); over the scored: shares ``helpful`` (above 0), ``neutral``, ``unhelpful``, and
        means ``benefit``, ``with``, ``without``, ``calls``; all None if there are none.
    """
    scored = [(item, item.benefit) for item in benefits if item.benefit is not None]
    values = [value for _, value in scored]
    return {
        "tasks": len(benefits),
        "scored": len(scored),
        "helpful": _mean([value > 0 for value in values]),
        "neutral": _mean([value == 0 for value in values]),
        "unhelpful": _mean([value < 0 for value in values]),
        "benefit": _mean(values),
        "with": _mean([item.mean_with for item, _ in scored]),
        "without": _mean([item.mean_without for item, _ in scored]),
        "calls": _mean([item.calls for item, _ in scored]),
    }


class _Log:
    """Appends attempts to a file, one synced line each; a torn last line is dropped."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "a+b", buffering=0)
        self._file.seek(0)
        content = self._file.read()
        if content and not content.endswith(b"\n"):
            self._file.truncate(content.rfind(b"\n") + 1)

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, attempt: Attempt) -> None:
        self._file.write(json.dumps(asdict(attempt)).encode() + b"\n")
        os.fsync(self._file.fileno())


def _collector(
    envs: Mapping[str, Callable[[], GymEnv]],
    agent: Agent | Callable[[], Agent],
    n_envs: int | None,
    cluster: Cluster | None,
) -> Collector | RayCollector:
    if isinstance(agent, Agent):
        if cluster is not None:
            raise UsageError(f"Each worker of a cluster needs an agent of its own; give what makes one, not {agent!r}.")
        return Collector(envs, agent, agent.parallel if n_envs is None else n_envs)
    if cluster is None:
        raise UsageError("Give an agent, or a cluster for whose workers to make some.")
    return RayCollector(envs, agent, cluster, n_envs)


def _play(
    collector: Collector | RayCollector, tasks: Sequence[Task], keys: Sequence[Key], seed: int
) -> Iterator[Attempt]:
    jobs = (
        Job(tasks[index], _seed(seed, index, CONDITIONS.index(condition), number), env=condition)
        for index, condition, number in keys
    )
    for rollout in collector.collect(jobs):
        yield _attempt(rollout, keys[rollout.index])


def _seed(*entropy: int) -> int:
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def _attempt(rollout: Rollout, key: Key) -> Attempt:
    trajectory, (index, condition, number) = rollout.trajectory, key
    if trajectory.outcome == "infra_failure":
        return Attempt(trajectory.task.id, index, condition, number, None, error=trajectory.error or "unknown")
    calls = sum(call.ok for call in trajectory.calls)
    return Attempt(trajectory.task.id, index, condition, number, trajectory.reward_parts.get("accuracy"), calls)


def _played(found: Mapping[Key, Attempt], key: Key) -> bool:
    return key in found and found[key].error is None


def _tell(on_attempt: Callable[[Attempt], None] | None, attempt: Attempt) -> None:
    if on_attempt is not None:
        on_attempt(attempt)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
