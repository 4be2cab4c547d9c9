"""Point: words it understands, and what it returns."""

from __future__ import annotations

import numpy as np
import pytest

from adagym.envs.tiles import MapImage, Skin
from adagym.tools.executor import Executor
from adagym.tools.point import NOTHING_FOUND
from adagym.types import Array, ToolCall, ToolResult

RUN = Executor(["Point"]).run
ROWS = ("FSH", "HFF", "FGF")
STAR = (0, 255, 0)


def point(image: Array, description: str) -> ToolResult:
    return RUN(ToolCall("Point", {"image": "img_1", "description": description}), {"img_1": image})


@pytest.mark.parametrize("skin", ["adagym", "gymnasium"])
@pytest.mark.parametrize(
    ("description", "points"),
    [
        ("Elf", [[96, 32]]),
        ("the PLAYER's position", [[96, 32]]),
        ("starting point", [[96, 32]]),
        ("Gift", [[96, 160]]),
        ("the goal (red flag)", [[96, 160]]),
        ("Ice Holes", [[160, 32], [32, 96]]),
        ("every hole", [[160, 32], [32, 96]]),
    ],
)
def test_things_are_found(skin: Skin, description: str, points: list[list[int]]) -> None:
    image = MapImage(ROWS, 64, skin).load()
    before = image.copy()
    result = point(image, description)
    assert result.ok
    assert result.data == {"points": points, "image_dimensions_pixels": {"width": 192, "height": 192}}
    assert all(type(value) is int for found in result.data["points"] for value in found)
    (marked,) = result.images
    assert all(tuple(marked[y, x]) == STAR for x, y in points)
    assert (marked == STAR).all(-1).sum() < 200 * len(points)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("skin", ["adagym", "gymnasium"])
@pytest.mark.parametrize("moves", ["D,D", "L,D,D,R,R,U", "R"])
def test_what_a_drawn_path_crosses_is_told_apart(skin: Skin, moves: str) -> None:
    image = MapImage(ROWS, 64, skin).load()
    call = ToolCall("Draw2DPath", {"image": "img_1", "start_point": [96, 32], "directions": moves})
    (drawn,) = Executor(["Draw2DPath"]).run(call, {"img_1": image}).images
    crossed = {"D,D": [], "L,D,D,R,R,U": [[32, 96]], "R": [[160, 32]]}[moves]
    assert point(drawn, "Ice Holes on the path").data["points"] == crossed
    assert point(drawn, "Ice Holes").data["points"] == [[160, 32], [32, 96]]
    assert point(drawn, "the gift at the end of the line").data["points"] == ([] if moves == "R" else [[96, 160]])
    assert point(image, "Ice Holes on the path").data["points"] == []


@pytest.mark.parametrize("description", ["banana", "Ice", "elf and gift", "hold", "1,2", "洞"])
def test_what_it_cannot_tell_is_not_found(description: str) -> None:
    result = point(MapImage(ROWS).load(), description)
    assert result.ok
    assert result.message == NOTHING_FOUND
    assert result.data["points"] == []
    assert result.images == ()


def test_a_map_without_holes_has_none() -> None:
    assert point(MapImage(("SG",)).load(), "Ice Holes").message == NOTHING_FOUND


def test_a_picture_that_is_no_map() -> None:
    result = point(np.zeros((40, 30, 3), np.uint8), "Elf")
    assert result.ok
    assert result.data == {"points": [], "image_dimensions_pixels": {"width": 30, "height": 40}}


def test_a_marked_picture_is_read_like_a_clean_one() -> None:
    marked = point(MapImage(ROWS).load(), "Elf").images[0]
    assert point(marked, "Elf").data["points"] == [[96, 32]]
