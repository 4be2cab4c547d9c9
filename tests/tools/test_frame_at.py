"""FrameAt: frames by number or by time, at full size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall, ToolResult
from adagym.video import ShownVideo

RUN = Executor(["FrameAt"]).run
NUMBERS = "`target_frame` must be the number of a frame, 1 to 4, or a list of 1 to 16 of them, not "


def look(video: ShownVideo | None, **arguments: Any) -> ToolResult:
    return RUN(ToolCall("FrameAt", arguments), {"img_1": np.zeros((6, 8, 3), np.uint8)}, video)


def seen(result: ToolResult) -> list[int]:
    """The indices of the frames that came back."""
    assert result.ok, result.message
    return [int(image[0, 0, 0]) for image in result.images]


@pytest.mark.parametrize("one", [2, "2", 2.0, [2], "[2]", ["2"]])
def test_a_number_counts_the_frames_shown_from_1(video: ShownVideo, one: Any) -> None:
    result = look(video, target_frame=one)
    assert seen(result) == [3]
    assert result.data == {"frames": [{"seconds": 0.333333, "size": [64, 48]}]}
    assert result.message == "Frames at full size: 1."
    assert result.images[0].shape == (48, 64, 3)


def test_several_come_back_in_the_order_asked_for_also_twice(video: ShownVideo) -> None:
    result = look(video, target_frame=[4, 1, 4])
    assert seen(result) == [9, 0, 9]
    assert [frame["seconds"] for frame in result.data["frames"]] == [3.5, 0.0, 3.5]
    assert seen(look(video, target_frame=[1] * 16)) == [0] * 16


@pytest.mark.parametrize(
    ("time", "index"), [(0, 0), (0.1, 1), (0.15, 1), ("1.2", 4), (0.333333, 3), (3.9, 9), (4, 9), (4.004, 9)]
)
def test_a_time_reaches_every_frame(video: ShownVideo, time: Any, index: int) -> None:
    assert seen(look(video, time=time)) == [index]


def test_a_time_that_was_told_leads_back_to_its_frame(video: ShownVideo) -> None:
    for index, seconds in enumerate(video.video.times):
        (told,) = look(video, time=float(seconds)).data["frames"]
        assert seen(look(video, time=told["seconds"])) == [index]


def test_nothing_is_shrunk(large_video: ShownVideo) -> None:
    result = look(large_video, target_frame=1)
    assert result.images[0].shape == (720, 1280, 3)
    assert result.data["frames"][0]["size"] == [1280, 720]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target_frame": 0}, "`target_frame` holds 0, and the frames shown are numbered 1 to 4."),
        ({"target_frame": 5}, "`target_frame` holds 5, and the frames shown are numbered 1 to 4."),
        ({"target_frame": [1, -2]}, "`target_frame` holds -2, and the frames shown are numbered 1 to 4."),
        ({"target_frame": []}, NUMBERS + "[]."),
        ({"target_frame": [1] * 17}, NUMBERS + "[" + "1, " * 16 + "1]."),
        ({"target_frame": True}, NUMBERS + "true."),
        ({"target_frame": "true"}, NUMBERS + '"true".'),
        ({"target_frame": [1, False]}, NUMBERS + "[1, false]."),
        ({"target_frame": 1.5}, NUMBERS + "1.5."),
        ({"target_frame": "first"}, NUMBERS + '"first".'),
        ({"target_frame": [[1]]}, NUMBERS + "[[1]]."),
        ({"target_frame": {"n": 1}}, NUMBERS + '{"n": 1}.'),
        ({"time": -0.1}, "`time` must be a time in seconds, 0 to 4.00, not -0.1."),
        ({"time": 4.01}, "`time` must be a time in seconds, 0 to 4.00, not 4.01."),
        ({"time": True}, "`time` must be a time in seconds, 0 to 4.00, not true."),
        ({"time": "NaN"}, '`time` must be a time in seconds, 0 to 4.00, not "NaN".'),
        ({"time": [1]}, "`time` must be a time in seconds, 0 to 4.00, not [1]."),
        ({"time": float("inf")}, "`time` must be a time in seconds, 0 to 4.00, not Infinity."),
        ({"target_frame": 1, "time": 1}, "Give either `target_frame` or `time`."),
        ({}, "Give either `target_frame` or `time`."),
        ({"target_frame": None, "time": None}, "Give either `target_frame` or `time`."),
    ],
)
def test_what_is_refused(video: ShownVideo, arguments: dict[str, Any], message: str) -> None:
    result = look(video, **arguments)
    assert (result.status, result.error_code, result.images) == ("failed", 201, ())
    assert result.message == message


@pytest.mark.parametrize("name", ["target_frame", "time"])
def test_a_conversation_without_a_video(name: str) -> None:
    result = look(None, **{name: 1})
    assert (result.error_code, result.check.valid) == (201, ())
    assert result.message == f"`{name}` is about a video, and this conversation has none."


def test_the_published_call_is_understood_by_its_schema() -> None:
    (spec,) = Executor(["FrameAt"]).specs
    assert (spec.properties, spec.required) == (("target_frame", "time"), ())
    assert [option["type"] for option in spec.parameters["properties"]["target_frame"]["anyOf"]] == ["integer", "array"]


def test_pictures_that_tools_made_are_no_frames(video: ShownVideo) -> None:
    images: dict[str, Array] = {f"img_{number}": np.zeros((6, 8, 3), np.uint8) for number in range(1, 9)}
    assert RUN(ToolCall("FrameAt", {"target_frame": 5}), images, video).error_code == 201
