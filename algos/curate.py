"""Curation: cold-start data from blueprints, real tool calls and worded thoughts (AdaReasoner, section 2.2).

Each row is an episode that was played, thought through and validated. A row that fails is counted with its reason and
replaced by another task, in at most ``ROUNDS`` rounds. Which task, seed and variant a row gets depends on the
configuration alone, so a stopped curation goes on where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np

from adagym.agents.curator import CuratorAgent, variant_of
from adagym.algos.cluster import Cluster, RayCollector
from adagym.algos.collect import Collector, Job
from adagym.algos.curation.mixes import MIXES, Mix, scaled
from adagym.algos.curation.thoughts import TEMPLATES, NoThoughts, fill, make_thinker, think_in_parallel
from adagym.algos.curation.validate import Length, fault
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks import load_tasks
from adagym.errors import UsageError
from adagym.types import Message, Task, Trajectory

ROUNDS = 4
"""How often a place is tried with other tasks, the first time included."""

KEY = "curation"
"""Where a task's ``meta`` keeps what its row is: ``{"variant", "attempt", "place"}``."""

TASKS = {
    "gui_qa": "gui:split=train,n=1000000",
    "jigsaw": "jigsaw:split=train,n=1000000",
    "image_qa": "images:split=train,n=1000000",
    "video_qa": "video:split=train,n=1000000",
    "vstar": "vstar:split=train,n=1000000",
    "vsp_navigation": "vsp-generated:split=train,n=1000000",
    "vsp_verification": "vsp-generated:split=train,n=1000000",
}
"""Family to task source. Tasks are drawn when they are needed, so a large number costs nothing."""

_PLANNER = "AStar"
_N_ENVS = 8


@dataclass(frozen=True)
class CurationConfig:
    """What to curate."""

    env: str
    """Registered environment id."""
    preset: str = "adareasoner-vsp"
    """Mix of variants; a name of ``adagym.algos.curation.MIXES``."""
    mix: Mapping[str, float] | None = None
    """Variant to share, in place of the preset's counts; needs ``n``."""
    n: int | None = None
    """Number of rows; None is the preset's."""
    tasks: str | None = None
    """Task source; None is the training split of the generated tasks."""
    planner: bool | None = None
    """Whether AStar is offered and used; None is as the preset says."""
    adaptive: str | None = None
    """Which definitions are randomised, for example ``names``; None keeps the real ones."""
    dialect: str = "adareasoner"
    prompt: str = "full"
    cot: str = TEMPLATES
    """Who writes the thoughts: ``templates`` or ``openai:MODEL@URL``."""
    cot_workers: int = 8
    """Requests to the model at a time."""
    max_tokens: int | None = None
    """Longer rows are rejected; needs a tokenizer."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.n is not None and self.n < 1:
            raise UsageError(f"n is {self.n}; ask for at least one row.")
        if self.mix is not None and self.n is None:
            raise UsageError("A mix gives shares; say with n how many rows there are to be.")
        if self.cot_workers < 1 or self.seed < 0:
            raise UsageError(f"cot_workers must be positive and seed not negative: {self.cot_workers}, {self.seed}.")


@dataclass(frozen=True)
class Row:
    """One validated episode."""

    trajectory: Trajectory
    """Its task's ``meta`` names the variant, so that a saved row says what it is."""

    @property
    def variant(self) -> str:
        """What the episode shows."""
        return str(self.trajectory.task.meta[KEY]["variant"])

    @property
    def attempt(self) -> int:
        """Number of the attempt, unique within a curation; also the position of the task in the source."""
        return int(self.trajectory.task.meta[KEY]["attempt"])

    @property
    def place(self) -> int:
        """Position in the finished data."""
        return int(self.trajectory.task.meta[KEY]["place"])

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation."""
        return self.trajectory.messages


@dataclass(frozen=True)
class Rejection:
    """An attempt that gave no row."""

    variant: str
    attempt: int
    task: str
    """The task's id."""
    reason: str


