"""Crop: exactly the pixels of the box."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall, ToolResult

RUN = Executor(["Crop"]).run
PICTURE: Array = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


def crop(box: Any, image: Array = PICTURE) -> ToolResult:
    return RUN(ToolCall("Crop", {"image": "img_1", "coordinates": box}), {"img_1": image})


@pytest.mark.parametrize("box", [[2, 1, 5, 3], "[2, 1, 5, 3]", {"x_min": 2, "y_min": 1, "x_max": 5, "y_max": 3}])
def test_the_right_pixels_come_back(box: Any) -> None:
    result = crop(box)
    assert (result.message, result.data) == (
        "Image cropped successfully using absolute coordinates.",
        {"size": [3, 2]},
    )
    (part,) = result.images
    # Row 1 begins at 1 * 8 * 3 = 24, and column 2 six further.
    assert part.tolist() == [
        [[30, 31, 32], [33, 34, 35], [36, 37, 38]],
        [[54, 55, 56], [57, 58, 59], [60, 61, 62]],
    ]


@pytest.mark.parametrize("box", [[0, 0, 8, 6], [0, 2, 8, 4], [7, 5, 8, 6]])
def test_the_part_shares_no_memory_with_the_picture(box: list[int]) -> None:
    (part,) = crop(box).images
    assert not np.shares_memory(part, PICTURE)
    assert part.base is None
    assert part.flags.c_contiguous
    assert part.shape == (box[3] - box[1], box[2] - box[0], 3)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0, 0, 9, 6], "`coordinates` [0, 0, 9, 6] is not inside the image of 8x6 pixels"),
        ([-1, 0, 4, 4], "`coordinates` [-1, 0, 4, 4] is not inside the image of 8x6 pixels"),
        ([5, 1, 2, 3], "`coordinates` [5, 1, 2, 3] is empty"),
        ([2, 2, 2, 2], "The image has 8x6 pixels."),
        ([0.1, 0.1, 0.9, 0.9], "normalised coordinates (0 to 1) such as [0.1, 0.1, 0.9, 0.9] are not supported"),
        ([0, 0, 10**9, 10**9], "`coordinates` must be a box [x1, y1, x2, y2] in pixels"),
        ("half of it", "`coordinates` must be a box"),
    ],
)
def test_what_cannot_be_cut_out(box: Any, message: str) -> None:
    result = crop(box)
    assert (result.status, result.error_code, result.images, result.check.valid) == ("failed", 201, (), ("image",))
    assert message in result.message


@pytest.mark.parametrize(("width", "height"), [(400, 2), (2, 400)])
def test_a_strip_is_refused_when_no_model_could_see_it(width: int, height: int) -> None:
    image: Array = np.zeros((height, width + 1, 3), np.uint8) if width > height else np.zeros((401, 2, 3), np.uint8)
    assert crop([0, 0, width, height], image).ok
    longer = [0, 0, 401, 2] if width > height else [0, 0, 2, 401]
    result = crop(longer, image)
    size = f"{longer[2]}x{longer[3]}"
    assert (result.error_code, result.check.valid) == (201, ("image",))
    assert result.message == (
        f"`coordinates` {longer} is {size} pixels; one side may be at most 200 times as long as the other."
    )


SIDES = st.integers(-3, 12)


@given(box=st.tuples(SIDES, SIDES, SIDES, SIDES))
def test_every_box_is_cut_out_or_refused(box: tuple[int, int, int, int]) -> None:
    x1, y1, x2, y2 = box
    result = crop(list(box))
    assert result.ok == (0 <= x1 < x2 <= 8 and 0 <= y1 < y2 <= 6)
    if result.ok:
        np.testing.assert_array_equal(result.images[0], PICTURE[y1:y2, x1:x2])


def test_the_name_that_released_models_write_is_understood() -> None:
    pictures = {"img_1": PICTURE}
    result = RUN(ToolCall("Crop", {"image": "img_1", "bbox": [2, 1, 5, 3]}), pictures)
    assert result.images[0].tolist() == crop([2, 1, 5, 3]).images[0].tolist()
    assert result.check.given == result.check.valid == ("image", "coordinates")
    assert "bbox" not in str(RUN.__self__.specs)
    both = RUN(ToolCall("Crop", {"image": "img_1", "coordinates": [2, 1, 5, 3], "bbox": [0, 0, 1, 1]}), pictures)
    assert (both.status, both.error_code) == ("failed", 201)
    assert "Unknown parameters: bbox" in both.message
