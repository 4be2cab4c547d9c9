"""Pointing on photos by the learned model whose weights come in packages."""

from __future__ import annotations

import numpy as np
import pytest

from adagym.envs.tasks.photos import PHOTOS
from adagym.errors import UsageError
from adagym.tools.pointing.choose import locate
from adagym.tools.pointing.photo import PhotoPointer


@pytest.fixture(scope="module")
def pointer() -> PhotoPointer:
    return PhotoPointer()


def test_a_cat_is_found_where_it_is(pointer: PhotoPointer) -> None:
    image = PHOTOS["chelsea"].load()
    points = pointer.locate(image, "the cat")
    assert points
    height, width = image.shape[:2]
    assert 0.2 * width < points[0][0] < 0.8 * width  # its head fills the middle
    assert 0.15 * height < points[0][1] < 0.75 * height
    assert points == pointer.locate(image, "the cat")


def test_a_thing_moves_and_the_point_with_it(pointer: PhotoPointer) -> None:
    cat = PHOTOS["chelsea"].load()[30:230, 100:330]
    for x, y in ((60, 40), (700, 420)):
        canvas = np.full((700, 1000, 3), 120, np.uint8)
        canvas[y : y + cat.shape[0], x : x + cat.shape[1]] = cat
        points = pointer.locate(canvas, "cat")
        assert points
        assert x <= points[0][0] < x + cat.shape[1]
        assert y <= points[0][1] < y + cat.shape[0]


def test_what_it_knows_nothing_of_is_left_to_others(pointer: PhotoPointer) -> None:
    assert pointer.locate(PHOTOS["chelsea"].load(), "the third law of thermodynamics") is None


def test_it_is_chosen_by_name_and_takes_no_option() -> None:
    with pytest.raises(UsageError, match="takes no option"):
        locate(PHOTOS["chelsea"].load(), "cat", "photo:x")
