"""crop_image: Crop as the checkpoints of AdaTooler-V call it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.protocol import DIALECTS
from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall, ToolResult

RUN = Executor(["crop_image"]).run
PICTURE: Array = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3).astype(np.uint8)


def crop(box: Any, image: Any = 1) -> ToolResult:
    arguments = {"bbox_2d": box, "target_image": image}
    return RUN(ToolCall("crop_image", arguments), {"img_1": PICTURE, "img_2": PICTURE[:30]})


@pytest.mark.parametrize(
    "box",
    [
        [8, 15, 40, 45],
        [8.2, 14.9, 40.0, 45],
        [0.1, 0.25, 0.5, 0.75],
        "[0.1, 0.25, 0.5, 0.75]",
        {"x1": 8, "y1": 15, "x2": 40, "y2": 45},
        [[8, 15, 40, 45]],
    ],
)
def test_exactly_the_box_comes_back_without_a_margin(box: Any) -> None:
    result = crop(box)
    assert (result.data, result.message) == ({"size": [32, 30]}, "The part inside the box is a new image.")
    (part,) = result.images
    np.testing.assert_array_equal(part, PICTURE[15:45, 8:40])
    assert not np.shares_memory(part, PICTURE)


def test_where_shares_and_pixels_meet() -> None:
    assert crop([0, 0, 1, 0.5]).data == {"size": [80, 30]}
    assert crop([0.0, 0.0, 1.0, 0.5]).data == {"size": [80, 30]}
    # All whole: the one pixel at the top left, however it is written.
    assert crop([0, 0, 1, 1]).data == crop([0.0, 0.0, 1.0, 1.0]).data == {"size": [1, 1]}


def test_the_second_picture() -> None:
    assert crop([0, 0, 80, 30], 2).ok
    assert crop([0, 0, 80, 30], "img_2").ok
    assert crop([0, 0, 80, 31], 2).message == (
        "`bbox_2d` [0, 0, 80, 31] is not inside the image of 80x30 pixels; x goes from 0 to 80, y from 0 to 30."
    )


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([40, 15, 8, 45], "`bbox_2d` [40, 15, 8, 45] is empty: x1 must be below x2, and y1 below y2."),
        ([8, 15, 8, 45], "`bbox_2d` [8, 15, 8, 45] is empty"),
        ([0.5, 0.5, 0.1, 0.9], "`bbox_2d` [0.5, 0.5, 0.1, 0.9] is empty"),
        ([0.5, 0.5, 0.501, 0.9], "`bbox_2d` [0.5, 0.5, 0.501, 0.9] is empty"),
        ([0, 0, 81, 60], "`bbox_2d` [0, 0, 81, 60] is not inside the image of 80x60 pixels"),
        ([-1, 0, 8, 8], "`bbox_2d` [-1, 0, 8, 8] is not inside"),
        ([0, 0, 8], "must be a box [x1, y1, x2, y2], in pixels or as shares from 0 to 1, not [0, 0, 8]."),
        ([True, 0, 8, 8], "not [true, 0, 8, 8]."),
        (["a", 0, 8, 8], 'not ["a", 0, 8, 8].'),
        ([float("nan"), 0, 8, 8], "not [NaN, 0, 8, 8]."),
        ([], "not []."),
        ("all of it", "`bbox_2d` must be a box"),
        (7, "not 7."),
    ],
)
def test_what_cannot_be_cut_out(box: Any, message: str) -> None:
    result = crop(box)
    assert (result.status, result.error_code, result.check.valid) == ("failed", 201, ("target_image",))
    assert not result.images
    assert message in result.message


def test_a_picture_that_is_not_there() -> None:
    assert crop([0, 0, 8, 8], 3).error_code == 204


def test_a_call_as_the_checkpoints_write_it() -> None:
    text = (
        "<think>I look closer.</think><tool_call>"
        '{"name": "crop_image", "arguments": {"bbox_2d": [8, 15, 40, 45], "target_image": 1}}</tool_call>'
    )
    call = DIALECTS.load("adatooler").parse(text).call
    assert call is not None
    assert RUN(call, {"img_1": PICTURE}).data == {"size": [32, 30]}


SIDES = st.integers(-5, 90)


@given(box=st.tuples(SIDES, SIDES, SIDES, SIDES))
def test_every_box_is_cut_out_or_refused(box: tuple[int, int, int, int]) -> None:
    x1, y1, x2, y2 = box
    result = crop(list(box))
    assert result.ok == (0 <= x1 < x2 <= 80 and 0 <= y1 < y2 <= 60)
    if result.ok:
        np.testing.assert_array_equal(result.images[0], PICTURE[y1:y2, x1:x2])
