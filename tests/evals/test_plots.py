from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adagym.errors import UsageError
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
    ],
    ids=["one step", "many steps", "a step without episodes", "nothing scored", "negative"],
)
def test_curves_are_drawn(metrics: list[dict[str, float]], tmp_path: Path) -> None:
    path = tmp_path / "new" / "curves.png"
    plot_curves(metrics, path, "A run")
    picture = np.asarray(Image.open(path).convert("L"))
    assert picture.shape[1] > 2 * picture.shape[0]
    for panel in np.array_split(picture, 3, axis=1):
        assert panel.std() > 5
    assert [entry.name for entry in path.parent.iterdir()] == ["curves.png"]


def test_no_metrics_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no metrics"):
        plot_curves([], tmp_path / "curves.png", "Nothing")
    assert list(tmp_path.iterdir()) == []
