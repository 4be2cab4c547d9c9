"""``adagym replay``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from adagym.types import Trajectory


@dataclass(frozen=True)
class Replay:
    """Step saved episodes again and compare every observation, call result and reward, byte for byte.

    Episodes that an infrastructure failure voided are left out. The exit code is 1 if any episode differs.

    Example: adagym replay runs/expert/episodes.jsonl --show 0
    """

    file: tyro.conf.Positional[Path]
    """A file of saved episodes (episodes.jsonl), or the folder that holds it."""
    show: int | None = None
    """Print the transcript of this episode instead (0 is the first)."""

    def run(self) -> int:
        """Compare all episodes, or print one."""
        from adagym.evals.run_folder import EPISODES

        file = self.file / EPISODES if self.file.is_dir() else self.file
        return _compare(file) if self.show is None else _show(file, self.show)


def _compare(file: Path) -> int:
    from rich.console import Console
    from rich.table import Table

    from adagym.store import differences, read_trajectories, replay

    console = Console()
    table = Table("episode", "task", "differs in")
    played = void = differing = 0
    for position, trajectory in enumerate(read_trajectories(file)):
        if trajectory.outcome == "infra_failure":
            void += 1
            continue
        played += 1
        fields = differences(trajectory, replay(trajectory))
        if fields:
            differing += 1
            table.add_row(str(position), trajectory.task.id, ", ".join(fields))
    if differing:
        console.print(table)
    console.print(f"{played} replayed, {played - differing} identical, {differing} different, {void} void.")
    return int(differing > 0)


def _show(file: Path, wanted: int) -> int:
    from adagym.errors import UsageError
    from adagym.store import read_trajectories

    count = 0
    for position, trajectory in enumerate(read_trajectories(file)):
        if position == wanted:
            _print_transcript(trajectory)
            return 0
        count = position + 1
    raise UsageError(f"{file} holds {count} episodes; --show takes a number from 0 to {count - 1}, not {wanted}.")


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