@dataclass(frozen=True)
class CuratedData:
    """What a curation made."""

    wanted: Mapping[str, int]
    """Variant to number of rows asked for."""
    rows: tuple[Row, ...]
    """In the order of their places: variants are shuffled."""
    rejections: tuple[Rejection, ...]

    @property
    def trajectories(self) -> list[Trajectory]:
        """The episodes, for :func:`adagym.algos.coldstart.examples`."""
        return [row.trajectory for row in self.rows]

    def summary(self) -> dict[str, Any]:
        """Rows wanted, made and rejected by reason, for each variant."""
        made = Counter(row.variant for row in self.rows)
        reasons = {name: Counter(r.reason for r in self.rejections if r.variant == name) for name in self.wanted}
        return {
            name: {"wanted": wanted, "made": made[name], "rejected": dict(sorted(reasons[name].items()))}
            for name, wanted in self.wanted.items()
        }


class Curation:
    """A curation that is ready to run: everything that can be wrong with the configuration has been checked.

    Args:
        config: What to curate.
        length: Counts the tokens of a conversation; needed with ``max_tokens``.
        cluster: A Ray cluster to play on; None plays here. The thoughts are written here.

    Raises:
        MissingExtra: Ray is not installed, and there is a cluster.
        UsageError: A name or value of the configuration cannot be used, or nothing answers at the cluster's address.
    """

    def __init__(self, config: CurationConfig, length: Length | None = None, cluster: Cluster | None = None) -> None:
        self._env_class = cast("type[ToolEnv]", ENVS.load(config.env))
        family = self._env_class.family
        mix: Mix = MIXES.load(config.preset)
        self.config = config
        self._cluster = cluster
        if cluster is not None:
            cluster.reach()
        self._remote: RayCollector | None = None
        self.wanted = _counts(config, mix, family)
        self._variants = {name: variant_of(family, name) for name in self.wanted}
        self._planner = mix.planner if config.planner is None else config.planner
        spec = TASKS.get(family) if config.tasks is None else config.tasks
        if spec is None:
            raise UsageError(f"There are no training tasks for `{family}`; give a task source.")
        self._tasks = load_tasks(spec, family)
        self._length = length
        if config.max_tokens is not None and length is None:
            raise UsageError("max_tokens needs a tokenizer to count with.")
        total = sum(self.wanted.values())
        if total > len(self._tasks):
            raise UsageError(f"{total} rows need as many tasks, and the source has {len(self._tasks)}; lower n.")
        names = [name for name, count in self.wanted.items() for _ in range(count)]
        self._plan = [names[i] for i in np.random.default_rng([config.seed, total]).permutation(total)]
        self._thinker = make_thinker(config.cot)
        for equipped in {variant.equipped for variant in self._variants.values()}:
            self._env_factory(equipped)().close()

    def run(self, done: Iterable[Row | Rejection] = ()) -> Iterator[Row | Rejection]:
        """Make the rows that are wanted, one by one as they are ready.

        Args:
            done: What an earlier, stopped run of the same configuration yielded; it is not made again.

        Raises:
            UsageError: The model that writes the thoughts does not answer, or there is no cluster at the address.
            InfraError: The cluster has no room, or its workers die one after the other.
        """
        try:
            yield from self._items(done)
        finally:
            if self._remote is not None:
                self._remote.close()
                self._remote = None

    def _items(self, done: Iterable[Row | Rejection]) -> Iterator[Row | Rejection]:
        known = {item.attempt: item for item in done}
        places: Sequence[int] = range(len(self._plan))
        first = 0
        for _ in range(ROUNDS):
            attempts = dict(enumerate(places[: len(self._tasks) - first], first))
            open_ = {attempt: place for attempt, place in attempts.items() if attempt not in known}
            for name in self.wanted:
                mine = {attempt: place for attempt, place in open_.items() if self._plan[place] == name}
                for item in self._attempt(name, mine):
                    known[item.attempt] = item
                    yield item
            places = [place for attempt, place in attempts.items() if isinstance(known[attempt], Rejection)]
            first += len(attempts)

    def data(self, items: Iterable[Row | Rejection]) -> CuratedData:
        """Gather what runs of this curation yielded."""
        items = list(items)
        rows = sorted((item for item in items if isinstance(item, Row)), key=lambda row: row.place)
        rejections = sorted((i for i in items if isinstance(i, Rejection)), key=lambda rejection: rejection.attempt)
        return CuratedData(self.wanted, tuple(rows), tuple(rejections))

    def _attempt(self, name: str, places: Mapping[int, int]) -> Iterator[Row | Rejection]:
        """Play one attempt at each place, and keep or reject what comes of it."""
        variant = self._variants[name]
        for trajectory, problem in self._thoughtful(self._played(name, places)):
            reason = problem or fault(trajectory, variant, self._length, self.config.max_tokens)
            row = Row(trajectory)
            yield row if reason is None else Rejection(name, row.attempt, trajectory.task.id, reason)

    def _played(self, name: str, places: Mapping[int, int]) -> Iterator[Trajectory]:
        if not places:
            return
        kind = _kind(self._variants[name].equipped)
        jobs = (
            Job(self._task(name, attempt, place), self._seed(attempt), env=kind) for attempt, place in places.items()
        )
        collector = self._collector(name)
        try:
            for rollout in collector.collect(jobs):
                yield rollout.trajectory
        finally:
            if isinstance(collector, Collector):
                collector.close()

    def _collector(self, name: str) -> Collector | RayCollector:
        """What plays a variant: a collector of its own, or the one on the cluster, which plays them all."""
        factories = {_kind(equipped): self._env_factory(equipped) for equipped in (True, False)}
        if self._cluster is None:
            return Collector(factories, CuratorAgent(name, self._planner), _N_ENVS)
        if self._remote is None:
            self._remote = RayCollector(factories, partial(CuratorAgent, name, self._planner), self._cluster, _N_ENVS)
        self._remote.renew(variant=name)
        return self._remote

    def _thoughtful(self, played: Iterator[Trajectory]) -> Iterator[tuple[Trajectory, str | None]]:
        """Episodes with their final thoughts, and what went wrong with writing them."""
        if self._thinker is None:
            yield from ((trajectory, None) for trajectory in played)
            return
        for trajectory, thoughts in think_in_parallel(self._thinker, played, self.config.cot_workers):
            if isinstance(thoughts, NoThoughts):
                yield trajectory, str(thoughts)
            else:
                yield (fill(trajectory, thoughts) if trajectory.outcome == "answered" else trajectory), None

    def _task(self, name: str, attempt: int, place: int) -> Task:
        task = self._tasks[attempt]
        return replace(task, meta={**task.meta, KEY: {"variant": name, "attempt": attempt, "place": place}})

    def _seed(self, attempt: int) -> int:
        return int(np.random.SeedSequence([self.config.seed, attempt]).generate_state(1)[0])

    def _env_factory(self, equipped: bool) -> Callable[[], ToolEnv]:
        offered = [name for name in self._env_class.default_tools if self._planner or name != _PLANNER]
        return partial(
            self._env_class,
            self._tasks[:1],
            tools=offered if equipped else [],
            dialect=self.config.dialect,
            prompt=cast(Any, self.config.prompt),
            adaptive=self.config.adaptive,
        )


def curate(
    config: CurationConfig, length: Length | None = None, on_item: Callable[[Row | Rejection], None] | None = None
) -> CuratedData:
    """Make cold-start data in memory.

    Args:
        config: What to curate.
        length: Counts the tokens of a conversation; needed with ``max_tokens``.
        on_item: Called with each row and rejection.

    Raises:
        UsageError: The configuration cannot be used, or the model that writes the thoughts does not answer.
    """
    curation = Curation(config, length)
    items = []
    for item in curation.run():
        items.append(item)
        if on_item is not None:
            on_item(item)
    return curation.data(items)


def _kind(equipped: bool) -> str:
    return "with tools" if equipped else "without tools"


def _counts(config: CurationConfig, mix: Mix, family: str) -> dict[str, int]:
    if config.mix is not None:
        return {name: count for name, count in scaled(config.mix, config.n or 0).items() if count}
    if family not in mix.counts:
        raise UsageError(f"The preset `{config.preset}` is for {', '.join(mix.counts)}, not for `{family}`.")
    counts = mix.counts[family]
    if config.n is None:
        return dict(counts)
    return {name: count for name, count in scaled(counts, config.n).items() if count}
