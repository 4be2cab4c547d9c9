"""``adagym judge``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from adagym.evals.judges.config import JudgeConfig  # its fields are options

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.evals.judges.figures import Judgement


@dataclass(frozen=True)
class Judge:
    """Have a language model judge the answers of a run that the tasks' own rules do not settle.

    Verdicts are kept as they come: a stopped run goes on when it is started again.

    Example: adagym judge runs/a --judge openai:qwen2.5-72b@http://localhost:8000/v1 --audit 200
    """

    folder: tyro.conf.Positional[Path]
    """The folder of a run; judgements.jsonl is written to it, and figures to its summary.json."""
    config: JudgeConfig
    show: int = 0
    """Print so many answers about which rule and judge disagree."""

    def run(self) -> int:
        """Judge with a progress bar, and print the figures."""
        from rich.console import Console

        judge_and_print(Console(), self.folder, self.config, self.show)
        return 0


def judge_and_print(console: Console, folder: Path, config: JudgeConfig, show: int = 0) -> None:
    """Judge a run with a progress bar; print the figures, why there are failures, and some disagreements.

    Args:
        console: Where to print.
        folder: The run.
        config: Who judges, and what.
        show: How many answers to print about which rule and judge disagree.

    Raises:
        UsageError: See :func:`adagym.evals.judging.judge`.
    """
    from rich.table import Table

    from adagym.evals.judges.figures import rows
    from adagym.evals.judging import JUDGEMENTS, judge
    from adagym.evals.run_folder import SUMMARY

    with _Tally(console) as tally:
        judged = judge(folder, config, on_reply=tally.add)
    table = Table("figure", "value", title=f"{judged.figures['model']} on {folder}")
    for label, value in rows(judged.figures):
        table.add_row(label, value)
    console.print(table)
    failures = Counter(item.reason for item in judged.judgements if item.failed)
    for reason, count in failures.most_common(3):
        _say(console, f"{count} without a verdict: {reason}")
    for item in judged.disagreements[:show]:
        _show(console, item)
    _say(console, f"Written to {folder / JUDGEMENTS}")
    if not (folder / SUMMARY).is_file():
        _say(console, f"The run is not finished: there is no {SUMMARY} yet to put the figures into.")


def _show(console: Console, item: Judgement) -> None:
    """Print one answer, with all that was judged."""
    from rich.text import Text

    console.rule(Text(plain(f"{item.task}, seed {item.seed}")), align="left")
    _say(console, f"question: {item.question}")
    for reference in item.references:
        _say(console, f"reference: {reference}")
    _say(console, f"answer: {item.answer}")
    _say(console, f"rule: {item.rule}, judge: {item.judge}, because: {item.reason or '(no reason given)'}")


def _say(console: Console, text: str) -> None:
    console.print(plain(text), markup=False, highlight=False, soft_wrap=True)


def plain(text: str) -> str:
    """The text without characters that steer a terminal: models wrote some of what is printed."""
    return "".join(mark if mark.isprintable() or mark == "\n" else "\N{REPLACEMENT CHARACTER}" for mark in text)


class _Tally:
    """A progress bar with how often the judge said right, and how often nothing usable."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("judging", total=None)
        self._verdicts: Counter[int | None] = Counter()

    def __enter__(self) -> _Tally:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def add(self, item: Judgement, total: int) -> None:
        """Count one more judgement of ``total``."""
        self._verdicts[item.judge] += 1
        right, wrong, none = (self._verdicts[key] for key in (1, 0, None))
        words = f"judging: {right} right, {wrong} wrong, {none} without a verdict"
        self._progress.update(self._task, advance=1, total=total, description=words)
