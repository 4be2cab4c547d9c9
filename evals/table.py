"""A summary as label and text, for a table in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = (
    "n",
    "turns",
    "calls_per_sample",
    "valid_calls_per_sample",
    "call_success_rate",
    "format_rate",
    "answered",
    "truncated",
    "infra_failures",
    "retried",
    "reward_mean",
)


def rows(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of a summary as label and text, groups last."""
    own = [(f"benchmark {name}", text(value)) for name, value in summary.get("benchmark", {}).items()]
    plain = [(name, text(summary[name])) for name in _PLAIN if name in summary]
    groups = [(f"accuracy {name}", with_interval(group)) for name, group in summary["by_group"].items()]
    return [
        ("accuracy", with_interval(summary)),
        *_repeats(summary),
        *own,
        *plain,
        *((f"infra: {kind}", text(count)) for kind, count in summary.get("infra_kinds", {}).items()),
        *_tools(summary),
        *_usage(summary),
        *groups,
    ]


def with_interval(figures: Mapping[str, Any]) -> str:
    """An accuracy with its interval and the number of episodes."""
    return f"{accuracy(figures)}  n={figures['n']}"


def accuracy(figures: Mapping[str, Any]) -> str:
    """An accuracy with its interval."""
    interval = figures["accuracy_ci95"]
    suffix = "" if interval is None else f"  [{interval[0]:.3f}, {interval[1]:.3f}]"
    return f"{text(figures['accuracy'])}{suffix}"


def text(value: float | None) -> str:
    """A figure in three decimals, a count as it is."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _repeats(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    repeats = summary.get("repeats")
    if repeats:
        yield f"avg@{repeats['k']}", text(repeats["avg"])
        for size, value in repeats["pass_at"].items():
            yield f"pass@{size}", text(value)


def _tools(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    empty = summary.get("empty_results", {})
    for name, value in summary["calls_by_tool"].items():
        rate = summary.get("success_by_tool", {}).get(name)
        found = f", {empty[name]} found nothing" if name in empty else ""
        yield f"calls of {name}", f"{text(value)}, {text(rate)} succeeded{found}"


def _usage(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in summary.get("usage", {}).items():
        if value:
            yield f"usage {name}", text(value)
