"""How values that a model wrote are read: what is tolerated, what is refused, and that nothing else happens."""

from __future__ import annotations

import json
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.errors import ErrorCode, ToolError
from adagym.tools.values import (
    BOOLEAN,
    INTEGER,
    MAX_COORDINATE,
    MAX_POINTS,
    MAX_TEXT,
    TEXT,
    ImageArg,
    Kind,
    Media,
    PointArg,
    PointsArg,
)

IMAGE, POINT, POINTS = (get_args(hint)[1] for hint in (ImageArg, PointArg, PointsArg))
PICTURE = np.zeros((4, 4, 3), np.uint8)
HUGE = 10**400
"""An integer that no float can hold."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (TEXT, "Elf", "Elf"),
        (TEXT, "x" * MAX_TEXT, "x" * MAX_TEXT),
        (INTEGER, 64, 64),
        (INTEGER, 64.0, 64),
        (INTEGER, "64", 64),
        (INTEGER, -3, -3),
        (BOOLEAN, True, True),
        (BOOLEAN, "False", False),
        (POINT, [96, 32], (96, 32)),
        (POINT, [96.4, 31.6], (96, 32)),
        (POINT, {"x": 96, "y": 32}, (96, 32)),
        (POINT, "[96, 32]", (96, 32)),
        (POINT, '{"x": 96, "y": 32}', (96, 32)),
        (POINT, [[96, 32]], (96, 32)),
        (POINT, [{"x": 96, "y": 32}], (96, 32)),
        (POINTS, [], ()),
        (POINTS, "[]", ()),
        (POINTS, [[1, 2], [3, 4]], ((1, 2), (3, 4))),
        (POINTS, [{"x": 1, "y": 2}, [3, 4]], ((1, 2), (3, 4))),
        (POINTS, "[[1, 2], [3, 4]]", ((1, 2), (3, 4))),
        (POINTS, [1, 2], ((1, 2),)),
        (POINTS, {"x": 1, "y": 2}, ((1, 2),)),
    ],
)
def test_clear_meanings_are_read(kind: Kind, value: Any, expected: Any) -> None:
    read = kind.read(value, Media())
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TEXT, ""),
        (TEXT, " \n"),
        (TEXT, 5),
        (TEXT, "x" * (MAX_TEXT + 1)),
        (INTEGER, True),
        (INTEGER, 1.5),
        (INTEGER, "6.4"),
        (INTEGER, "-3 px"),
        (INTEGER, float("nan")),
        (INTEGER, float("inf")),
        (INTEGER, HUGE),
        (INTEGER, None),
        (BOOLEAN, 1),
        (BOOLEAN, "yes"),
        (POINT, [96]),
        (POINT, [96, 32, 1]),
        (POINT, [-1, 32]),
        (POINT, [True, False]),
        (POINT, [float("inf"), 0]),
        (POINT, [HUGE, 0]),
        (POINT, [MAX_COORDINATE + 1, 0]),
        (POINT, ["96", "32"]),
        (POINT, {"x": 96}),
        (POINT, {"x": 96, "y": 32, "z": 0}),
        (POINT, "96, 32"),
        (POINT, "[96, NaN]"),
        (POINT, [[1, 2], [3, 4]]),
        (POINT, []),
        (POINTS, [[1, 2], [3]]),
        (POINTS, "none"),
        (POINTS, None),
        (POINTS, [[0, 0]] * (MAX_POINTS + 1)),
    ],
)
def test_everything_else_is_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(ToolError, match="must be") as caught:
        kind.read(value, Media())
    assert caught.value.code == ErrorCode.INVALID_PARAMETERS
    assert len(str(caught.value)) < 300


def test_images_are_found_by_name() -> None:
    assert IMAGE.read("img_1", Media({"img_1": PICTURE})) is PICTURE


@pytest.mark.parametrize("value", ["img_2", "/etc/passwd", "IMG_1", "", 1, None, ["img_1"], {"img_1": 1}])
def test_other_images_are_not(value: Any) -> None:
    with pytest.raises(ToolError, match=r"must name an image of this conversation \(img_1\)") as caught:
        IMAGE.read(value, Media({"img_1": PICTURE}))
    assert caught.value.code == ErrorCode.CANNOT_LOAD_IMAGE


def test_without_images_the_message_says_so() -> None:
    with pytest.raises(ToolError, match=r"\(none\)"):
        IMAGE.read("img_1", Media())


@pytest.mark.parametrize("kind", [TEXT, INTEGER, BOOLEAN, POINT, POINTS, IMAGE])
@given(value=JSON)
def test_nothing_but_a_tool_error_is_raised(kind: Kind, value: Any) -> None:
    for written in (value, json.dumps(value)):
        try:
            kind.read(written, Media({"img_1": PICTURE}))
        except ToolError as error:
            str(error).encode()  # the model's conversation is stored as UTF-8


@pytest.mark.parametrize("value", ['["\\ud800"]', '"\\ud800"', '{"x": "\\udfff", "y": 1}'])
def test_lone_surrogates_inside_strings_are_shown_as_valid_text(value: str) -> None:
    with pytest.raises(ToolError) as caught:
        POINTS.read(value, Media())
    str(caught.value).encode()


@pytest.mark.parametrize("depth", [20, 500, 900, 990, 100_000])
def test_deep_nesting_inside_a_string_is_refused(depth: int) -> None:
    with pytest.raises(ToolError):
        POINT.read("[" * depth + "]" * depth, Media())


@pytest.mark.parametrize("kind", [TEXT, INTEGER, BOOLEAN, POINT, POINTS, IMAGE])
def test_values_too_deep_to_be_shown_are_refused(kind: Kind) -> None:
    value: list[Any] = []
    for _ in range(50_000):
        value = [value]
    with pytest.raises(ToolError, match="not a deeply nested value"):
        kind.read(value, Media())
