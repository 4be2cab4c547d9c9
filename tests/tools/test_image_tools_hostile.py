"""Whatever arguments the image tools are given, a result comes back and the pictures stay as they are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adagym.envs.tiles import MapImage
from adagym.errors import InfraError
from adagym.tools import TOOLS, executor
from adagym.tools.executor import Executor
from adagym.types import ToolCall

TOOLS_HERE = (
    "Crop",
    "InsertImage",
    "DetectBlackArea",
    "DrawLine",
    "DrawShape",
    "DrawDashLinePath",
    "HighlightBox",
    "MaskBox",
    "RotateImage",
    "GetStartPoint",
    "GetEndPoint",
    "GetObstacles",
    "GetWeather",
)
EXECUTOR = Executor(TOOLS_HERE)
IMAGES = {
    "img_1": MapImage(("SF", "HG")).load(),
    "img_2": np.zeros((1, 1, 3), np.uint8),
    "img_3": np.random.default_rng(0).integers(0, 256, (17, 200, 3), dtype=np.uint8),
}
SIDE = st.integers(-5, 210) | st.floats(-1, 200) | st.integers() | st.floats()
BOX = st.lists(SIDE, min_size=4, max_size=4) | st.lists(st.integers(0, 128), min_size=4, max_size=4).map(
    lambda sides: [min(sides[::2]), min(sides[1::2]), max(sides[::2]), max(sides[1::2])]
)
SHAPE = st.fixed_dictionaries({"shape": st.sampled_from(["rectangle", "ellipse", "circle", "dot"]), "coords": BOX})
IMAGE = st.sampled_from([*IMAGES, "img_9", "", 4])
TEXT = st.text(max_size=12)
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "image": IMAGE,
    "base_image": IMAGE,
    "image_to_insert": IMAGE,
    "coordinates": BOX | BOX.map(json.dumps) | st.sampled_from(["y1=3", "x1=3,x2=9", "y=1e3"]) | TEXT,
    "bboxes": st.lists(BOX, max_size=3) | st.lists(SHAPE, max_size=3) | st.lists(SHAPE, max_size=3).map(json.dumps),
    "resize": st.booleans() | TEXT,
    "threshold": st.integers(-2, 260) | st.none(),
    "min_area": st.integers(-2, 300) | st.none(),
    "line_type": st.sampled_from(["horizontal", "vertical"]) | TEXT,
    "start_point": st.lists(SIDE, min_size=2, max_size=2),
    "directions": st.text("lurdLURD, ", max_size=8) | TEXT,
    "angle": st.sampled_from([90, 180, 270, "90", 45, -90, 1e300]),
    "location": TEXT,
    "date": st.dates().map(str) | TEXT | st.none(),
    "unit": st.sampled_from(["celsius", "fahrenheit"]) | TEXT,
}


def test_all_parameters_are_tried() -> None:
    assert {name for tool in TOOLS_HERE for name in TOOLS.load(tool).spec.properties} == set(PLAUSIBLE)


@pytest.mark.parametrize("name", TOOLS_HERE)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_result_comes_back(name: str, data: st.DataObject) -> None:
    spec = TOOLS.load(name).spec
    arguments = data.draw(st.fixed_dictionaries({key: PLAUSIBLE[key] for key in spec.properties}))
    before = {key: image.copy() for key, image in IMAGES.items()}
    result = EXECUTOR.run(ToolCall(name, arguments), IMAGES)
    assert result.error_code in ((0,) if result.status == "success" else (201, 203, 204))
    assert result.ok or result.message
    result.message.encode()
    json.dumps(dict(result.data), allow_nan=False)
    for image in result.images:
        assert (image.dtype, image.ndim, image.shape[2]) == (np.uint8, 3, 3)
        assert image.size > 0
        assert image.flags.c_contiguous
    for key, image in IMAGES.items():
        np.testing.assert_array_equal(image, before[key])


def test_pictures_that_are_too_large_void_the_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "MAX_PIXELS", 100)
    with pytest.raises(InfraError, match=r"`RotateImage` returned a picture of \(200, 17, 3\)"):
        EXECUTOR.run(ToolCall("RotateImage", {"image": "img_3", "angle": 90}), IMAGES)
    assert EXECUTOR.run(ToolCall("Crop", {"image": "img_3", "coordinates": [0, 0, 10, 10]}), IMAGES).ok
