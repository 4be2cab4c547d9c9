"""Run folders as the report needs them: figures, and facts of every episode. No picture is opened here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adagym.errors import DataError, UsageError
from adagym.evals.compare import read_summary
from adagym.evals.run_folder import CONFIG, EPISODES, SUMMARY, read_json
from adagym.evals.summary import EpisodeFacts, facts, summarise
from adagym.evals.usage import USAGE, EpisodeUsage, Key, read_usage
from adagym.store import read_records
from adagym.types import Trajectory

JUDGEMENTS = "judgements.jsonl"


@dataclass(frozen=True)
class Played:
    """What the tables, plots and filters need of one episode."""

    line: int
    """Its place in ``episodes.jsonl``, from 0."""
    seed: int | None
    facts: EpisodeFacts
    malformed: tuple[str, ...]
    """Kinds of the turns that held neither a call nor an answer."""
    parts: Mapping[str, float | None]
    """The reward's."""
    place: int = 0
    """Among the run's, sorted by task and seed."""
    pair: str = ""
    """The same for the episodes of other runs that it is shown beside: the task, and which of the task's it is."""

    @property
    def key(self) -> Key:
        """Identifies the episode within its run."""
        return self.facts.id, self.seed

    @property
    def failed_calls(self) -> int:
        """How many calls did not succeed."""
        return len(self.facts.calls) - self.facts.succeeded

    @property
    def state(self) -> str:
        """``right``, ``wrong``, ``partial``, ``unscored`` or ``infra``."""
        if self.facts.failed:
            return "infra"
        if self.facts.right is None:
            return "unscored"
        return {1.0: "right", 0.0: "wrong"}.get(self.facts.right, "partial")


@dataclass(frozen=True)
class Run:
    """One run folder."""

    folder: Path
    label: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    """What ``summary.json`` says; of a run that is not finished, what is known of it."""
    figures: Mapping[str, Any]
    """Those of the summary; of a run that is not finished, those of the episodes so far."""
    finished: bool
    played: tuple[Played, ...]
    """Sorted by task and seed."""
    judgements: Mapping[Key, Mapping[str, Any]]
    usage: Mapping[Key, EpisodeUsage]

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """The first parts of the task ids, sorted."""
        return tuple(sorted({item.facts.id.partition("/")[0] for item in self.played}))


def find_runs(folders: Sequence[Path]) -> list[Path]:
    """The run folders among the given ones, and directly inside those that hold runs.

    Inside, runs without an episode are passed over: a suite leaves them for what it could not play.

    Raises:
        UsageError: A folder is neither; names what is missing.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder; give folders that `adagym eval` wrote.")
        inside = [folder] if _is_run(folder) else [child for child in sorted(folder.iterdir()) if _has_begun(child)]
        if not inside:
            missing = " and ".join(name for name in (CONFIG, EPISODES) if not (folder / name).is_file())
            raise UsageError(
                f"{folder} is no run: it holds no {missing}, and none of its folders is a run. "
                "Give folders that `adagym eval` wrote."
            )
        found += [path for path in inside if path.resolve() not in {run.resolve() for run in found}]
    return found


def _is_run(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and (folder / EPISODES).is_file()


def _has_begun(folder: Path) -> bool:
    return _is_run(folder) and (folder / EPISODES).stat().st_size > 0


def labels(folders: Sequence[Path]) -> list[str]:
    """The folders' names, with as many parents as tell them apart, at most all."""
    paths = [folder.resolve().parts for folder in folders]
    depth = 1
    while depth < max(map(len, paths), default=1) and len({path[-depth:] for path in paths}) < len(paths):
        depth += 1
    return ["/".join(path[-depth:]).replace("//", "/") for path in paths]


def read_run(folder: Path, label: str) -> Run:
    """Read a run.

    Raises:
        DataError: A file of it is damaged.
        UsageError: It holds no episode.
    """
    chosen: dict[Key, Played] = {}
    for line, (_, trajectory) in enumerate(read_records(folder / EPISODES)):
        item = _played(line, trajectory)
        # A failed episode may have been played again; of others the first counts, as when a run is resumed.
        if item.key not in chosen or (chosen[item.key].facts.failed and not item.facts.failed):
            chosen[item.key] = item
    if not chosen:
        raise UsageError(f"{folder / EPISODES} holds no finished episode yet; wait for the run, or leave it out.")
    played = tuple(_placed(sorted(chosen.values(), key=lambda item: (_natural(item.facts.id), item.seed or 0))))
    summary = read_summary(folder)
    return Run(
        folder=folder,
        label=label,
        config=read_json(folder / CONFIG),
        summary=summary,
        figures={**summarise([item.facts for item in played]), **summary},
        finished=(folder / SUMMARY).is_file(),
        played=played,
        judgements=dict(_judgements(folder / JUDGEMENTS)),
        usage=read_usage(folder / USAGE),
    )


def _played(line: int, trajectory: Trajectory) -> Played:
    return Played(
        line=line,
        seed=trajectory.seed,
        facts=facts(trajectory),
        malformed=tuple(step.parsed.error_kind or "error" for step in trajectory.steps if step.parsed.error),
        parts=trajectory.reward_parts,
    )


def _placed(played: Sequence[Played]) -> Iterator[Played]:
    seen: Counter[str] = Counter()
    for place, item in enumerate(played):
        yield replace(item, place=place, pair=f"{item.facts.id}#{seen[item.facts.id]}")
        seen[item.facts.id] += 1


def _natural(task_id: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorts ``s5/2`` before ``s5/10``."""
    parts = task_id.split("/")
    return tuple((not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts)


def _judgements(path: Path) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """What judges said; a torn last line is ignored."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            return
        try:
            value = json.loads(line)
            task_id, seed = value["key"]
            yield (task_id, seed), value
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"Line {number} of {path} is no judgement ({type(error).__name__}: {error}).") from None


def tool_table(run: Run) -> list[dict[str, Any]]:
    """Calls, successes and calls per sample by tool, sorted by name, over the episodes that count."""
    counted = [item for item in run.played if not item.facts.failed]
    calls = Counter(name for item in counted for name in item.facts.calls)
    right = Counter(name for item in counted for name in item.facts.successes)
    return [
        {"tool": name, "calls": count, "succeeded": right[name], "per_sample": count / len(counted)}
        for name, count in sorted(calls.items())
    ]


def turn_counts(run: Run) -> list[tuple[int, int]]:
    """How many episodes took how many turns, over the episodes that count."""
    return sorted(Counter(item.facts.turns for item in run.played if not item.facts.failed).items())


def part_means(run: Run) -> list[dict[str, Any]]:
    """Mean of each reward part, and over how many episodes, in the order in which the parts occur."""
    values: dict[str, list[float]] = {}
    for item in run.played:
        for name, value in item.parts.items():
            values.setdefault(name, []).extend([] if value is None or item.facts.failed else [value])
    return [
        {"part": name, "mean": sum(known) / len(known) if known else None, "n": len(known)}
        for name, known in values.items()
    ]
