"""DetectBlackArea: exact boxes, their order, and noise."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adagym.tools.detect_black_area import MAX_AREAS
from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall, ToolResult

RUN = Executor(["DetectBlackArea"]).run


def detect(image: Array, **more: Any) -> ToolResult:
    return RUN(ToolCall("DetectBlackArea", {"image": "img_1", **more}), {"img_1": image})


def picture(*boxes: tuple[int, int, int, int], value: int = 0) -> Array:
    image = np.full((60, 80, 3), 200, np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = value
    return image


def test_boxes_are_exact_and_the_largest_comes_first() -> None:
    result = detect(picture((0, 0, 10, 10), (20, 5, 60, 55), (70, 40, 80, 60)))
    assert result.data == {"boxes": [[20, 5, 60, 55], [70, 40, 80, 60], [0, 0, 10, 10]]}
    assert (result.message, result.images) == ("Found 3 black areas", ())


def test_equal_areas_go_from_top_to_bottom_and_left_to_right() -> None:
    boxes = [(50, 0, 60, 10), (0, 20, 10, 30), (20, 20, 30, 30)]
    assert detect(picture(*reversed(boxes))).data == {"boxes": [list(box) for box in boxes]}


def test_small_areas_are_left_out() -> None:
    image = picture((0, 0, 10, 10), (20, 20, 29, 31))
    assert detect(image).data == {"boxes": [[0, 0, 10, 10]]}  # 99 pixels are too few
    assert detect(image, min_area=99).data == {"boxes": [[0, 0, 10, 10], [20, 20, 29, 31]]}
    assert detect(image, min_area=101).data == {"boxes": []}
    assert detect(image, min_area=101).message == "Found 0 black areas"


def test_an_area_counts_its_pixels_and_not_its_box() -> None:
    image = picture((0, 0, 40, 40), (50, 0, 60, 50))
    image[4:, 4:40] = 200  # leaves an angle of 304 pixels in a box of 1600
    assert detect(image).data == {"boxes": [[50, 0, 60, 50], [0, 0, 40, 40]]}


def test_areas_that_touch_at_a_corner_are_one() -> None:
    assert detect(picture((0, 0, 10, 10), (10, 10, 20, 20))).data == {"boxes": [[0, 0, 20, 20]]}


@pytest.mark.parametrize(("value", "threshold", "found"), [(10, 10, 1), (11, 10, 0), (11, 11, 1), (0, 0, 1), (1, 0, 0)])
def test_the_threshold_counts_as_black(value: int, threshold: int, found: int) -> None:
    assert len(detect(picture((0, 0, 20, 20), value=value), threshold=threshold).data["boxes"]) == found


def test_white_pictures_have_none_and_black_ones_are_one() -> None:
    assert detect(picture()).data == {"boxes": []}
    assert detect(picture(), threshold=255).data == {"boxes": [[0, 0, 80, 60]]}


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_the_default_bears_the_noise_of_jpeg(quality: int) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(60, 256, (30, 40, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((320, 240)), np.uint8).copy()
    image[120:, 160:] = 0
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    (box,) = detect(np.asarray(Image.open(stream), np.uint8)).data["boxes"]
    assert np.abs(np.subtract(box, [160, 120, 320, 240])).max() <= 4


def test_the_number_of_boxes_is_limited() -> None:
    image = np.full((40, 40, 3), 255, np.uint8)
    image[::2, ::2] = 0
    result = detect(image, min_area=1)
    assert (len(result.data["boxes"]), result.message) == (MAX_AREAS, "Found 400 black areas")
    assert result.data["boxes"][0] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"threshold": -1}, "`threshold` must be a whole number from 0 to 255, not -1."),
        ({"threshold": 256}, "`threshold` must be a whole number from 0 to 255, not 256."),
        ({"threshold": 1.5}, "`threshold` must be a whole number, not 1.5."),
        ({"min_area": 0}, "`min_area` must be at least 1 pixel, not 0."),
        ({"min_area": "many"}, '`min_area` must be a whole number, not "many".'),
    ],
)
def test_wrong_values(more: dict[str, Any], message: str) -> None:
    result = detect(picture(), **more)
    assert (result.error_code, result.message, result.check.valid) == (201, message, ("image",))
