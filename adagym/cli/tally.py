"""A progress line of episodes, and the table and the lines that follow it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.evals.summary import EpisodeFacts


class Tally:
    """A progress line with the running accuracy.

    Args:
        console: Where it is shown, until it is done.
        label: What is played.
    """

    def __init__(self, console: Console, label: str = "episodes") -> None:
        from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._label = label
        columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task(label, total=None)
        self._right = 0.0
        self._scored = 0

    def __enter__(self) -> Tally:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def add(self, episode: EpisodeFacts, total: int) -> None:
        """Count one more episode of ``total``."""
        if episode.right is not None:
            self._scored += 1
            self._right += episode.right
        share = f", {self._right / self._scored:.1%} right" if self._scored else ""
        self._progress.update(self._task, advance=1, total=total, description=f"{self._label}{share}")


def say(console: Console, text: str) -> None:
    """Print a line as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def tell_stop(console: Console, summary: Mapping[str, Any]) -> None:
    """Say if a budget ended the run."""
    if summary["stopped_by"] is not None:
        limit = str(summary["stopped_by"]).replace("_", "-")
        say(console, f"Stopped by --{limit} after {summary['n']} of {summary['planned']} episodes; --resume goes on.")


def judge_run(console: Console, folder: Path, judge: str) -> None:
    """Judge a run that was just played, and print the figures."""
    from adagym.cli.judge import judge_and_print
    from adagym.evals.judges.config import JudgeConfig

    judge_and_print(console, folder, JudgeConfig(judge))
