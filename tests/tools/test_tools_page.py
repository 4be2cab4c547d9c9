"""The page ``docs/tools.md`` names every tool and argument, and its picture is what the tools draw."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adagym.envs.tiles import MapImage
from adagym.tools import TOOLS
from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "tools.md").read_text(encoding="utf-8")
MAP = {"image": "img_1"}
SHAPES = [{"shape": "rectangle", "coords": [8, 8, 120, 56]}, {"shape": "circle", "coords": [72, 72, 184, 184]}]
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Crop", {**MAP, "coordinates": [64, 64, 192, 192]}),
    ("InsertImage", {"base_image": "img_1", "image_to_insert": "img_1", "coordinates": [96, 0, 192, 96]}),
    ("DrawLine", {**MAP, "line_type": "horizontal", "coordinates": "y1=64, y2=128"}),
    ("DrawShape", {**MAP, "bboxes": SHAPES}),
    ("HighlightBox", {**MAP, "bboxes": [[0, 0, 96, 96], [64, 64, 192, 128]]}),
    ("MaskBox", {**MAP, "bboxes": [[64, 64, 128, 128]]}),
    ("RotateImage", {**MAP, "angle": 90}),
    ("Draw2DPath", {**MAP, "start_point": [32, 32], "directions": "D,D,R,R"}),
    ("DrawDashLinePath", {**MAP, "start_point": [32, 32], "directions": "D,D,R,R"}),
    ("GetObstacles", MAP),
)


def sheet() -> Array:
    """The pictures in two rows of five, 8 pixels apart."""
    picture: Array = np.full((400, 1000, 3), 255, np.uint8)
    images = {"img_1": MapImage(("SFF", "FHF", "FHG")).load()}
    executor = Executor(TOOLS.names())
    for number, (name, arguments) in enumerate(CALLS):
        (drawn,) = executor.run(ToolCall(name, arguments), images).images
        x, y = 4 + number % 5 * 200, 4 + number // 5 * 200
        picture[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn
    return picture


def test_the_picture_is_what_the_tools_draw() -> None:
    with Image.open(DOCS / "tools.png") as stored:
        shown = np.asarray(stored.convert("RGB"))
    drawn = sheet()
    assert shown.shape == drawn.shape
    # Releases of OpenCV differ in single pixels of slanted lines.
    assert (shown != drawn).any(-1).mean() < 0.005


def test_the_caption_names_the_pictures_in_order() -> None:
    caption = PAGE.split("From left to right")[1].split("`tests/")[0]
    assert re.findall(r"`(\w+)`", caption) == [name for name, _ in CALLS]


@pytest.mark.parametrize("name", TOOLS.names())
def test_a_row_names_the_arguments_of_a_tool(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    arguments = row.split(" | ")[1]
    required, _, optional = arguments.partition("[")
    spec = TOOLS.load(name).spec
    listed = [word for word in re.findall(r"`(\w+)`", required) if word in spec.properties]
    assert tuple(listed) == spec.required
    assert re.findall(r"`(\w+)`", optional) == [key for key in spec.properties if key not in spec.required]


def test_every_row_is_of_a_registered_tool() -> None:
    assert sorted(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == TOOLS.names()


def test_the_error_shown_is_the_one_that_is_given() -> None:
    call = ToolCall("Crop", {**MAP, "coordinates": [0, 0, 900, 100]})
    result = Executor(["Crop"]).run(call, {"img_1": MapImage(("SFF", "FHF", "FHG")).load()})
    assert f"\n{result.message}\n" in PAGE
