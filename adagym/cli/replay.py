"""``adagym replay``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from adagym.errors import UsageError

if TYPE_CHECKING:
    from adagym.divergence import Divergence
    from adagym.types import Trajectory


@dataclass(frozen=True)
class Replay:
    """Step saved episodes again and name the first thing in each that differs, byte for byte.

    No model is needed. Nor are tools that ran on servers or in other processes: their results are taken from the
    record, unless --tools says what to run them on. Episodes that an infrastructure failure voided are left out. The
    exit code is 1 if any episode differs.

    Example: adagym replay runs/expert --against runs/expert-again
    """

    file: tyro.conf.Positional[Path]
    """A file of saved episodes (episodes.jsonl), or the folder that holds it."""
    show: int | None = None
    """Print the transcript of this episode instead (0 is the first)."""
    against: Path | None = None
    """Play nothing; compare with the episodes of this file or folder, by task and seed."""
    tools: str | None = None
    """What runs the tools: `record` takes all results from the record, `inline` runs them here, or another backend."""

    def run(self) -> int:
        """Compare all episodes, or print one."""
        if self.show is not None:
            return _show(_episodes(self.file), self.show)
        if self.against is not None:
            return _compare_runs(_episodes(self.file), _episodes(self.against))
        return _compare(_episodes(self.file), self.tools)


def _episodes(path: Path) -> Path:
    from adagym.evals.run_folder import EPISODES

    return path / EPISODES if path.is_dir() else path


def _compare(file: Path, tools: str | None) -> int:
    from adagym.divergence import first_divergence, record_of
    from adagym.store import read_trajectories

    report = _Report("saved", "replayed")
    played = void = 0
    for position, trajectory in enumerate(read_trajectories(file)):
        if trajectory.outcome == "infra_failure":
            void += 1
            continue
        played += 1
        found = first_divergence(record_of(trajectory), record_of(_again(trajectory, tools)))
        if found:
            report.add(position, trajectory.task.id, found)
    if not played + void:
        raise _nothing(file)
    report.print()
    print(f"{played} replayed, {played - report.count} identical, {report.count} different, {void} void.")
    return int(report.count > 0)


def _again(trajectory: Trajectory, tools: str | None) -> Trajectory:
    from adagym.store import replay
    from adagym.tools.backends.recorded import replay_from_record

    saved = trajectory.env_kwargs.get("tools")
    if tools == "record" or (tools is None and isinstance(saved, str)):
        return replay_from_record(trajectory)
    if tools is None:
        return replay(trajectory)
    names = saved.partition("#")[2] if isinstance(saved, str) else ",".join(saved or ())
    return replay(trajectory, tools=f"{tools}#{names}" if names else tools)


def _compare_runs(file: Path, other: Path) -> int:
    from adagym.divergence import first_divergence, pair_records
    from adagym.store import read_records

    report = _Report(str(file), str(other))
    paired = alone = unmatched = 0
    runs = [(record for record, _ in read_records(path)) for path in (file, other)]
    for position, left, right in pair_records(*runs):
        if left is None or right is None:
            alone, unmatched = alone + (right is None), unmatched + (left is None)
            continue
        paired += 1
        found = first_divergence(left, right)
        if found:
            report.add(position, left["task"]["id"], found)
    if not paired + alone + unmatched:
        raise _nothing(file)
    report.print()
    same = paired - report.count
    print(
        f"{paired} compared, {same} identical, {report.count} different, {alone} + {unmatched} without a counterpart."
    )
    return int(report.count + alone + unmatched > 0)


class _Report:
    """The first divergence of each episode that has one."""

    def __init__(self, one: str, other: str) -> None:
        from rich.table import Table

        self.count = 0
        self._first = ""
        self._table = Table("episode", "task", "diverges first at", one, other)

    def add(self, position: int, task: str, found: Divergence) -> None:
        from rich.markup import escape

        self.count += 1
        self._first = self._first or f"First divergence: episode {position}, task {task}, {found.where}."
        self._table.add_row(str(position), *map(escape, (task, found.where, found.one, found.other)))

    def print(self) -> None:
        """Print the table, if it has a row, and the first divergence of all in a line of its own."""
        from rich.console import Console

        if self.count:
            Console().print(self._table)
            print(self._first)


def _show(file: Path, wanted: int) -> int:
    from adagym.store import read_trajectories

    count = 0
    for position, trajectory in enumerate(read_trajectories(file)):
        if position == wanted:
            _print_transcript(trajectory)
            return 0
        count = position + 1
    if not count:
        raise _nothing(file)
    raise UsageError(f"{file} holds {count} episodes; --show takes a number from 0 to {count - 1}, not {wanted}.")


def _nothing(file: Path) -> UsageError:
    return UsageError(f"{file} holds no episode; give a file of saved episodes, or the folder of a run.")


def _print_transcript(trajectory: Trajectory) -> None:
    from rich.console import Console
    from rich.text import Text

    from adagym.types import TextBlock

    console = Console()
    for message in trajectory.messages:
        console.rule(Text(message.role), align="left")
        parts = [
            block.text
            if isinstance(block, TextBlock)
            else f"[{block.name}: {block.image.shape[1]}x{block.image.shape[0]}]\n"
            for block in message.content
        ]
        console.print("".join(parts), markup=False, highlight=False, soft_wrap=True)
    console.rule(align="left")
    console.print(f"{trajectory.outcome}, reward {trajectory.reward}, parts {dict(trajectory.reward_parts)}")
