"""``adagym build frames``: frames of videos as pictures."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from adagym.cli import main
from adagym.errors import DataError
from adagym.pictures import read_picture
from adagym.types import Array
from adagym.video import Video, extract, open_video
from adagym.video.folder import FrameFolder


class Grey(Video):
    """Ten frames, 0.5 s apart, the shade of each 20 times its number."""

    times: NDArray[np.float64] = np.arange(10) / 2
    size = (64, 32)
    duration = 5.0

    def frames(self, indices: Sequence[int]) -> list[Array]:
        return [np.full((32, 64, 3), 20 * index, np.uint8) for index in indices]


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three videos, one of which cannot be read, and a note."""
    monkeypatch.setenv("COLUMNS", "160")
    folder = tmp_path / "videos"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.mp4", "sub/b.MP4", "sub/broken.mp4"):
        (folder / name).write_text("?")
    (folder / "note.txt").write_text("no video")

    class Opener:
        @staticmethod
        def __wrapped__(reference: str) -> Video:
            if "broken" in reference:
                raise DataError(f"`{reference}` is cut short.")
            return Grey()

    monkeypatch.setattr(extract, "open_video", Opener)
    return folder


def frames(source: Path, out: Path, *more: str) -> int:
    return main(["build", "frames", str(source), "--out", str(out), *more])


def shades(folder: Path) -> list[int]:
    return [round(float(read_picture(path).mean()) / 20) for path in sorted(folder.glob("*.jpg"))]


def test_a_folder_for_each_video_and_a_table_of_the_bad_ones(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert frames(videos, out, "--frames", "5") == 1
    shown = capsys.readouterr().out
    assert f"10 frames of 2 videos in {out}" in shown
    assert "1 videos could not be read" in shown
    assert "sub/broken.mp4" in shown
    assert "is cut short." in shown
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
        "a.mp4",
        *(f"a.mp4/frame_000{number}.jpg" for number in range(1, 6)),
        "a.mp4/frames.json",
        "sub/b.MP4",
        *(f"sub/b.MP4/frame_000{number}.jpg" for number in range(1, 6)),
        "sub/b.MP4/frames.json",
    ]
    # The middle of each fifth of ten frames.
    assert shades(out / "a.mp4") == [1, 3, 5, 7, 9]
    index = json.loads((out / "a.mp4" / "frames.json").read_text())
    assert index["times"] == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert (index["video"], index["duration"], index["video_frames"]) == ("a.mp4", 5.0, 10)


@pytest.mark.parametrize(
    ("options", "times", "size"),
    [
        (("--fps", "1"), [0.5, 1.5, 2.5, 3.5, 4.5], (64, 32)),
        (("--fps", "1", "--frames", "2"), [1.0, 3.5], (64, 32)),
        (("--frames", "1", "--side", "16"), [2.5], (16, 8)),
        ((), [number / 2 for number in range(10)], (64, 32)),
    ],
)
def test_which_frames_and_how_large(
    videos: Path, tmp_path: Path, options: tuple[str, ...], times: list[float], size: tuple[int, int]
) -> None:
    out = tmp_path / "out"
    assert frames(videos / "a.mp4", out, *options) == 0
    index = json.loads((out / "a.mp4" / "frames.json").read_text())
    assert index["times"] == times
    assert index["files"] == [f"frame_{number:04d}.jpg" for number in range(1, len(times) + 1)]
    height, width = read_picture(out / "a.mp4" / "frame_0001.jpg").shape[:2]
    assert (width, height) == size == tuple(index["size"])


def test_the_frames_are_a_video_again_with_its_times(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert frames(videos / "a.mp4", out, "--frames", "5") == 0
    video = open_video(str(out / "a.mp4"))
    assert video.times.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert (video.duration, video.size, video.index_at(2.6)) == (5.0, (64, 32), 2)
    assert round(float(video.frames([2])[0].mean())) == 100
    copy = pickle.loads(pickle.dumps(video))
    assert (copy.times.tolist(), copy.duration) == (video.times.tolist(), 5.0)
    (out / "a.mp4" / "frames.json").write_text('{"files": ["frame_0001.jpg"], "times": [2, 1]}')
    with pytest.raises(DataError, match="does not give each of its files a time"):
        FrameFolder(out / "a.mp4")
    (out / "a.mp4" / "frames.json").write_text('{"another": "file"}')
    assert FrameFolder(out / "a.mp4").times.tolist() == [0, 1, 2, 3, 4]  # one per second, as without an index


def test_a_killed_run_goes_on(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    (videos / "sub" / "broken.mp4").unlink()
    save = Image.Image.save
    saved: list[str] = []

    def killed(self: Image.Image, path: Path, **options: Any) -> None:
        saved.append(str(path))
        if len(saved) == 8:
            raise KeyboardInterrupt
        save(self, path, **options)

    monkeypatch.setattr(Image.Image, "save", killed)
    assert frames(videos, out, "--frames", "5") == 130
    monkeypatch.setattr(Image.Image, "save", save)
    assert (out / "a.mp4").is_dir()
    assert not (out / "sub" / "b.MP4").exists()  # whole or not at all
    written = (out / "a.mp4" / "frame_0001.jpg").stat().st_mtime_ns
    assert frames(videos, out, "--frames", "5") == 0
    assert "5 frames of 1 videos" in (shown := capsys.readouterr().out)
    assert "1 were there before" in shown
    assert shades(out / "sub" / "b.MP4") == [1, 3, 5, 7, 9]
    assert (out / "a.mp4" / "frame_0001.jpg").stat().st_mtime_ns == written
    assert not list(out.rglob("*.part"))
    assert frames(videos, out, "--frames", "4") == 2
    assert "holds frames that were taken otherwise" in capsys.readouterr().err


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A real video, a file cut short, and one that only says that it is a video."""
    folder, out = tmp_path / "videos", tmp_path / "out"
    folder.mkdir()
    writer = cv2.VideoWriter(str(folder / "ok.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(20):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()
    (folder / "cut.avi").write_bytes((folder / "ok.avi").read_bytes()[:300])
    (folder / "text.mp4").write_text("not a video")
    assert frames(folder, out, "--fps", "2") == 1
    shown = capsys.readouterr().out
    assert "4 frames of 1 videos" in shown
    assert "2 videos could not be read" in shown
    assert sorted(path.name for path in out.iterdir()) == ["ok.avi"]
    video = open_video(str(out / "ok.avi"))
    assert video.times.tolist() == pytest.approx([0.2, 0.7, 1.2, 1.7])
    means = [float(frame.mean()) for frame in video.frames(range(4))]
    assert means == pytest.approx([20, 70, 120, 170], abs=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--frames", "0"), "1 to 4096 frames"),
        (("--side", "3"), "`side` is at least 16"),
        (("--quality", "0"), "`quality` is 1 to 100"),
    ],
)
def test_options_of_no_use(
    videos: Path, tmp_path: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert frames(videos, tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_not_there_or_in_the_way(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert frames(tmp_path / "none", tmp_path / "out") == 2
    assert "does not exist; give a video" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert frames(tmp_path / "empty", tmp_path / "out") == 2
    assert "holds no video (.mp4" in capsys.readouterr().err
    assert frames(videos / "a.mp4", videos) == 2  # the folder would stand where the video is
    assert "is there already and holds no frames.json" in capsys.readouterr().err
