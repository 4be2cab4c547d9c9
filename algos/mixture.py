"""Several tasks in one run: where episodes come from, in which shares, and how the shares move (a curriculum)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from adagym.agents.seat import GymEnv, bare
from adagym.algos.collect import Job
from adagym.errors import UsageError
from adagym.types import Task

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
"""Names head metrics, as in ``NAME/reward``."""


@dataclass(frozen=True)
class Source:
    """An environment with its tasks, and how much of the run it makes up."""

    env_id: str
    """A registered environment."""
    env: Mapping[str, Any] = field(default_factory=dict)
    """Its arguments, for example ``{"tasks": "vsp-generated:sides=4,split=train"}``."""
    weight: float = 1.0
    """Share of the prompts, relative to the other sources, at the first step."""
    weight_end: float | None = None
    """Share at the last step, linear in between; None keeps ``weight``."""
    name: str = ""
    """Heads its metrics; empty for the environment's family."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.weight, self.last_weight) < 0 or not np.isfinite([self.weight, self.last_weight]).all():
            raise UsageError(
                f"The source `{self.name or self.env_id}` has weight {self.weight} and weight_end {self.weight_end}; "
                "give numbers of at least 0."
            )
        if self.name and not _NAME.fullmatch(self.name):
            raise UsageError(f"The source name {self.name!r} heads metrics; use letters, digits, `_`, `.` and `-`.")

    @property
    def last_weight(self) -> float:
        """The weight at the last step."""
        return self.weight if self.weight_end is None else self.weight_end


def shares(sources: Sequence[Source], step: int, steps: int) -> NDArray[np.float64]:
    """Each source's share of the prompts, ``(len(sources),)``, adding up to 1.

    Args:
        sources: At least one of them has a weight above 0 at this step.
        step: From 0.
        steps: Length of the run; the last step, ``steps - 1``, has the final weights, and so has every later one.
    """
    progress = min(1.0, step / max(1, steps - 1))
    weights = [(1 - progress) * source.weight + progress * source.last_weight for source in sources]
    return np.array(weights) / sum(weights)


def assign(share: NDArray[np.float64], count: int, rng: np.random.Generator) -> list[int]:
    """Draw a source for each of ``count`` prompts.

    Systematic sampling: a source gets ``share * count`` prompts, rounded up or down at random so that its mean is
    exact. Whole numbers are always met: 8 prompts in equal shares are always 4 and 4.

    Args:
        share: ``(sources,)``, adding up to 1.
        count: Prompts.
        rng: Decides the rounding and the order.

    Returns:
        ``count`` source numbers in random order.
    """
    borders = np.round(np.cumsum(share) * count, 9)  # what should be a whole number is one
    borders[-1] = count
    picks = np.searchsorted(borders, rng.random() + np.arange(count), side="right")
    return [int(pick) for pick in rng.permutation(picks)]


class Mixture:
    """Sources with their tasks, read once.

    Args:
        sources: What to play. Each needs a name of its own, or to be the only unnamed one of its family.

    Attributes:
        names: Of the sources, in their order.
        factories: Make an environment, by name of the source.

    Raises:
        UsageError: No source, two of one name, different dialects, weights that are all 0 at some time, or an
            environment's arguments cannot be used.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        if not sources:
            raise UsageError("There is nothing to play: give at least one source.")
        if min(sum(source.weight for source in sources), sum(source.last_weight for source in sources)) <= 0:
            raise UsageError("The weights of all sources are 0 at the start or at the end; give one a positive weight.")
        self.sources = tuple(sources)
        self.tasks: list[Sequence[Task]] = []
        names: list[str] = []
        dialects: dict[str, str] = {}
        for source in sources:
            first = gym.make(source.env_id, disable_env_checker=True, **source.env)
            inner = bare(first)
            names.append(source.name or inner.family)
            dialects.setdefault(inner.action_space.dialect, names[-1])
            self.tasks.append(inner.tasks)
            first.close()
        _check_names(names)
        if len(dialects) > 1:
            told = ", ".join(f"`{dialect}` ({name})" for dialect, name in dialects.items())
            raise UsageError(f"The sources speak different dialects: {told}. One policy plays them all; give them one.")
        self.names = tuple(names)
        self.factories: dict[str, Callable[[], GymEnv]] = {
            name: _maker(source, tasks) for name, source, tasks in zip(names, sources, self.tasks, strict=True)
        }

    def draw(self, seed: int, step: int, steps: int, prompts: int) -> list[Job]:
        """The prompts of a step: a function of the arguments alone, so that a resumed run repeats them.

        Args:
            seed: The run's.
            step: From 0.
            steps: Length of the run.
            prompts: How many to draw.

        Returns:
            A job for each, with a task, a seed, a group and its source's name.
        """
        # A stream of its own: a single source is drawn from as if there were no mixture.
        chosen = assign(shares(self.sources, step, steps), prompts, np.random.default_rng([seed, step, 1]))
        rng = np.random.default_rng([seed, step])
        drawn: dict[int, list[int]] = {}
        for number in range(len(self.sources)):
            size, available = chosen.count(number), len(self.tasks[number])
            drawn[number] = rng.choice(available, size=size, replace=available < size).tolist()
        seeds = rng.integers(2**31, size=prompts).tolist()
        return [
            Job(self.tasks[source][drawn[source].pop(0)], seeds[number], f"{step}-{number}", self.names[source])
            for number, source in enumerate(chosen)
        ]

    def first(self, n: int) -> list[Job]:
        """A job for each of the first ``n`` tasks of every source.

        Raises:
            UsageError: A source has fewer.
        """
        for name, tasks in zip(self.names, self.tasks, strict=True):
            if not 1 <= n <= len(tasks):
                raise UsageError(f"The source `{name}` has {len(tasks)} tasks, and {n} are asked for.")
        pairs = zip(self.names, self.tasks, strict=True)
        return [Job(tasks[number], number, env=name) for name, tasks in pairs for number in range(n)]


def _check_names(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"More than one source is called `{twice[0]}`; give each a `name` of its own.")


def _maker(source: Source, tasks: Sequence[Task]) -> Callable[[], GymEnv]:
    """One task source serves all environments: reading a folder once is enough."""
    arguments = {**source.env, "tasks": tasks}
    return lambda: gym.make(source.env_id, disable_env_checker=True, **arguments)
