"""What a benchmark's score is computed from, and means by sub-task."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scored:
    """What a score needs of one finished episode."""

    id: str
    """The task's id."""
    group: str
    """The id without its last part, for example ``mvbench/action_count``."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """The task's."""
    accuracy: float | None = None
    """In [0, 1]; None where the task's reference cannot be used."""
    answer: str = ""
    """The final answer; empty if there was none."""


Scorer = Callable[[Sequence[Scored]], Mapping[str, float | None]]
"""Computes a benchmark's own figures, by name, from the episodes of one run, sorted by id.

A figure without any case is None. An episode without an answer is one with accuracy 0. Shares are in [0, 1].
"""


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of what is known, None if nothing is; does not depend on the order."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def means_by(episodes: Iterable[Scored], key: Callable[[Scored], str]) -> dict[str, float]:
    """Mean accuracy by key, keys sorted; episodes without an accuracy count nowhere."""
    found: dict[str, list[float]] = defaultdict(list)
    for episode in episodes:
        if episode.accuracy is not None:
            found[key(episode)].append(episode.accuracy)
    return {name: math.fsum(values) / len(values) for name, values in sorted(found.items())}


def task_of(episode: Scored) -> str:
    """The last part of the group, by our convention the benchmark's sub-task."""
    return episode.group.rpartition("/")[2]
