"""What the report says above its episodes: one entry per run, by benchmark, beside the published figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from adagym.evals.compare import comparable
from adagym.evals.report.read import Run, part_means, tool_table, turn_counts

_LEADING = (
    "accuracy",
    "accuracy_ci95",
    "n",
    "calls_per_sample",
    "call_success_rate",
    "format_rate",
    "infra_failures",
    "turns",
    "reward_mean",
)
_ELSEWHERE = {*_LEADING, "config", "versions", "by_group", "calls_by_tool", "success_by_tool"}
"""Figures that have a table or a plot of their own."""


@cache
def references() -> Mapping[str, Any]:
    """The published figures of both papers: ``sources``, and ``benchmarks`` by the name of their task source."""
    found: Mapping[str, Any] = json.loads(
        resources.files("adagym.evals").joinpath("references.json").read_text("utf-8")
    )
    return found


def overview(runs: Sequence[Run]) -> dict[str, Any]:
    """Everything but the episodes, as JSON values.

    Returns:
        ``runs`` (one entry each), ``benchmarks`` (name, title, indices of the runs, published figures, chance) and
        ``sources`` of the published figures.
    """
    order: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        order.setdefault(" + ".join(run.benchmarks), []).append(number)
    return {
        "runs": [_entry(run, runs[order[" + ".join(run.benchmarks)][0]]) for run in runs],
        "benchmarks": [_benchmark(name, members) for name, members in order.items()],
        "sources": references()["sources"],
    }


def _benchmark(name: str, members: Sequence[int]) -> dict[str, Any]:
    known = references()["benchmarks"].get(name, {})
    return {"name": name, "title": name, "unit": "percent", "chance": None, "published": [], **known, "runs": members}


def _entry(run: Run, first: Run) -> dict[str, Any]:
    figures, config = run.figures, run.config
    usage = figures.get("usage") or {}
    return {
        "label": run.label,
        "agent": config.get("agent"),
        "env": config.get("env"),
        "protocol": config.get("protocol") or _settings(config),
        "config": _flat(config),
        "versions": _flat(figures.get("versions") or {}),
        "finished": run.finished,
        "stopped_by": figures.get("stopped_by"),
        **{name: figures.get(name) for name in _LEADING},
        "tokens": usage.get("tokens_per_sample"),
        "judge_accuracy": (figures.get("judge") or {}).get("judge_accuracy"),
        "latency_p50": usage.get("latency_p50"),
        "latency_p95": usage.get("latency_p95"),
        "groups": [{"group": name, **group} for name, group in figures["by_group"].items()],
        "more": _further(figures),
        "tools": tool_table(run),
        "turn_counts": turn_counts(run),
        "parts": part_means(run),
        "first": first.label,
        "differs": [] if run is first else comparable(first.summary, run.summary),
    }


def _further(figures: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """All figures that are nowhere else, but for those of every task."""
    named = {name: value for name, value in figures.items() if name not in _ELSEWHERE}
    return [(name, value) for name, value in _flat(named) if ".by_task." not in name]


def _settings(config: Mapping[str, Any]) -> str:
    """How the agent was asked, of runs whose protocol has no name."""
    kwargs = config.get("env_kwargs") or {}
    tools = kwargs.get("tools")
    parts = [kwargs.get("dialect"), kwargs.get("prompt"), kwargs.get("reward")]
    parts += [f"{kwargs['max_turns']} turns"] if "max_turns" in kwargs else []
    named = tools if isinstance(tools, str) else ", ".join(map(str, tools or ())) or "none"
    parts += [] if tools is None else [f"tools: {named}"]
    return ", ".join(str(part) for part in parts if part)


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Names with dots, and plain values; lists as JSON."""
    found: list[tuple[str, Any]] = []
    for name, item in value.items():
        if isinstance(item, Mapping):
            found += _flat(item, f"{prefix}{name}.")
        else:
            plain = json.dumps(item, ensure_ascii=False) if isinstance(item, list | tuple) else item
            found.append((f"{prefix}{name}", plain))
    return found
