"""What the drawing tools draw, pixel by pixel, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adagym.envs.tiles import MapImage
from adagym.tools.drawing import COLOURS
from adagym.tools.executor import Executor
from adagym.tools.maps import read_map
from adagym.types import Array, ToolCall, ToolResult

NAMES = ("DrawLine", "DrawShape", "DrawDashLinePath", "HighlightBox", "MaskBox", "RotateImage")
RUN = Executor(NAMES).run
BLACK: Array = np.zeros((40, 60, 3), np.uint8)
ROWS = ("SFF", "FHF", "FFG")
MAP = MapImage(ROWS).load()


def run(name: str, image: Array = BLACK, **arguments: Any) -> ToolResult:
    before = image.copy()
    result = RUN(ToolCall(name, {"image": "img_1", **arguments}), {"img_1": image})
    np.testing.assert_array_equal(image, before)
    assert not any(np.shares_memory(picture, image) for picture in result.images)
    return result


def ink(result: ToolResult, colour: str = "red") -> np.ndarray[Any, Any]:
    """Where the picture has the colour; everything else must be black."""
    assert result.ok, result.message
    (picture,) = result.images
    coloured = (picture == COLOURS[colour]).all(-1)
    assert not picture[~coloured].any()
    found: np.ndarray[Any, Any] = coloured
    return found


def test_horizontal_lines_are_three_pixels_high_and_dashed() -> None:
    result = run("DrawLine", line_type="horizontal", coordinates="y1=10, y2=0, y3=39")
    assert result.data == {"positions": [10, 0, 39]}
    assert result.message == "Horizontal lines drawn successfully at 3 positions."
    drawn = ink(result)
    assert np.flatnonzero(drawn.any(1)).tolist() == [0, 1, 9, 10, 11, 38, 39]
    dashes = [*range(10), *range(18, 28), *range(36, 46), *range(54, 60)]  # 10 drawn, 8 open
    assert np.flatnonzero(drawn[10]).tolist() == dashes


def test_vertical_lines() -> None:
    result = run("DrawLine", line_type="vertical", coordinates="x=20.4")
    assert result.data == {"positions": [20]}
    drawn = ink(result)
    assert np.flatnonzero(drawn.any(0)).tolist() == [19, 20, 21]
    assert np.flatnonzero(drawn[:, 20]).tolist() == [*range(10), *range(18, 28), *range(36, 40)]


@pytest.mark.parametrize("written", ["y1=10,y2=20", "10, 20", "[10, 20]", " y1 = 10 , y = 20. "])
def test_positions_as_they_may_be_written(written: str) -> None:
    assert run("DrawLine", line_type="horizontal", coordinates=written).data == {"positions": [10, 20]}


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        ("horizontal", "x1=10", "`coordinates` must be like y1=100, y2=200 for horizontal lines, in pixels"),
        ("vertical", "y1=10", "`coordinates` must be like x1=100, x2=200 for vertical lines, in pixels"),
        ("horizontal", "y1=-4", "must be like y1=100"),
        ("horizontal", "y1=nan", "must be like y1=100"),
        ("horizontal", "y1=10,", "must be like y1=100"),
        ("horizontal", "y1=" + "9" * 500, "must be like y1=100"),
        ("horizontal", "y1=0.5", "normalised coordinates (0 to 1) such as 0.5 are not supported"),
        ("horizontal", "y1=40", "`coordinates` holds y=40, outside the image of 60x40 pixels."),
        ("vertical", "x1=60", "`coordinates` holds x=60, outside the image of 60x40 pixels."),
        ("diagonal", "10", "`line_type` must be one of horizontal, vertical, not 'diagonal'."),
    ],
)
def test_lines_that_cannot_be_drawn(kind: str, written: str, message: str) -> None:
    result = run("DrawLine", line_type=kind, coordinates=written)
    wrong = "line_type" if kind == "diagonal" else "coordinates"
    assert (result.error_code, wrong in result.check.valid) == (201, False)
    assert message in result.message


def test_a_rectangle_is_outlined() -> None:
    result = run("DrawShape", bboxes=[{"shape": "rectangle", "coords": [10, 10, 30, 20]}])
    assert result.message == "Successfully drew 1 shapes on the image."
    drawn = ink(result)
    inside = drawn[12:18, 12:28]
    assert not inside.any()
    assert drawn[10, 10:30].all()
    assert drawn[19, 10:30].all()
    assert drawn[10:20, 10].all()
    assert drawn[10:20, 29].all()
    assert not drawn[:8].any()
    assert not drawn[22:].any()


def test_an_ellipse_touches_its_box_and_a_circle_has_the_longer_side() -> None:
    box = [10, 10, 51, 31]
    ellipse = ink(run("DrawShape", bboxes=[{"shape": "ellipse", "coords": box}]))
    assert [ellipse[20, 10], ellipse[20, 50], ellipse[10, 30], ellipse[30, 30]] == [True] * 4
    assert not ellipse[11, 11]
    circle = ink(run("DrawShape", bboxes=[{"shape": "circle", "coords": box}]))
    assert [circle[20, 10], circle[20, 50], circle[0, 30], circle[39, 30]] == [True] * 4
    assert not circle[10, 30]  # the ellipse's top


def test_several_shapes_and_one_that_is_outside() -> None:
    good = {"shape": "circle", "coords": [0, 0, 10, 10]}
    assert run("DrawShape", bboxes=[good, good]).message == "Successfully drew 2 shapes on the image."
    result = run("DrawShape", bboxes=[good, {"shape": "circle", "coords": [50, 0, 61, 10]}])
    assert "`bboxes` [50, 0, 61, 10] is not inside the image of 60x40 pixels" in result.message
    assert (result.error_code, result.check.valid) == (201, ("image",))


def test_a_dashed_path_has_gaps_and_a_head_at_every_move() -> None:
    result = run("DrawDashLinePath", MAP, start_point=[32, 32], directions="R,D")
    assert result.message == "Dashed path drawn successfully"
    assert result.data == {"points": [[32, 32], [96, 32], [96, 96]], "end_point": [96, 96]}
    (picture,) = result.images
    drawn = (picture == COLOURS["blue"]).all(-1)
    along = drawn[32, 32:80]  # 80 is before the head of the first move
    assert along[[0, 5, 10, 18, 23, 28, 36]].all()
    assert not along[[14, 32]].any()
    assert drawn[26:39, 84].sum() == 13  # the head, as wide as 4 lines
    assert drawn[84, 90:103].sum() == 13
    assert not drawn[100:].any()
    reading = read_map(picture)
    assert reading is not None
    assert reading.kinds == ROWS


@pytest.mark.parametrize(
    ("start", "directions", "message"),
    [
        ([32, 32], "R,X", "Invalid directions format"),
        ([32, 32], "U", "Move 1 (U) leaves the image of 192x192 pixels."),
        ([500, 0], "R", "`start_point` [500, 0] is outside the image of 192x192 pixels."),
    ],
)
def test_dashed_paths_that_cannot_be_drawn(start: list[int], directions: str, message: str) -> None:
    result = run("DrawDashLinePath", MAP, start_point=start, directions=directions)
    assert result.error_code == 201
    assert message in result.message


def test_highlighted_boxes_are_half_red_once() -> None:
    image = np.empty((4, 6, 3), np.uint8)
    image[...] = (200, 100, 51)
    result = run("HighlightBox", image, bboxes=[[0, 0, 3, 2], [2, 1, 5, 3]])
    assert result.message == "Successfully highlighted 2 bounding boxes on the image."
    (picture,) = result.images
    marked = (picture == (228, 50, 25)).all(-1)  # 200 / 2 + 128, 100 / 2, 51 / 2
    assert marked.tolist() == [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0], [0, 0, 1, 1, 1, 0], [0] * 6]
    assert (picture[~marked] == (200, 100, 51)).all()
    (white,) = run("HighlightBox", np.full((2, 2, 3), 255, np.uint8), bboxes="[[0, 0, 2, 2]]").images
    assert white[0, 0].tolist() == [255, 127, 127]


def test_masked_boxes_are_white() -> None:
    result = run("MaskBox", bboxes="[[10, 5, 12, 6], [0, 0, 1, 2]]")
    assert result.message == "Successfully masked 2 regions in the image."
    (picture,) = result.images
    white = (picture == 255).all(-1)
    assert sorted(zip(*np.nonzero(white), strict=True)) == [(0, 0), (1, 0), (5, 10), (5, 11)]
    assert not picture[~white].any()


@pytest.mark.parametrize("name", ["HighlightBox", "MaskBox"])
@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([], "`bboxes` must be a list of 1 to 256 boxes"),
        ([[0, 0, 10, 10], [0, 0, 61, 10]], "`bboxes` [0, 0, 61, 10] is not inside the image of 60x40 pixels"),
        ([[9, 9, 1, 1]], "`bboxes` [9, 9, 1, 1] is empty"),
        ([[0.1, 0.1, 0.2, 0.2]], "normalised"),
    ],
)
def test_boxes_that_cannot_be_marked(name: str, boxes: Any, message: str) -> None:
    result = run(name, bboxes=boxes)
    assert (result.error_code, result.check.valid) == (201, ("image",))
    assert message in result.message


def test_pictures_turn_clockwise() -> None:
    image: Array = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[..., None].repeat(3, 2)
    for angle, rows in ((90, [[4, 1], [5, 2], [6, 3]]), (180, [[6, 5, 4], [3, 2, 1]]), (270, [[3, 6], [2, 5], [1, 4]])):
        result = run("RotateImage", image, angle=str(angle))
        assert result.images[0][..., 0].tolist() == rows
        assert result.data == {"size": [len(rows[0]), len(rows)]}
        assert result.message == f"Image rotated {angle} degrees clockwise successfully"


@pytest.mark.parametrize("angle", [0, 45, -90, 360, 10**6])
def test_other_angles_are_refused(angle: int) -> None:
    result = run("RotateImage", angle=angle)
    assert (result.error_code, result.message) == (201, f"`angle` must be one of 90, 180, 270, not {angle}.")
