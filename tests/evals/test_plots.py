from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adagym.errors import UsageError
from adagym.evals import plots
from adagym.evals.plots import plot_curves

FULL = {"reward": 4.0, "part_accuracy": 0.5, "part_format": 1.0, "part_tool": 4.0, "calls_Point": 2.0}


@pytest.mark.parametrize(
    "metrics",
    [
        [FULL],
        [{**FULL, "step": step, "calls_AStar": 1.0} for step in range(3, 120)],
        [FULL, {"infra_failures": 8.0}, {**FULL, "calls_AStar": 1.0}],
        [{"infra_failures": 8.0}],
        [{"reward": -3.0}, {"reward": 1.0}],
        [{"step": 0, "eval_accuracy": 0.2}, {**FULL, "step": 1, "easy/reward": 1.0}, {**FULL, "eval_accuracy": 0.9}],
    ],
    ids=["one step", "many steps", "a step without episodes", "nothing scored", "negative", "evaluated"],
)
def test_curves_are_drawn(metrics: list[dict[str, float]], tmp_path: Path) -> None:
    path = tmp_path / "new" / "curves.png"
    plot_curves(metrics, path, "A run")
    picture = np.asarray(Image.open(path).convert("L"))
    assert picture.shape[1] > 2 * picture.shape[0]
    for panel in np.array_split(picture, 3, axis=1):
        assert panel.std() > 5
    assert [entry.name for entry in path.parent.iterdir()] == ["curves.png"]


def test_panels_show_totals_and_evaluations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, dict[str, list[tuple[float, float]]]] = {}
    draw = plots._draw

    def note(panel: Any, steps: Any, curves: Any, unit: str, title: str) -> None:
        draw(panel, steps, curves, unit, title)
        shown[title] = {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in panel.lines}

    monkeypatch.setattr(plots, "_draw", note)
    sources = {"easy/reward": 1.0, "easy/part_accuracy": 1.0, "calls_x/calls_Point": 9.0, "part_x/part_tool": 9.0}
    metrics = [{"step": 0, "eval_accuracy": 0.2}, {**FULL, **sources, "step": 1}, {**FULL, "step": 2}]
    plot_curves([*metrics, {**FULL, "step": 3, "eval_accuracy": 0.9}], tmp_path / "curves.png", "A run")
    assert set(shown["Reward and its parts"]) == {"reward", "accuracy", "format", "tool"}
    assert shown["Tool calls"] == {"Point": [(1, 2.0), (2, 2.0), (3, 2.0)]}
    assert shown["Success"] == {"success": [(1, 50), (2, 50), (3, 50)], "evaluation": [(0, 20), (3, 90)]}


def test_no_metrics_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no metrics"):
        plot_curves([], tmp_path / "curves.png", "Nothing")
    assert list(tmp_path.iterdir()) == []
