"""VideoClip: several small frames, by number or between two times."""

from __future__ import annotations

from typing import Any

import pytest

from adagym.tools.executor import Executor
from adagym.types import ToolCall, ToolResult
from adagym.video import ShownVideo

RUN = Executor(["VideoClip"]).run
EITHER = "Give either `target_frames`, or `start_time` and `end_time`."


def look(video: ShownVideo | None, **arguments: Any) -> ToolResult:
    return RUN(ToolCall("VideoClip", arguments), {}, video)


def seen(result: ToolResult) -> list[int]:
    assert result.ok, result.message
    return [int(image[0, 0, 0]) for image in result.images]


def test_frames_by_number(video: ShownVideo) -> None:
    result = look(video, target_frames="[2, 3, 4]")
    assert seen(result) == [3, 6, 9]
    assert [frame["seconds"] for frame in result.data["frames"]] == [0.333333, 2.0, 3.5]
    assert result.message == "Frames of the clip: 3."
    assert seen(look(video, target_frames=1)) == [0]


@pytest.mark.parametrize(
    ("start", "end", "count", "indices"),
    [
        (0, 4, 5, [0, 4, 6, 8, 9]),  # at 0, 1, 2, 3 and 4 s
        (1, 3, 3, [4, 6, 8]),
        ("1", "3", "3", [4, 6, 8]),
        (2, 3, 16, [6, 7, 8]),  # none twice
        (1.2, 1.2, 8, [4]),
        (1, 3, 1, [4]),
    ],
)
def test_frames_between_two_times(video: ShownVideo, start: Any, end: Any, count: Any, indices: list[int]) -> None:
    assert seen(look(video, start_time=start, end_time=end, count=count)) == indices


def test_eight_frames_unless_told_otherwise(video: ShownVideo) -> None:
    # Every 4/7 s: at 0, 0.57, 1.14, 1.71, 2.29, 2.86, 3.43 and 4 s.
    assert seen(look(video, start_time=0, end_time=4)) == [0, 3, 4, 5, 6, 7, 8, 9]


def test_large_frames_are_shrunk_and_small_ones_are_not(video: ShownVideo, large_video: ShownVideo) -> None:
    assert look(video, target_frames=[1]).data["frames"][0]["size"] == [64, 48]
    (frame,) = look(large_video, target_frames=[1]).images
    height, width = frame.shape[:2]
    # 1280x720 is 960x960 pixels in all, and 448 / 960 of 1280 and 720 is 597.3 and 336.
    assert (width, height) == (597, 336)
    assert width * height <= 200_704


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, EITHER),
        ({"start_time": 1}, EITHER),
        ({"end_time": 1}, EITHER),
        ({"target_frames": [1], "start_time": 1, "end_time": 2}, EITHER),
        ({"start_time": 2, "end_time": 1.5}, "`end_time` 1.5 is before `start_time` 2."),
        ({"start_time": 0, "end_time": 9}, "`end_time` must be a time in seconds, 0 to 4.00, not 9."),
        ({"start_time": 0, "end_time": 1, "count": 0}, "`count` must be 1 to 16 frames, not 0."),
        ({"start_time": 0, "end_time": 1, "count": 17}, "`count` must be 1 to 16 frames, not 17."),
        ({"start_time": 0, "end_time": 1, "count": True}, "`count` must be a whole number, not true."),
        ({"target_frames": [1, 9]}, "`target_frames` holds 9, and the frames shown are numbered 1 to 4."),
        (
            {"target_frames": []},
            "`target_frames` must be the number of a frame, 1 to 4, or a list of 1 to 16 of them, not [].",
        ),
    ],
)
def test_what_is_refused(video: ShownVideo, arguments: dict[str, Any], message: str) -> None:
    result = look(video, **arguments)
    assert (result.status, result.error_code, result.message) == ("failed", 201, message)


def test_a_conversation_without_a_video() -> None:
    result = look(None, start_time=0, end_time=1)
    assert result.message == "`start_time` is about a video, and this conversation has none."
    assert (result.error_code, result.check.valid) == (201, ())
