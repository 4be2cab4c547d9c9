"""InsertImage: what is inside the box, and that nothing outside changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall, ToolResult

RUN = Executor(["InsertImage"]).run
BASE: Array = np.full((6, 8, 3), 9, np.uint8)
PIECE: Array = np.array([[10, 20, 30, 40], [50, 60, 70, 80]], np.uint8)[..., None].repeat(3, 2)


def insert(box: Any, piece: Array = PIECE, base: Array = BASE, **more: Any) -> ToolResult:
    call = ToolCall("InsertImage", {"base_image": "img_1", "image_to_insert": "img_2", "coordinates": box, **more})
    return RUN(call, {"img_1": base, "img_2": piece})


def grey(result: ToolResult) -> list[list[int]]:
    (picture,) = result.images
    assert (picture == picture[..., :1]).all()
    rows: list[list[int]] = picture[..., 0].tolist()
    return rows


def test_a_piece_of_the_right_size_is_put_in_as_it_is() -> None:
    result = insert("[2, 1, 6, 3]")
    assert (result.message, result.data) == ("Image inserted successfully", {"box": [2, 1, 6, 3]})
    row = [9] * 8
    assert grey(result) == [row, [9, 9, 10, 20, 30, 40, 9, 9], [9, 9, 50, 60, 70, 80, 9, 9], row, row, row]
    assert (BASE == 9).all()


def test_a_larger_piece_is_averaged() -> None:
    # Each pixel is the mean of the 2x2 pixels below it: (10 + 20 + 50 + 60) / 4 and (30 + 40 + 70 + 80) / 4.
    assert grey(insert([0, 0, 2, 1]))[0] == [35, 55, 9, 9, 9, 9, 9, 9]


def test_a_smaller_piece_is_enlarged_smoothly() -> None:
    piece: Array = np.array([[0, 100]], np.uint8)[..., None].repeat(3, 2)
    # Centres of the new pixels lie at -1/4, 1/4, 3/4 and 5/4 of the old ones.
    assert grey(insert([0, 0, 4, 1], piece))[0][:4] == [0, 25, 75, 100]


@pytest.mark.parametrize("value", [False, "false"])
def test_without_resizing_the_piece_keeps_its_size_and_is_cut_off_at_the_box(value: Any) -> None:
    result = insert([2, 1, 5, 2], resize=value)
    assert result.data == {"box": [2, 1, 5, 2]}
    assert grey(result)[1] == [9, 9, 10, 20, 30, 9, 9, 9]
    result = insert([2, 1, 8, 6], resize=value)
    assert result.data == {"box": [2, 1, 6, 3]}
    assert grey(result)[2] == [9, 9, 50, 60, 70, 80, 9, 9]


def test_a_picture_may_be_put_into_itself() -> None:
    call = {"base_image": "img_1", "image_to_insert": "img_1", "coordinates": [0, 0, 2, 1]}
    assert RUN(ToolCall("InsertImage", call), {"img_1": PIECE}).images[0][:, :, 0].tolist() == [
        [35, 55, 30, 40],
        [50, 60, 70, 80],
    ]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0, 0, 9, 6], "[0, 0, 9, 6] is not inside the image of 8x6 pixels"),
        ([4, 4, 2, 2], "is empty"),
        ([0.0, 0.0, 1.0, 1.0], "normalised"),
        ([1, 2, 3], "must be a box"),
    ],
)
def test_places_that_do_not_exist(box: Any, message: str) -> None:
    result = insert(box)
    assert (result.error_code, result.check.valid) == (201, ("base_image", "image_to_insert"))
    assert message in result.message


SIDES = st.integers(-2, 10)


@given(box=st.tuples(SIDES, SIDES, SIDES, SIDES), resize=st.booleans())
def test_only_the_box_changes(box: tuple[int, int, int, int], resize: bool) -> None:
    result = insert(list(box), resize=resize)
    x1, y1, x2, y2 = box
    assert result.ok == (0 <= x1 < x2 <= 8 and 0 <= y1 < y2 <= 6)
    if result.ok:
        (picture,) = result.images
        fx1, fy1, fx2, fy2 = result.data["box"]
        assert (fx1, fy1) == (x1, y1)
        assert fx2 <= x2
        assert fy2 <= y2
        assert (picture[fy1:fy2, fx1:fx2] != 9).all()
        assert (picture != 9).sum() == 3 * (fx2 - fx1) * (fy2 - fy1)
        assert not np.shares_memory(picture, BASE)
