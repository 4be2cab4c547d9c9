"""What training shows while it runs, and at its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

_ROWS = 12
"""Latest steps that stay in sight."""

_COLUMNS = {
    "reward": "reward",
    "part_accuracy": "success",
    "eval_accuracy": "evaluation",
    "part_format": "format",
    "part_tool": "tool",
    "part_benefit": "benefit",
    "seconds_rollout": "play s",
    "seconds_update": "learn s",
}
"""Metric to heading. The success of a mixture's sources stands after ``success``, calls by tool after ``tool``."""


class StepBar:
    """A progress bar that takes a remark with every step.

    Args:
        console: Where to print.
        name: What is going on.
        total: Number of steps.
    """

    def __init__(self, console: Console, name: str, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console)
        self._name = name
        self._task = self._bar.add_task(name, total=total)

    def __enter__(self) -> Callable[[str], None]:
        """Start, and return the function to call after each step with a remark."""
        self._bar.start()
        return self._advance

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _advance(self, remark: str) -> None:
        self._bar.update(self._task, advance=1, description=f"{self._name}: {remark}")


class TrainingTable:
    """A live table of the latest steps above a progress bar; without a terminal it prints once, at the end.

    Args:
        console: Where to print.
        steps: Length of the run.
        done: Steps done before this process.
    """

    def __init__(self, console: Console, steps: int, done: int = 0) -> None:
        columns = (TextColumn("Tool-GRPO"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console)
        self._task = self._bar.add_task("steps", total=steps, completed=done)
        self._rows: deque[Mapping[str, float]] = deque(maxlen=_ROWS)
        self._live = Live(self._draw(), console=console, refresh_per_second=2)

    def __enter__(self) -> TrainingTable:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show one more step."""
        self._rows.append({"step": step, **metrics})
        self._bar.update(self._task, completed=step)
        self._live.update(self._draw())

    def _draw(self) -> Group:
        if not self._rows:
            return Group(self._bar)
        columns = _columns(self._rows)
        table = Table("step", *columns.values(), box=box.SIMPLE)
        for row in self._rows:
            table.add_row(f"{row['step']:.0f}", *(_shown(name, row.get(name)) for name in columns))
        return Group(table, self._bar)


def before_and_after(history: Sequence[Mapping[str, float]], span: int = 5) -> Table:
    """Means over the first and the last steps of a run; of evaluations, the first and the last.

    Args:
        history: Metrics by step.
        span: How many steps at either end; half of the run if it is shorter than two spans.
    """
    steps = [row for row in history if row.get("step", 1) > 0]
    span = max(1, min(span, len(steps) // 2))
    table = Table("figure", f"first {span} steps", f"last {span} steps", title="Means over the training episodes")
    for name, heading in _columns(history).items():
        evaluated = [row for row in history if name in row]
        ends = (evaluated[:1], evaluated[-1:]) if name.startswith("eval_") else (steps[:span], steps[-span:])
        table.add_row(heading, *(_shown(name, _mean(part, name)) for part in ends))
    return table


def _columns(rows: Iterable[Mapping[str, float]]) -> dict[str, str]:
    """Metrics that occur, and their headings."""
    names = {name for row in rows for name in row}
    totals = sorted(name for name in names if "/" not in name)
    calls = {name: f"{name.removeprefix('calls_')} calls" for name in totals if name.startswith("calls_")}
    sources = {name: name.partition("/")[0] for name in sorted(names) if name.endswith("/part_accuracy")}
    columns: dict[str, str] = {}
    for name, heading in _COLUMNS.items():
        columns |= {name: heading} if name in names else {}
        columns |= {"part_accuracy": sources, "part_tool": calls}.get(name, {})
    return columns


def _mean(rows: Sequence[Mapping[str, float]], name: str) -> float | None:
    absent = 0.0 if name.startswith("calls_") else None
    values = [value for row in rows if (value := row.get(name, absent)) is not None]
    return sum(values) / len(values) if values else None


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "0.00" if name.startswith("calls_") else "-"
    return f"{value:.0%}" if name.endswith(("_accuracy", "_format")) else f"{value:.2f}"
