"""Draw2DPath: where ink lands, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adagym.envs.tiles import MapImage
from adagym.tools.drawing import COLOURS
from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall, ToolResult

RUN = Executor(["Draw2DPath"]).run
MAP = MapImage(("SFF", "FHF", "FFG")).load()


def draw(directions: Any, start: Any = (32, 32), image: Array = MAP, **more: Any) -> ToolResult:
    arguments = {"image": "img_1", "start_point": list(start), "directions": directions, **more}
    return RUN(ToolCall("Draw2DPath", arguments), {"img_1": image})


def inked(result: ToolResult, colour: str = "red") -> set[tuple[int, int]]:
    """Cells (column, row) of 64 pixels that hold more than a few pixels of the colour."""
    assert result.ok, result.message
    (picture,) = result.images
    ink = (picture == COLOURS[colour]).all(-1)
    return {(x, y) for x in range(3) for y in range(3) if ink[y * 64 : y * 64 + 64, x * 64 : x * 64 + 64].sum() > 20}


@pytest.mark.parametrize("directions", ["D,D,R", "D, D, R", "ddr", " DdR ", "D D R"])
def test_a_path_is_drawn(directions: str) -> None:
    before = MAP.copy()
    result = draw(directions)
    assert result.message == "Path drawn successfully"
    assert inked(result) == {(0, 0), (0, 1), (0, 2), (1, 2)}
    assert result.images[0].shape == MAP.shape
    np.testing.assert_array_equal(MAP, before)


def test_every_move_ends_in_an_arrow_head() -> None:
    ink = (draw("R,R").images[0] == COLOURS["red"]).all(-1)
    height = ink.sum(0)  # of the line, column by column
    assert height[60] <= 6
    assert height[88] > 2 * height[60]
    assert height[152] > 2 * height[124]


def test_grid_coordinates_count_from_one() -> None:
    assert inked(draw("L,U", (2, 3), pixel_coordinate=False)) == {(1, 2), (0, 2), (0, 1)}


@pytest.mark.parametrize("colour", list(COLOURS))
def test_colours(colour: str) -> None:
    assert inked(draw("R", line_color=colour), colour) == {(0, 0), (1, 0)}


def test_width_and_step() -> None:
    thin, thick = (draw("R,R", line_width=width).images[0] for width in (1, 9))
    assert (thick != MAP).any(-1).sum() > 3 * (thin != MAP).any(-1).sum()
    assert inked(draw("R", step=128)) == {(0, 0), (1, 0), (2, 0)}


def test_the_step_is_measured() -> None:
    image = MapImage(("SFFFFF", "FFFFFG"), 32).load()
    assert inked(draw("R,R,R", (16, 16), image)) == {(0, 0), (1, 0)}


@pytest.mark.parametrize(
    ("arguments", "message", "wrong"),
    [
        ({"directions": "R,X"}, "Invalid directions format. Use 'ludr' or 'L,R,U,D'", "directions"),
        ({"directions": ",R"}, "Invalid directions format", "directions"),
        ({"directions": "R,,R"}, "Invalid directions format", "directions"),
        ({"directions": ""}, "non-empty text", "directions"),
        ({"directions": ["R"]}, "non-empty text", "directions"),
        ({"directions": "L"}, "Move 1 (L) leaves the image of 192x192 pixels.", "directions"),
        ({"directions": "D,D,D"}, "Move 3 (D) leaves", "directions"),
        ({"start_point": [192, 0]}, "`start_point` [192, 0] is outside the image", "start_point"),
        ({"start_point": [0, 0], "pixel_coordinate": False}, "`start_point` [-32, -32] is outside", "start_point"),
        ({"step": 0}, "`step` must be between 1 and 192", "step"),
        ({"step": 1.5}, "`step` must be a whole number, not 1.5.", "step"),
        ({"line_width": 0}, "`line_width` must be 1 to 32 pixels, not 0.", "line_width"),
        ({"line_color": "puce"}, "`line_color` must be one of red, green, blue", "line_color"),
        ({"pixel_coordinate": "maybe"}, "`pixel_coordinate` must be true or false", "pixel_coordinate"),
    ],
)
def test_wrong_values(arguments: dict[str, Any], message: str, wrong: str) -> None:
    given = {"image": "img_1", "start_point": [32, 32], "directions": "R", **arguments}
    result = RUN(ToolCall("Draw2DPath", given), {"img_1": MAP})
    assert (result.status, result.error_code, result.images) == ("failed", 201, ())
    assert message in result.message
    assert set(result.check.valid) == set(given) - {wrong}


def test_the_points_passed_are_named_once_each_and_the_last_apart() -> None:
    assert draw("RDUL").data == {"points": [[32, 32], [96, 32], [96, 96]], "end_point": [32, 32]}
    assert draw("DDR", step=60).data == {"points": [[32, 32], [32, 92], [32, 152], [92, 152]], "end_point": [92, 152]}


def test_many_moves_are_refused() -> None:
    assert draw("RL" * 500).message == "Path drawn successfully"
    assert "at most 1000 characters" in draw("R" * 1001).message
