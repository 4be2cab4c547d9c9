"""AStar: paths, ties, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.envs.lake import Lake
from adagym.envs.tiles import MapImage
from adagym.tools.astar import MAX_CELLS
from adagym.tools.executor import Executor
from adagym.types import ToolCall, ToolResult

RUN = Executor(["AStar"]).run
BLANK = np.full((192, 192, 3), 9, np.uint8)
"""Shows no grid, so a cell is taken for 64 pixels wide: 3x3 cells."""


def call(start: Any, goal: Any, obstacles: Any, image: Any = BLANK, **more: Any) -> ToolResult:
    return RUN(ToolCall("AStar", {"start": start, "goal": goal, "obstacles": obstacles, **more}), {"img_1": image})


@pytest.mark.parametrize(
    ("start", "goal", "obstacles", "path"),
    [
        ([32, 32], [160, 160], [[96, 32]], "D,D,R,R"),  # AdaReasoner's own answer
        ([32, 32], [160, 160], [], "D,D,R,R"),
        ([32, 32], [160, 160], [[32, 160]], "D,R,D,R"),
        ([160, 160], [32, 32], [], "U,U,L,L"),
        ([32, 32], [160, 32], [[96, 32]], "D,R,R,U"),  # the original's grid ends at row 0: no path
        ([32, 32], [160, 32], [[96, 32], [96, 96]], "D,D,R,R,U,U"),
        ([32, 32], [32, 32], [], ""),
        ([1, 1], [63, 127], [], "D"),  # any pixel of a cell stands for it
        ({"x": 32, "y": 32}, "[96, 32]", '[{"x": 96, "y": 96}]', "R"),
        ([[32, 32]], [96.4, 32.0], [], "R"),
    ],
)
def test_paths(start: Any, goal: Any, obstacles: Any, path: str) -> None:
    result = call(start, goal, obstacles)
    assert (result.ok, result.data, result.images) == (True, {"path": path}, ())
    assert set(result.check.valid) == {"start", "goal", "obstacles"}


def test_no_path_is_a_failure() -> None:
    result = call([32, 32], [160, 160], [[96, 32], [32, 96]])
    assert (result.status, result.error_code, result.data) == ("failed", 203, {})
    assert result.message == "There is no path from start to goal around the obstacles."
    assert len(result.check.valid) == 3


@pytest.mark.parametrize(
    ("arguments", "message", "wrong"),
    [
        ({"start": [200, 32]}, "`start` holds [200, 32], outside the map of 192x192 pixels.", "start"),
        ({"goal": [32, 192]}, "`goal` holds [32, 192], outside", "goal"),
        ({"obstacles": [[500, 500]]}, "`obstacles` holds [500, 500], outside", "obstacles"),
        ({"obstacles": [[40, 40]]}, "The start is one of the obstacles.", "start"),
        ({"obstacles": [[150, 150]]}, "The goal is one of the obstacles.", "goal"),
        ({"cell_size": 0}, "`cell_size` must be between 1 and 192 pixels, not 0.", "cell_size"),
        ({"cell_size": 193}, "not 193.", "cell_size"),
        ({"start": [-1, 3]}, "`start` must be a point [x, y] in pixels", "start"),
    ],
)
def test_wrong_values(arguments: dict[str, Any], message: str, wrong: str) -> None:
    given = {"start": [32, 32], "goal": [160, 160], "obstacles": [], **arguments}
    result = RUN(ToolCall("AStar", given), {"img_1": BLANK})
    assert (result.status, result.error_code) == ("failed", 201)
    assert message in result.message
    assert set(result.check.valid) == set(given) - {wrong}


def test_the_grid_is_bounded() -> None:
    side = 8 * int(MAX_CELLS**0.5)
    image = np.zeros((side, side, 3), np.uint8)
    assert call([0, 0], [1, 1], [], image, cell_size=1).error_code == 201
    assert call([0, 0], [side - 1, 0], [], image, cell_size=8).ok


@pytest.mark.parametrize(("cell", "path"), [(None, "R,R"), (24, "R,R,R,R"), (96, "R")])
def test_the_cell_size_is_measured_or_given(cell: int | None, path: str) -> None:
    image = MapImage(("SFFG",), 48).load()
    image = np.concatenate([image, MapImage(("FFFF",), 48).load()])
    assert call([10, 24], [106, 24], [], image, cell_size=cell).data == {"path": path}


def test_another_picture_may_be_named() -> None:
    images = {"img_1": BLANK, "img_2": MapImage(("SFFG", "FFFF")).load()}
    arguments = {"start": [32, 32], "goal": [224, 32], "obstacles": []}
    assert RUN(ToolCall("AStar", arguments), images).error_code == 201
    assert RUN(ToolCall("AStar", {**arguments, "image": "img_2"}), images).data == {"path": "R,R,R"}


@given(seed=st.integers(0, 10**6), side=st.integers(2, 9), density=st.floats(0, 0.6))
def test_it_agrees_with_breadth_first_search(seed: int, side: int, density: float) -> None:
    lake = Lake.generate(np.random.default_rng(seed), side, density)
    image = np.zeros((side * 20, side * 20, 3), np.uint8)
    start, goal, *holes = ([x * 20 + 10, y * 20 + 10] for y, x in (lake.start, lake.goal, *lake.holes))
    result = call(start, goal, holes, image, cell_size=20)
    assert result.data["path"].replace(",", "") == lake.shortest_plan()
