"""Cells of the terminal and pixels of the picture."""

from __future__ import annotations

import numpy as np
import pytest

from adagym.play.view import MARK, Marks, Window, box_between, drawn

IMAGE = np.zeros((100, 200, 3), np.uint8)
WHOLE = Window.whole(IMAGE)


def test_the_cells_of_a_picture() -> None:
    assert WHOLE.cells(40, 40) == (40, 10)
    assert WHOLE.cells(40, 5) == (20, 5)
    assert Window(0, 0, 8, 8).cells(40, 40) == (40, 20)  # small ones are enlarged


@pytest.mark.parametrize(
    ("cell", "pixel"), [((0, 0), (2, 5)), ((39, 9), (197, 95)), ((20, 5), (102, 55)), ((-3, 99), (2, 95))]
)
def test_the_pixel_of_a_cell(cell: tuple[int, int], pixel: tuple[int, int]) -> None:
    assert WHOLE.pixel(*cell, (40, 10)) == pixel


def test_zooming_keeps_the_place_and_stays_inside() -> None:
    near = WHOLE.zoomed(IMAGE, 2, (150, 50))
    assert near == Window(75, 25, 100, 50)
    assert near.zoomed(IMAGE, 0.5, (150, 50)) == WHOLE
    corner = WHOLE.zoomed(IMAGE, 2, (199, 99))
    assert (corner.x + corner.width, corner.y + corner.height) == (200, 100)
    nearest = WHOLE
    for _ in range(20):
        nearest = nearest.zoomed(IMAGE, 1.5, (10, 10))
    assert nearest.extent == (8, 8)


def test_the_window_follows_the_crosshair() -> None:
    near = Window(0, 0, 50, 50)
    assert near.following(IMAGE, (20, 20)) == near
    assert near.following(IMAGE, (120, 99)) == Window(71, 50, 50, 50)


def test_steps_are_a_cell_and_at_least_a_pixel() -> None:
    assert WHOLE.step((40, 10)) == (5, 10)
    assert Window(0, 0, 8, 8).step((40, 20)) == (1, 1)


def test_a_box_holds_both_its_corners() -> None:
    assert box_between((9, 2), (4, 7)) == [4, 2, 10, 8]


def test_marks_are_drawn_on_a_copy_and_leave_their_pixel() -> None:
    plain = drawn(IMAGE, WHOLE, (40, 20), Marks())
    assert not plain.any()
    marked = drawn(IMAGE, WHOLE, (40, 20), Marks((102, 52)))
    assert not IMAGE.any()
    assert (marked[10, 20] == 0).all()
    assert (marked[10, 18] == MARK).all()
    assert (marked[12, 20] == MARK).all()
    boxed = drawn(IMAGE, WHOLE, (40, 20), Marks((102, 52), (52, 27)))
    assert (boxed[5, 10:21] == MARK).all()
    assert (boxed[10, 10:21] == MARK).all()
    assert not boxed[7, 12].any()
