"""Boxes that a model wrote: how they are read, and which hold a part of a picture."""

from __future__ import annotations

import json
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.errors import ErrorCode, ToolError
from adagym.spaces import ActionText, Situation
from adagym.tools.boxes import check_box
from adagym.tools.executor import Executor
from adagym.tools.values import MAX_BOXES, MAX_COORDINATE, BoxArg, BoxesArg, Kind, Media, ShapesArg
from adagym.types import ToolCall

BOX, BOXES, SHAPES = (get_args(hint)[1] for hint in (BoxArg, BoxesArg, ShapesArg))
PICTURE = np.zeros((20, 30, 3), np.uint8)
HUGE = 10**400


@pytest.mark.parametrize(
    "value",
    [
        [1, 2, 3, 4],
        "[1, 2, 3, 4]",
        "[1,2,3,4]",
        {"x1": 1, "y1": 2, "x2": 3, "y2": 4},
        {"x_min": 1, "y_min": 2, "x_max": 3, "y_max": 4},
        {"y2": 4, "x2": 3, "y1": 2, "x1": 1},
        '{"x_min": 1, "y_min": 2, "x_max": 3, "y_max": 4}',
        [[1, 2, 3, 4]],
        [{"x1": 1, "y1": 2, "x2": 3, "y2": 4}],
        [1.2, 2.0, 2.9, 4.4],
    ],
)
def test_one_box(value: Any) -> None:
    assert BOX.read(value, Media()) == (1, 2, 3, 4)
    assert all(type(side) is int for side in BOX.read(value, Media()))
    assert BOXES.read(value, Media()) == ((1, 2, 3, 4),)


def test_boxes_need_not_lie_in_a_picture_to_be_read() -> None:
    assert BOX.read([-5, 0, 9000, 0], Media()) == (-5, 0, 9000, 0)
    assert BOX.read([0, 0, 1, 1], Media()) == (0, 0, 1, 1)
    assert BOXES.read("[[1, 2, 3, 4], [0, 0, 9, 9]]", Media()) == ((1, 2, 3, 4), (0, 0, 9, 9))


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        "1, 2, 3, 4",
        "[1, 2, 3, 4",
        [],
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        ["1", 2, 3, 4],
        [True, 2, 3, 4],
        [float("nan"), 2, 3, 4],
        [0, 0, float("inf"), 4],
        "[0, 0, 1e999, 4]",
        [0, 0, HUGE, 4],
        [0, 0, -HUGE, 4],
        [0, 0, MAX_COORDINATE + 1, 4],
        {"x1": 1, "y1": 2, "x2": 3},
        {"x1": 1, "y1": 2, "x_max": 3, "y_max": 4},
        [[1, 2], [3, 4]],
        "[" * 100_000,
        '["\\ud800", 2, 3, 4]',
    ],
)
def test_what_is_no_box(value: Any) -> None:
    with pytest.raises(ToolError, match=r"must be a box \[x1, y1, x2, y2\] in pixels, not ") as caught:
        BOX.read(value, Media())
    assert caught.value.code == ErrorCode.INVALID_PARAMETERS
    assert len(str(caught.value).encode()) < 400


@pytest.mark.parametrize("value", [[0.1, 0.2, 0.5, 0.9], "[0.0, 0.0, 1.0, 1.0]", [0, 0, 0.5, 1]])
def test_normalised_boxes_are_refused_by_name(value: Any) -> None:
    for kind in (BOX, BOXES):
        with pytest.raises(ToolError, match=r"absolute pixels; normalised coordinates \(0 to 1\) such as \[0"):
            kind.read(value, Media())


@pytest.mark.parametrize("value", [[], "[]", [[0, 0, 1, 1]] * (MAX_BOXES + 1), None, "x", 5])
def test_what_is_no_list_of_boxes(value: Any) -> None:
    with pytest.raises(ToolError, match=rf"a list of 1 to {MAX_BOXES} boxes"):
        BOXES.read(value, Media())


def test_shapes() -> None:
    circle = {"shape": "circle", "coords": "[1, 2, 3, 4]"}
    assert SHAPES.read(circle, Media()) == (("circle", (1, 2, 3, 4)),)
    assert SHAPES.read(json.dumps([circle, {"shape": "ellipse", "coords": [0, 0, 9, 9]}]), Media()) == (
        ("circle", (1, 2, 3, 4)),
        ("ellipse", (0, 0, 9, 9)),
    )


@pytest.mark.parametrize(
    "value",
    [
        [],
        [{"shape": "star", "coords": [0, 0, 1, 1]}],
        [{"shape": ["circle"], "coords": [0, 0, 1, 1]}],
        [{"shape": "circle"}],
        [{"shape": "circle", "coords": [0, 0, 1, 1], "colour": "red"}],
        [[0, 0, 1, 1]],
        [{"shape": "circle", "coords": [0, 0, 9, 9]}] * (MAX_BOXES + 1),
    ],
)
def test_what_is_no_list_of_shapes(value: Any) -> None:
    with pytest.raises(ToolError, match="one of rectangle, ellipse, circle"):
        SHAPES.read(value, Media())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["x1", "circle"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["x1", "y1", "x2", "y2", "shape", "coords"]), inner, max_size=4)
    ),
)


@pytest.mark.parametrize("kind", [BOX, BOXES, SHAPES])
@given(value=JSON)
def test_nothing_but_a_tool_error_is_raised(kind: Kind, value: Any) -> None:
    for written in (value, json.dumps(value)):
        try:
            kind.read(written, Media())
        except ToolError as error:
            str(error).encode()


@pytest.mark.parametrize("name", ["Crop", "InsertImage", "HighlightBox", "MaskBox", "DrawShape"])
def test_random_agents_draw_boxes_that_lie_in_the_picture(name: str) -> None:
    executor, images = Executor([name]), {"img_1": PICTURE}
    space = ActionText("adareasoner", executor.specs, seed=0)
    space.situation = Situation(images)
    for _ in range(200):
        assert executor.run(ToolCall(name, space.sample_arguments(executor.specs[0])), images).ok


@pytest.mark.parametrize("box", [(0, 0, 30, 20), (29, 19, 30, 20), (0, 0, 1, 1)])
def test_boxes_in_a_picture(box: tuple[int, int, int, int]) -> None:
    check_box(box, PICTURE, "coordinates")


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((5, 5, 5, 9), r"`where` \[5, 5, 5, 9\] is empty: x1 must be below x2.* The image has 30x20 pixels."),
        ((9, 5, 5, 9), "is empty"),
        ((0, 9, 5, 5), "is empty"),
        (
            (-9, -9, -5, -5),
            r"\[-9, -9, -5, -5\] is not inside the image of 30x20 pixels; x goes from 0 to 30, y from 0",
        ),
        ((-1, 0, 5, 5), "is not inside"),
        ((0, -1, 5, 5), "is not inside"),
        ((0, 0, 31, 5), "is not inside"),
        ((0, 0, 5, 21), "is not inside the image of 30x20 pixels; x goes from 0 to 30, y from 0 to 20."),
    ],
)
def test_boxes_that_hold_no_part_of_a_picture(box: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(ToolError, match=message) as caught:
        check_box(box, PICTURE, "where")
    assert (caught.value.code, caught.value.parameter) == (ErrorCode.INVALID_PARAMETERS, "where")
