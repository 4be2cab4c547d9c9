"""Videos that are folders or lists of pictures."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adagym.errors import DataError, UsageError
from adagym.video import open_video
from adagym.video.folder import FrameFolder


def save(path: Path, level: int, size: tuple[int, int] = (20, 10)) -> str:
    Image.new("RGB", size, (level, level, level)).save(path)
    return str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Frames whose levels are their numbers, in files whose names sort otherwise, and files that are no frames."""
    made = tmp_path / "frames"
    made.mkdir()
    for number in (10, 9, 1, 2, 100):
        save(made / f"f{number}.png", number)
    (made / "notes.txt").write_text("none")
    (made / "._f3.png").write_bytes(b"none")
    return made


def test_numbers_in_names_are_compared_as_numbers(folder: Path) -> None:
    video = FrameFolder(folder, fps=3)
    assert [int(frame[0, 0, 0]) for frame in video.frames(range(5))] == [1, 2, 9, 10, 100]
    assert (len(video), video.size) == (5, (20, 10))
    np.testing.assert_allclose(video.times, [0, 1 / 3, 2 / 3, 1, 4 / 3])
    assert video.duration == pytest.approx(5 / 3)


def test_a_frame_is_read_once_and_cannot_be_written(folder: Path) -> None:
    video = FrameFolder(folder)
    (frame,) = video.frames([2])
    assert video.frames([2])[0] is frame
    assert not frame.flags.writeable


@pytest.mark.parametrize(("end", "fps"), [("", 1.0), (",fps=3", 3.0), (",fps=0.5", 0.5)])
def test_references(folder: Path, end: str, fps: float) -> None:
    video = open_video(f"frames:{folder}{end}")
    assert len(video) == 5
    assert video.duration == pytest.approx(5 / fps)


def test_a_path_alone_is_one_frame_per_second(folder: Path) -> None:
    assert open_video(str(folder)).duration == 5


def test_a_list_keeps_its_order(folder: Path, tmp_path: Path) -> None:
    odd = save(tmp_path / 'a,fps=7 ",b.png', 55)
    video = open_video("frames:" + json.dumps([str(folder / "f9.png"), odd, str(folder / "f1.png")]) + ",fps=2")
    assert [int(frame[0, 0, 0]) for frame in video.frames([0, 1, 2])] == [9, 55, 1]
    assert video.duration == 1.5
    copy = pickle.loads(pickle.dumps(video))
    assert (len(copy), copy.duration, copy.frames([1])[0][0, 0, 0]) == (3, 1.5, 55)


@pytest.mark.parametrize("rest", ["", ",fps=3", '["a.png"', "[1, 2]", "[]", "x,fps=fast", "x,fps=0", "x,fps=nan"])
def test_references_that_name_nothing(rest: str) -> None:
    with pytest.raises(UsageError, match="frames"):
        open_video(f"frames:{rest}")


def test_sizes_that_differ_are_refused(folder: Path) -> None:
    save(folder / "f11.png", 11, (10, 20))
    video = FrameFolder(folder)
    assert video.frames([3])[0][0, 0, 0] == 10
    with pytest.raises(DataError, match=r"f1\.png` has 20x10 pixels and `.*f11\.png` 10x20\. Scale them"):
        video.frames([4])


def test_folders_without_frames(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no frames"):
        FrameFolder(tmp_path)
    with pytest.raises(DataError, match=r"cannot be read: No such file or directory\. Check the path"):
        FrameFolder(tmp_path / "missing")


def test_a_damaged_frame_is_named(folder: Path) -> None:
    (folder / "f2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"f2\.png"):
        FrameFolder(folder).frames([1])
    with pytest.raises(UsageError, match="frames 0 to 4"):
        FrameFolder(folder).frames([5])
