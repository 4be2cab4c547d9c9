"""``adagym compare``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from adagym.errors import UsageError

if TYPE_CHECKING:
    from adagym.evals.compare import Paired


@dataclass(frozen=True)
class Compare:
    """Compare two runs task by task: the difference, its interval, McNemar's exact test, and what speaks against it.

    Example: adagym compare runs/base runs/trained
    """

    first: tyro.conf.Positional[Path]
    """Folder of a run."""
    second: tyro.conf.Positional[Path]
    """Folder of another."""
    adaptivity: bool = False
    """The first run had tools and the second none: report tool benefit, over-use and under-use."""
    seed: int = 0
    """Seeds the bootstrap of the interval."""

    def run(self) -> int:
        """Print the comparison."""
        from rich.console import Console
        from rich.table import Table

        from adagym.cli.tally import say
        from adagym.evals.adaptivity import adaptivity, by_task
        from adagym.evals.compare import comparable, paired, read_episodes, read_summary
        from adagym.evals.table import text

        reasons = comparable(read_summary(self.first), read_summary(self.second))
        one, two = read_episodes(self.first), read_episodes(self.second)
        table = Table("figure", "value", title=f"{self.first} and {self.second}")
        if self.adaptivity:
            for name, value in adaptivity(by_task(one, two)).items():
                table.add_row(name, text(value))
        else:
            result = paired(one, two, self.seed)
            if result is None:
                raise UsageError(
                    f"No task is scored in both {self.first} and {self.second}; compare runs of one source."
                )
            for label, words in _rows(result):
                table.add_row(label, words)
        console = Console()
        console.print(table)
        for reason in reasons:
            say(console, f"Not the same: {reason}.")
        if not reasons:
            say(console, "Both runs asked the same: same protocol, prompts, tools, tasks and versions.")
        return 0


def _rows(result: Paired) -> Iterator[tuple[str, str]]:
    yield "tasks in both", str(result.tasks)
    yield "accuracy of the first", f"{result.first:.3f}"
    yield "accuracy of the second", f"{result.second:.3f}"
    interval = "" if result.interval is None else f"  [{result.interval[0]:+.3f}, {result.interval[1]:+.3f}]"
    yield "second minus first", f"{result.difference:+.3f}{interval}"
    yield "right in one alone", f"{result.only_first} in the first, {result.only_second} in the second"
    yield "McNemar's exact p", "-" if result.p is None else f"{result.p:.3g}"
