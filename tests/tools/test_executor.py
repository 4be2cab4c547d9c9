"""The executor: codes, checks, and that nothing a model writes breaks it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adagym.envs.tiles import MapImage
from adagym.errors import InfraError, UnknownName
from adagym.tools import TOOLS
from adagym.tools.executor import Executor
from adagym.tools.values import MAX_COORDINATE, MAX_POINTS
from adagym.types import ToolCall

EXECUTOR = Executor(["Point", "Draw2DPath", "AStar"])
IMAGES = {"img_1": MapImage(("SF", "HG")).load(), "img_2": np.zeros((20, 30, 3), np.uint8)}
PATH = {"start": [32, 32], "goal": [96, 96], "obstacles": [[32, 96]]}


def test_a_good_call() -> None:
    result = EXECUTOR.run(ToolCall("Point", {"image": "img_1", "description": "Elf"}), IMAGES)
    assert (result.tool, result.status, result.error_code, result.ok) == ("Point", "success", 0, True)
    check = result.check
    assert (check.known, check.online) == (True, True)
    assert check.given == check.required == check.allowed == check.valid == ("image", "description")
    assert result.seconds > 0


@pytest.mark.parametrize(
    ("name", "arguments", "code", "message", "valid"),
    [
        ("Pointt", {"image": "img_1"}, 202, "There is no tool named 'Pointt'. The tools are: Point, Draw2DPath", ()),
        ("", {}, 202, "There is no tool named ''.", ()),
        ("Point", {"image": "img_1"}, 205, "Missing required parameters: description. Expected: image,", ("image",)),
        ("Point", {}, 205, "Missing required parameters: image, description.", ()),
        ("Point", {"image": "img_9", "description": "Elf"}, 204, '(img_1, img_2), not "img_9".', ("description",)),
        ("Point", {"image": 1, "description": "Elf"}, 204, "must name an image", ("description",)),
        ("Point", {"image": "/etc/passwd", "description": "Elf"}, 204, "must name an image", ("description",)),
        ("Point", {"image": "img_1", "description": " "}, 201, "`description` must be a non-empty text", ("image",)),
        (
            "Point",
            {"image": "img_1", "description": "Elf", "x": 1},
            201,
            "Unknown parameters: x. Expected: image, description.",
            ("image", "description"),
        ),
        ("AStar", {"start": [1, 1], "goal": [1, 1]}, 205, "obstacles. Expected: start, goal", ("start", "goal")),
        ("AStar", {**PATH, "image": "img_7"}, 204, "`image` must name", ("start", "goal", "obstacles")),
        ("AStar", {**PATH, "obstacles": [[32, 96], [96, 32]]}, 203, "There is no path", ("start", "goal", "obstacles")),
    ],
)
def test_bad_calls(name: str, arguments: dict[str, Any], code: int, message: str, valid: tuple[str, ...]) -> None:
    result = EXECUTOR.run(ToolCall(name, arguments), IMAGES)
    assert (result.status, result.error_code, result.ok) == ("failed", code, False)
    assert message in result.message
    assert result.check.valid == valid
    assert result.check.given == tuple(arguments)
    assert result.check.known == (code != 202)


@pytest.mark.parametrize(
    ("name", "arguments", "valid"),
    [
        ("Point", {"image": "img_1", "description": "Elf"}, ("image", "description")),
        ("Point", {"image": "img_9", "description": "Elf"}, ("description",)),
        ("Pointt", {"image": "img_1"}, ()),
        ("AStar", {**PATH, "goal": [999, 9]}, ("start", "obstacles")),
        ("AStar", {**PATH, "obstacles": [[32, 32]]}, ("goal", "obstacles")),
        ("AStar", {**PATH, "obstacles": [[32, 96], [96, 32]]}, ("start", "goal", "obstacles")),
        ("Draw2DPath", {"image": "img_1", "start_point": [32, 32], "directions": "L"}, ("image", "start_point")),
        ("Draw2DPath", {"image": "img_1", "start_point": [32, 32], "directions": "R"}, None),
        ("Crop", {"image": "img_2", "bbox": [0, 0, 31, 2]}, ("image",)),
        ("Crop", {"image": "img_2", "bbox": [0, 0, 30, 2]}, ("image", "coordinates")),
        ("crop_image", {"target_image": 2, "bbox_2d": [5, 5, 5, 9]}, ("target_image",)),
    ],
)
def test_a_check_finds_what_a_run_would_and_runs_nothing(
    name: str, arguments: dict[str, Any], valid: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Executor(["Point", "Draw2DPath", "AStar", "Crop", "crop_image"])
    call = ToolCall(name, arguments)
    expected = executor.run(call, IMAGES).check
    monkeypatch.setattr(executor, "perform", None)
    assert executor.check(call, IMAGES) == expected
    assert set(expected.valid) == set(arguments if valid is None else valid)


def test_a_tool_that_is_not_offered_is_unknown() -> None:
    executor = Executor(["AStar"])
    assert [spec.name for spec in executor.specs] == ["AStar"]
    assert executor.run(ToolCall("Point", {"image": "img_1", "description": "Elf"}), IMAGES).error_code == 202
    assert "The tools are: none." in Executor([]).run(ToolCall("Point", {}), IMAGES).message


def test_an_unregistered_tool_is_refused() -> None:
    with pytest.raises(UnknownName, match="Did you mean `Point`"):
        Executor(["Poit"])


def test_the_default_image_must_exist() -> None:
    result = EXECUTOR.run(ToolCall("AStar", PATH), {})
    assert (result.error_code, "image" in result.check.valid) == (204, False)


@pytest.mark.parametrize(
    "start",
    [
        {"x": 32, "y": 32},
        "[32, 32]",
        '{"x": 32, "y": 32}',
        [[32, 32]],
        [{"x": 32, "y": 32}],
        [32.4, 31.6],
        "[[32, 32]]",
    ],
)
def test_points_as_released_checkpoints_write_them(start: Any) -> None:
    assert EXECUTOR.run(ToolCall("AStar", {**PATH, "start": start}), IMAGES).data == {"path": "R,D"}


@pytest.mark.parametrize("obstacles", [[], "[]", [32, 96], {"x": 32, "y": 96}, "[[32, 96]]", [{"x": 32, "y": 96}]])
def test_lists_of_points(obstacles: Any) -> None:
    assert EXECUTOR.run(ToolCall("AStar", {**PATH, "obstacles": obstacles}), IMAGES).ok


@pytest.mark.parametrize(
    "start",
    [
        None,
        True,
        7,
        "",
        "32, 32",
        [],
        [1],
        [1, 2, 3],
        ["1", "2"],
        [True, 1],
        [-1, 1],
        [float("nan"), 1],
        [float("inf"), 1],
        [MAX_COORDINATE + 1, 0],
        [10**400, 1],
        {"x": 1},
        {"x": 1, "y": 2, "z": 3},
        '["\\ud800", 1]',
        "[" * 100_000,
        "9" * 5000,
    ],
)
def test_what_is_no_point(start: Any) -> None:
    result = EXECUTOR.run(ToolCall("AStar", {**PATH, "start": start}), IMAGES)
    assert result.error_code == 201
    assert result.message.startswith("`start` must be a point [x, y] in pixels")
    assert len(result.message.encode()) < 400


@pytest.mark.parametrize("size", [10**400, -(10**400), float("nan"), float("inf"), "1e3", "²", True, [64], "64.0", 0.5])
def test_what_is_no_whole_number(size: Any) -> None:
    result = EXECUTOR.run(ToolCall("AStar", {**PATH, "cell_size": size}), IMAGES)
    assert (result.error_code, "cell_size" in result.check.valid) == (201, False)


@pytest.mark.parametrize("size", [64, 64.0, "64", " 64 ", None])
def test_whole_numbers(size: Any) -> None:
    assert EXECUTOR.run(ToolCall("AStar", {**PATH, "cell_size": size}), IMAGES).data == {"path": "R,D"}


def test_too_many_points() -> None:
    assert EXECUTOR.run(ToolCall("AStar", {**PATH, "obstacles": [[0, 0]] * (MAX_POINTS + 1)}), IMAGES).error_code == 201


def test_a_broken_tool_is_an_infrastructure_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("adagym.tools.point.locate", explode)
    with pytest.raises(InfraError, match="`Point` broke: ZeroDivisionError: oops"):
        EXECUTOR.run(ToolCall("Point", {"image": "img_1", "description": "Elf"}), IMAGES)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["img_1", "RRD"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({name for tool in TOOLS.names() for name in TOOLS.load(tool).spec.properties} | {"nonsense"})


@given(
    name=st.sampled_from([*TOOLS.names(), "Other"]),
    arguments=st.dictionaries(st.sampled_from(NAMES), VALUES | VALUES.map(json.dumps), max_size=len(NAMES)),
)
@example(name="Point", arguments={"image": "img_2", "description": "x" * 10_000})
@example(name="AStar", arguments={"start": "[1e999, 1]", "goal": "NaN", "obstacles": "[[[[]]]]"})
@example(name="Draw2DPath", arguments={"image": "img_2", "start_point": [0, 0], "directions": "R", "line_width": 32})
def test_nothing_a_model_writes_breaks_it(name: str, arguments: dict[str, Any]) -> None:
    before = {key: image.copy() for key, image in IMAGES.items()}
    result = EXECUTOR.run(ToolCall(name, arguments), IMAGES)
    assert (result.error_code == 0) == (result.status == "success")
    assert result.error_code in (0, 201, 202, 203, 204, 205)
    assert result.ok or result.message
    assert set(result.check.valid) <= set(arguments)
    json.dumps(dict(result.data), allow_nan=False).encode()
    result.message.encode()
    for key, image in IMAGES.items():
        np.testing.assert_array_equal(image, before[key])


def test_names_that_cannot_be_encoded_are_told_without_what_cannot() -> None:
    executor = Executor(("Crop",))
    unknown = executor.run(ToolCall("a\ud800b", {}), {})
    given = executor.run(ToolCall("Crop", {"\udfff": 1, "image": "img_1", "coordinates": [0, 0, 9, 9]}), {})
    assert (unknown.tool, unknown.error_code) == ("a?b", 202)
    assert (given.message.partition(".")[0], given.error_code) == ("Unknown parameters: ?", 201)
    for result in (unknown, given):
        f"{result.tool}{result.message}".encode()
