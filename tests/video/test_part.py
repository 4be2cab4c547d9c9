"""Stretches of videos."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adagym.errors import DataError, UsageError
from adagym.video import open_video
from adagym.video.part import VideoPart


@pytest.fixture
def whole(tmp_path: Path) -> str:
    """Ten frames at two per second, whose levels are their indices."""
    for index in range(10):
        Image.new("RGB", (8, 6), (index, index, index)).save(tmp_path / f"{index}.png")
    return f"frames:{tmp_path},fps=2"


def levels(video: VideoPart) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in video.frames(range(len(video)))]


@pytest.mark.parametrize(
    ("start", "end", "shown", "times", "duration"),
    [
        (0, 5, list(range(10)), np.arange(10) / 2, 5),
        (1, 2, [2, 3], [0, 0.5], 1),
        (1.25, 2.25, [2, 3, 4], [0, 0.25, 0.75], 1),  # frame 2 is on the screen at 1.25 s
        (1.6, 1.7, [3], [0], 0.1),
        (4, 99, [8, 9], [0, 0.5], 1),
    ],
)
def test_what_is_on_the_screen_between(
    whole: str, start: float, end: float, shown: list[int], times: list[float], duration: float
) -> None:
    video = open_video(f"part:{start}-{end}:{whole}")
    assert isinstance(video, VideoPart)
    assert levels(video) == shown
    np.testing.assert_allclose(video.times, times, atol=1e-9)
    assert video.size == (8, 6)
    assert video.duration == pytest.approx(duration)
    assert [int(made) for made in video.each([0], lambda frame: frame[0, 0, 0])] == shown[:1]


def test_a_part_of_a_part_and_a_copy(whole: str) -> None:
    video = open_video(f"part:1-2:part:1-4:{whole}")
    assert isinstance(video, VideoPart)
    assert levels(video) == [4, 5] == levels(pickle.loads(pickle.dumps(video)))


def test_only_frames_of_the_part_can_be_seen(whole: str) -> None:
    with pytest.raises(UsageError, match="frames 0 to 1"):
        open_video(f"part:1-2:{whole}").frames([-1])


@pytest.mark.parametrize("rest", ["", "1-2", "1:x.mp4", "a-b:x.mp4", "1.2.3-4:x.mp4", "-1-2:x.mp4"])
def test_other_forms_are_refused(rest: str) -> None:
    with pytest.raises(UsageError, match="part:START-END:VIDEO"):
        open_video(f"part:{rest}")


def test_parts_without_frames(whole: str) -> None:
    with pytest.raises(UsageError, match="not 2 to 2 s"):
        open_video(f"part:2-2:{whole}")
    with pytest.raises(DataError, match=r"lasts 5\.00 s, and the part begins at 5 s"):
        open_video(f"part:5-6:{whole}")
