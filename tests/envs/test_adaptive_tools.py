"""Every tool under a disguise: what it is told, and that no text of a result gives an original name away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adagym.envs.tiles import MapImage
from adagym.envs.wrappers import AdaptiveConfig, AdaptiveExecutor, Disguise, draw_for
from adagym.envs.wrappers.disguise import ENVELOPE
from adagym.envs.wrappers.wording import load_library, match
from adagym.protocol import DIALECTS
from adagym.tools import TOOLS
from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall
from adagym.video import ShownVideo, Video


class Plain(Video):
    """Grey frames, one every half second."""

    def __init__(self, count: int) -> None:
        self._count = count

    @property
    def times(self) -> NDArray[np.float64]:
        return np.arange(self._count) / 2

    @property
    def size(self) -> tuple[int, int]:
        return 40, 30

    @property
    def duration(self) -> float:
        return self._count / 2

    def frames(self, indices: Sequence[int]) -> list[Array]:
        return [np.full((30, 40, 3), index, np.uint8) for index in indices]


IMAGES = {"img_1": MapImage(("SF", "HG")).load(), "img_2": np.full((50, 80, 3), 99, np.uint8)}
IMAGES["img_3"] = np.zeros((300, 300, 3), np.uint8)
EMPTY = {"img_1": MapImage(("FF", "FF")).load()}
ONE, TWO = {"image": "img_1"}, {"image": "img_2"}
BOX = [0, 0, 20, 20]
AROUND = {"start": [32, 32], "goal": [96, 96], "obstacles": []}
PATH = {"image": "img_1", "start_point": [32, 32], "directions": "R"}
LINE = {"start_point_2d": [0, 0], "end_point_2d": [20, 30]}
VIDEO = ShownVideo(Plain(3), (0, 2))

CALLS: dict[str, tuple[dict[str, Any], ...]] = {
    "AStar": (
        AROUND,
        {**AROUND, "obstacles": "none"},
        {**AROUND, "obstacles": [[32, 32]]},
        {**AROUND, "obstacles": [[32, 96], [96, 32]]},
        {**AROUND, "goal": [999, 9]},
        {**AROUND, "goal": "home"},
        {**AROUND, "cell_size": 0},
        {**AROUND, "cell_size": 1, "image": "img_3"},
    ),
    "Crop": (
        {**TWO, "coordinates": BOX},
        {**TWO, "coordinates": [20, 0, 10, 9]},
        {**TWO, "coordinates": [0, 0, 999, 9]},
        {"image": "img_3", "coordinates": [0, 0, 300, 1]},
        {**TWO, "coordinates": [0.1, 0.1, 0.5, 0.5]},
        {**TWO, "coordinates": "the sky"},
        {**TWO, "bbox": BOX},
        {},
    ),
    "DetectBlackArea": (
        TWO,
        {**TWO, "threshold": 300},
        {**TWO, "threshold": "dark"},
        {**TWO, "min_area": 0},
    ),
    "Draw2DPath": (
        PATH,
        {**PATH, "line_width": 99},
        {**PATH, "line_color": "mauve"},
        {**PATH, "start_point": [999, 0]},
        {**PATH, "directions": "L"},
        {**PATH, "directions": ""},
        {**PATH, "step": 0},
        {**PATH, "directions": "on"},
    ),
    "DrawDashLinePath": (PATH, {**PATH, "directions": "on"}),
    "DrawLine": (
        {**TWO, "line_type": "vertical", "coordinates": "x1=9"},
        {**TWO, "line_type": "slanted", "coordinates": "x1=9"},
        {**TWO, "line_type": "vertical", "coordinates": "y1=9"},
        {**TWO, "line_type": "vertical", "coordinates": "x1=999"},
        {**TWO, "line_type": "vertical", "coordinates": "x1=0.5"},
    ),
    "DrawShape": (
        {**TWO, "bboxes": [{"shape": "circle", "coords": BOX}]},
        {**TWO, "bboxes": [{"shape": "circle", "coords": [0, 0, 99, 99]}]},
        {**TWO, "bboxes": [{"shape": "star", "coords": BOX}]},
    ),
    "GetEndPoint": (ONE, TWO),
    "GetObstacles": (ONE, TWO),
    "GetStartPoint": (ONE, TWO),
    "GetWeather": (
        {"location": "Lima"},
        {"location": "Lima", "date": "now"},
        {"location": "Lima", "unit": "kelvin"},
    ),
    "HighlightBox": ({**TWO, "bboxes": [BOX]}, {**TWO, "bboxes": []}, {**TWO, "bboxes": [[5, 5, 5, 5]]}),
    "InsertImage": (
        {"base_image": "img_1", "image_to_insert": "img_2", "coordinates": BOX},
        {"base_image": "img_1", "image_to_insert": "img_2", "coordinates": BOX, "resize": "maybe"},
        {"base_image": "img_1", "image_to_insert": "img_9", "coordinates": BOX},
    ),
    "MaskBox": ({**TWO, "bboxes": [BOX]}, {**TWO, "bboxes": "all"}),
    "FrameAt": (
        {"target_frame": [1, 2]},
        {"target_frame": 3},
        {"target_frame": "all"},
        {"time": 2},
        {"target_frame": 1, "time": 0.5},
    ),
    "VideoClip": (
        {"target_frames": [2]},
        {"start_time": 0, "end_time": 1, "count": 17},
        {"start_time": 1, "end_time": 0.5},
        {"start_time": 1},
    ),
    "PathTracer": (
        {**LINE, "target_image": 1},
        {**LINE, "target_image": "img_9"},
        {**LINE, "end_point_2d": "there", "target_image": 1},
        {**LINE, "end_point_2d": [999, 0], "target_image": 1},
    ),
    "crop_image": (
        {"bbox_2d": BOX, "target_image": 2},
        {"bbox_2d": "the sky", "target_image": "img_2"},
        {"bbox_2d": [20, 0, 10, 9], "target_image": 2},
    ),
    "OCR": ({"image": "img_9"}, {"image": "img_1", "language": "en"}),
    "Point": ({**ONE, "description": "Elf"}, {**ONE, "description": "a unicorn"}, {**ONE, "description": " "}),
    "RotateImage": ({**TWO, "angle": 90}, {**TWO, "angle": 45}),
}
"""Calls of every tool; together they have every text that a result can hold, but for that of ``no_such_call``."""


def disguised(name: str, seed: int, **config: Any) -> tuple[AdaptiveExecutor, Disguise]:
    plain = Executor([name])
    disguise = draw_for(seed, "task", plain.specs, AdaptiveConfig(**config))
    return AdaptiveExecutor(plain, disguise), disguise


def calls(name: str) -> Iterator[tuple[ToolCall, tuple[dict[str, Array], ShownVideo | None]]]:
    """The calls of a tool, with the pictures they are made on and the video."""
    for arguments in CALLS[name]:
        yield ToolCall(name, arguments), (IMAGES, VIDEO)
    if name in ("GetStartPoint", "GetEndPoint"):
        yield ToolCall(name, ONE), (EMPTY, None)
    if name in ("FrameAt", "VideoClip"):
        yield ToolCall(name, CALLS[name][0]), (IMAGES, None)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def keys(value: Any) -> Iterator[str]:
    """Every key of a JSON value, at every depth."""
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(item)


def test_every_tool_is_tried() -> None:
    assert set(CALLS) == set(TOOLS.names())


@pytest.mark.parametrize("name", CALLS)
def test_no_result_gives_an_original_name_away(name: str) -> None:
    dialect = DIALECTS.load("adareasoner")
    for seed in range(3):
        executor, disguise = disguised(name, seed, fields=True, errors=True)
        hidden = {*disguise.tools, *disguise.parameters, *disguise.fields}
        for call, media in calls(name):
            result = executor.run(disguise.mask_call(call), *media)
            told = json.loads(disguise.observe(dialect, result, ["img_5"] * len(result.images)).content[0].text)
            assert set(keys(told)) <= set(disguise.fields.values()), (call, set(keys(told)))
            assert told[disguise.fields[ENVELOPE[0]]] == disguise.tools[name]
            written = {word for value in call.arguments for word in words(value)} - {*disguise.parameters}
            assert not (words(result.message) & hidden) - written, result.message


@pytest.mark.parametrize("name", CALLS)
def test_no_wording_of_a_text_gives_an_original_name_away(name: str) -> None:
    plain, (_, disguise) = Executor([name]), disguised(name, 0, fields=True)
    hidden = {*disguise.tools, *disguise.parameters, *disguise.fields}
    for call, media in calls(name):
        message = plain.run(call, *media).message
        for text, forms in load_library().texts.items():
            for form in forms if match(text, message) is not None else ():
                assert not words(re.sub(r"\{\w+\}", "", form)) & hidden, form


@pytest.mark.parametrize("name", CALLS)
def test_names_alone_hide_what_can_only_be_a_name(name: str) -> None:
    executor, disguise = disguised(name, 1)
    telling = {word for word in (*disguise.tools, *disguise.parameters) if not word.islower() or "_" in word}
    for call, media in calls(name):
        message = executor.run(disguise.mask_call(call), *media).message
        assert not words(message) & telling, message
        assert set(re.findall(r"`(\w+)`", message)) <= set(disguise.parameters.values()), message


@pytest.mark.parametrize("name", CALLS)
def test_the_prompt_hides_what_can_only_be_a_name(name: str) -> None:
    every = {*TOOLS.names(), *(word for tool in CALLS for word in TOOLS.load(tool).spec.properties)}
    telling = {word for word in every if not word.islower() or "_" in word}
    for seed in range(20):
        executor, disguise = disguised(name, seed)
        (spec,) = executor.specs
        assert spec.name == disguise.tools[name]
        assert list(spec.properties) == [disguise.parameters[word] for word in TOOLS.load(name).spec.properties]
        assert not words(json.dumps(dict(spec.parameters)) + spec.description) & telling


def test_calls_are_run_as_without_a_disguise_and_every_text_is_in_the_library() -> None:
    library, seen = load_library(), set()
    for name in CALLS:
        plain, (executor, disguise) = Executor([name]), disguised(name, 2, errors=True)
        for call, media in (*calls(name), (ToolCall("NoSuchTool", {}), (IMAGES, None))):
            before, after = plain.run(call, *media), executor.run(disguise.mask_call(call), *media)
            assert (before.status, before.error_code, before.data) == (after.status, after.error_code, after.data)
            if call.name == name:
                assert (before.tool, before.check.valid) == (after.tool, after.check.valid)
            if before.message:
                (text,) = (text for text in library.texts if match(text, before.message) is not None)
                seen.add(text)
                assert after.message != before.message
    assert seen == set(library.texts)
