"""Curves of a training run as one picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adagym.errors import UsageError, require

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""

_STYLES = ("-", "--", "-.", ":")
"""A second mark beside colour, for prints in grey."""


def plot_curves(metrics: Sequence[Mapping[str, float]], path: Path, title: str) -> None:
    """Draw reward and its parts, success, and calls per sample by tool, over the steps of training.

    Args:
        metrics: One mapping per step, in order, with the keys of
            :func:`adagym.algos.metrics.rollout_metrics`. ``step`` numbers the step, else its place does.
        path: PNG to write; its folder is made if needed.
        title: Heading.

    Raises:
        UsageError: There are no metrics.
        MissingExtra: matplotlib is not installed.
    """
    if not metrics:
        raise UsageError("There are no metrics to draw; train for at least one step first.")
    require("matplotlib", "train")
    # A figure of its own, not pyplot's: nothing global, and no window system is needed.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    figure.suptitle(title)
    left, middle, right = figure.subplots(1, 3)
    steps = [record.get("step", place) for place, record in enumerate(metrics, 1)]

    parts = {name.removeprefix("part_"): _values(metrics, name) for name in _names(metrics, "part_")}
    _draw(left, steps, {"reward": _values(metrics, "reward"), **parts}, "mean over the batch", "Reward and its parts")
    success = {"success": "part_accuracy", "evaluation": "eval_accuracy"}
    rates = {label: [100 * value for value in _values(metrics, name)] for label, name in success.items()}
    _draw(middle, steps, rates, "right answers (%)", "Success")
    middle.set_ylim(-2, 102)
    calls = {name.removeprefix("calls_"): _values(metrics, name, absent=0.0) for name in _names(metrics, "calls_")}
    _draw(right, steps, calls, "calls per sample", "Tool calls")

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    figure.savefig(part, format="png", dpi=120)
    part.replace(path)


def _names(metrics: Sequence[Mapping[str, float]], prefix: str) -> list[str]:
    """Names of totals; those of a mixture's sources have a ``/``."""
    return sorted({name for record in metrics for name in record if name.startswith(prefix) and "/" not in name})


def _values(metrics: Sequence[Mapping[str, float]], name: str, absent: float = math.nan) -> list[float]:
    """A metric at every step. A step that scored no episode has no value, whatever ``absent`` says."""
    return [record.get(name, absent if "reward" in record else math.nan) for record in metrics]


def _draw(panel: Any, steps: Sequence[float], curves: Mapping[str, Sequence[float]], unit: str, title: str) -> None:
    marker = "o" if len(steps) <= 80 else ""
    for number, (name, values) in enumerate(curves.items()):
        # Joined across steps that were not measured, as those between two evaluations.
        known = [(step, value) for step, value in zip(steps, values, strict=True) if not math.isnan(value)]
        if not known:
            continue
        colour, style = _COLOURS[number % len(_COLOURS)], _STYLES[number % len(_STYLES)]
        xs, ys = zip(*known, strict=True)
        panel.plot(xs, ys, style, color=colour, marker=marker, markersize=2.5, linewidth=1.6, label=name)
    panel.set(title=title, xlabel="step", ylabel=unit)
    panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    if len(panel.lines) > 1:
        # Below the panel, where no curve can run through it.
        panel.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.16))
