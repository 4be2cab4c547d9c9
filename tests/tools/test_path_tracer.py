"""PathTracer: a black line with a red and a blue end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall, ToolResult

RUN = Executor(["PathTracer"]).run
GREY: Array = np.full((60, 100, 3), 128, np.uint8)


def trace(start: Any, end: Any, image: Any = 1) -> ToolResult:
    arguments = {"start_point_2d": start, "end_point_2d": end, "target_image": image}
    return RUN(ToolCall("PathTracer", arguments), {"img_1": GREY, "img_2": GREY[:20, :30]})


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ([20, 30], [80, 30]),
        ("[20, 30]", {"x": 80, "y": 30}),
        ([0.2, 0.5], [0.8, 0.5]),
        ([20, 30], [0.8, 0.5]),
        ([[20.4, 29.6]], [80, 30]),
    ],
)
def test_a_line_between_two_points(start: Any, end: Any) -> None:
    result = trace(start, end)
    assert result.data == {"points": [[20, 30], [80, 30]], "size": [100, 60]}
    (drawn,) = result.images
    assert drawn[30, [20, 50, 80]].tolist() == [[255, 0, 0], [0, 0, 0], [0, 0, 255]]
    assert drawn[30, [16, 84]].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert drawn[[27, 33], 50].tolist() == [[128] * 3] * 2
    assert (drawn[:, :15] == 128).all()
    assert (GREY == 128).all()


def test_shares_of_the_sides_reach_the_last_pixel_and_whole_numbers_are_pixels() -> None:
    assert trace([0.5, 1], [1.0, 0.5]).data["points"] == [[50, 59], [99, 30]]
    assert trace([0, 1], [1.0, 1.0]).data["points"] == [[0, 1], [1, 1]]
    assert trace([5, 5], [5, 5]).ok


@pytest.mark.parametrize("image", [2, "2", 2.0, "img_2"])
def test_pictures_are_named_or_counted_from_1(image: Any) -> None:
    assert trace([0, 0], [29, 19], image).data["size"] == [30, 20]


@pytest.mark.parametrize("image", [0, 3, -1, True, 1.5, "img_3", "first", "", [1], None, 10**400])
def test_pictures_that_are_not_there(image: Any) -> None:
    result = trace([0, 0], [9, 9], image)
    assert (result.error_code, result.check.valid) == (204, ("start_point_2d", "end_point_2d"))
    assert result.message.startswith(
        "`target_image` must be the number of a picture of this conversation (1 to 2) or its name, not "
    )


def test_a_conversation_without_pictures() -> None:
    arguments = {"start_point_2d": [0, 0], "end_point_2d": [1, 1], "target_image": 1}
    result = RUN(ToolCall("PathTracer", arguments), {})
    assert result.message == (
        "`target_image` must be the number of a picture of this conversation (there is none) or its name, not 1."
    )


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ([100, 0], [0, 0], "`start_point_2d` [100, 0] is outside the image of 100x60 pixels."),
        ([0, 0], [0, 60], "`end_point_2d` [0, 60] is outside the image of 100x60 pixels."),
        ([-1, 0], [0, 0], "`start_point_2d` [-1, 0] is outside the image of 100x60 pixels."),
        ([1, 2, 3], [0, 0], "must be a point [x, y], in pixels or as shares from 0 to 1, not [1, 2, 3]."),
        ([True, 1], [0, 0], "must be a point [x, y], in pixels or as shares from 0 to 1, not [true, 1]."),
        ([0, 0], "there", "`end_point_2d` must be a point [x, y], in pixels or as shares from 0 to 1"),
        ([1e300, 0], [0, 0], "`start_point_2d` must be a point"),
    ],
)
def test_points_that_are_not_there(start: Any, end: Any, message: str) -> None:
    result = trace(start, end)
    assert result.error_code == 201
    assert message in result.message
    assert len(result.check.valid) == 2
