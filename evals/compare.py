"""Two runs side by side: whether they may be compared, and by how much one is better on the tasks of both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from adagym.evals.run_folder import CONFIG, EPISODES, SUMMARY, read_facts, read_json
from adagym.evals.statistics import bootstrap, mcnemar
from adagym.evals.summary import EpisodeFacts, scores_by_task

ASKED = ("env", "tasks", "n", "repeats", "protocol")
"""What of the configuration must be the same, besides the environment's arguments."""

MATTERING = ("adagym", "av", "gymnasium", "numpy", "onnxruntime", "opencv-python-headless", "pillow", "rapidocr")
"""Packages that decide what pictures show, tools return and answers score."""

HASHES = {"system_prompt": "the system prompts", "tools": "the tools' schemas", "tasks": "the tasks"}


@dataclass(frozen=True)
class Paired:
    """Two runs over their common tasks."""

    tasks: int
    """Tasks that both have scored."""
    first: float
    """Mean accuracy of the first run on them; the mean over tasks of each task's mean."""
    second: float
    interval: tuple[float, float] | None
    """95 % bootstrap interval of second minus first, over tasks; None for fewer than two."""
    only_first: int
    """Tasks that the first alone has right, where both are simply right or wrong."""
    only_second: int
    p: float | None
    """McNemar's exact test; None where some answer is right in part, or tasks were played several times."""

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.first


def comparable(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Why two runs' figures do not mean the same; empty if they may be compared.

    Args:
        a: A run's ``summary.json``, or what :func:`read_summary` makes of a run without one.
        b: Another's.
    """
    return [*_asked(a, b), *_digests(a, b), *_versions(a, b), *_parts("The first", a), *_parts("The second", b)]


def paired(a: Iterable[EpisodeFacts], b: Iterable[EpisodeFacts], seed: int = 0) -> Paired | None:
    """Compare two runs task by task.

    Args:
        a: The first run's episodes.
        b: The second's.
        seed: Seeds the bootstrap.

    Returns:
        None if no task was scored in both.
    """
    first, second = scores_by_task(a), scores_by_task(b)
    common = sorted(first.keys() & second.keys())
    if not common:
        return None
    means = [
        (math.fsum(first[task]) / len(first[task]), math.fsum(second[task]) / len(second[task])) for task in common
    ]
    once = all(len(first[task]) == len(second[task]) == 1 for task in common)
    binary = once and all(value in (0, 1) for pair in means for value in pair)
    only_first = sum(pair == (1, 0) for pair in means)
    only_second = sum(pair == (0, 1) for pair in means)
    return Paired(
        len(common),
        fmean([one for one, _ in means]),
        fmean([two for _, two in means]),
        bootstrap([two - one for one, two in means], seed),
        only_first,
        only_second,
        mcnemar(only_first, only_second) if binary else None,
    )


def read_summary(folder: Path) -> dict[str, Any]:
    """A run's summary; of a run that is not finished, as much of it as its configuration tells.

    Raises:
        DataError: The folder holds no run.
    """
    if (folder / SUMMARY).is_file():
        return read_json(folder / SUMMARY)
    config = read_json(folder / CONFIG)
    told = {name: config.pop(name, {}) for name in ("versions", "hashes")}
    return {**told, "config": config, "stopped_by": "a kill"}


def read_episodes(folder: Path) -> list[EpisodeFacts]:
    """The facts of a run's episodes.

    Raises:
        DataError: The folder holds no run, or its file is damaged.
    """
    return list(read_facts(folder / EPISODES))


def _asked(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    first, second = a.get("config", {}), b.get("config", {})
    for name in ASKED:
        if first.get(name) != second.get(name):
            yield f"`{name}` is {_shown(first.get(name))} in one and {_shown(second.get(name))} in the other"
    one, two = first.get("env_kwargs", {}), second.get("env_kwargs", {})
    for name in sorted(one.keys() | two.keys()):
        if one.get(name) != two.get(name):
            yield f"`{name}` is {_shown(one.get(name))} in one and {_shown(two.get(name))} in the other"
    if (one.get("adaptive") or two.get("adaptive")) and first.get("seed") != second.get("seed"):
        yield "the seeds differ, and with them the adaptive names of tools"


def _digests(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    first, second = a.get("hashes", {}), b.get("hashes", {})
    for name, words in HASHES.items():
        if first.get(name) is None or second.get(name) is None:
            yield f"it is not known whether {words} are the same: a run was made by an older version"
        elif first[name] != second[name]:
            yield f"{words} differ ({name} {first[name][:8]} and {second[name][:8]})"


def _versions(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    first, second = a.get("versions", {}), b.get("versions", {})
    for name in MATTERING:
        if first.get(name) != second.get(name):
            yield f"{name} is {first.get(name) or 'absent'} in one and {second.get(name) or 'absent'} in the other"


def _parts(which: str, summary: Mapping[str, Any]) -> Iterator[str]:
    if summary.get("stopped_by"):
        yield f"{which} run is not finished: it was stopped by {summary['stopped_by']}"
    if summary.get("infra_failures"):
        yield f"{which} run has {summary['infra_failures']} infrastructure failures, which are not scored"


def _shown(value: Any) -> str:
    if value is None:
        return "the default"
    return ",".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
