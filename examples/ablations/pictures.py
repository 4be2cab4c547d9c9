"""The figures of the re-enactments: bars with intervals, and curves over the steps of reinforcement learning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""


def bars(
    axes: Axes, figures: Mapping[str, Any], groups: Mapping[str, str], keys: Mapping[str, str], scale: float = 100.0
) -> None:
    """Grouped bars with their intervals: shares in per cent, or with a scale of 1 other figures.

    Args:
        axes: Where to draw.
        figures: As :func:`common.run` returns them.
        groups: Label under a group of bars to the arm's name.
        keys: Label of a bar within its group to the rest of the figure's name.
        scale: Multiplies the figures.
    """
    width = 0.8 / len(keys)
    for number, (label, key) in enumerate(keys.items()):
        names = [f"{arm}_{key}" for arm in groups.values()]
        heights = [scale * figures[name] for name in names]
        low = [scale * (figures[name] - max(0.0, figures[f"{name}_lo"])) for name in names]  # no share or count is less
        high = [scale * (figures[f"{name}_hi"] - figures[name]) for name in names]
        places = [place + (number - (len(keys) - 1) / 2) * width for place in range(len(groups))]
        axes.bar(places, heights, width, yerr=[low, high], capsize=2, label=label, color=COLOURS[number])
    axes.set_xticks(range(len(groups)), list(groups))
    if scale == 100:
        axes.set_ylim(0, 105)
        axes.set_ylabel("right answers (%)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=min(3, len(keys)), frameon=False)


def lines(
    axes: Axes, curves: Sequence[Mapping[str, Mapping[str, Sequence[float]]]], chosen: Mapping[str, tuple[str, str]]
) -> None:
    """Curves over steps: one thin line per seed and their mean.

    Args:
        axes: Where to draw.
        curves: One mapping per seed: arm to metric to values.
        chosen: Label to (arm, metric).
    """
    for number, (label, (arm, metric)) in enumerate(chosen.items()):
        runs = [seed[arm].get(metric, []) for seed in curves]
        for values in runs:
            axes.plot(values, color=COLOURS[number], alpha=0.25, linewidth=0.8)
        length = min(map(len, runs))
        mean = [_mean([values[step] for values in runs]) for step in range(length)]
        axes.plot(mean, color=COLOURS[number], linewidth=1.8, label=label)
    axes.set_xlabel("step")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False)


def save(figure: Figure, path: Path | None) -> None:
    """Write a figure as PNG, if anywhere."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
