"""Video files: which frame comes when, by either library, and what is wrong with those that cannot be read."""

from __future__ import annotations

import pickle
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from adagym.errors import DataError, UsageError
from adagym.types import Array
from adagym.video import file as files
from adagym.video import open_video
from adagym.video.cache import FrameCache
from adagym.video.file import VideoFile

Make = Callable[..., str]
FORMS: dict[str, dict[str, Any]] = {
    "a.mp4": {},
    "open.mp4": {"options": {"x264-params": "open-gop=1:keyint=12:min-keyint=12:b-adapt=0:bframes=3"}},
    "a.mkv": {"options": {"b_strategy": "0"}},
    "a.ts": {},
    "a.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "mpeg4.avi": {"codec": "mpeg4"},
    "h264.avi": {"options": {"b_strategy": "0"}},
    "part2.mp4": {"codec": "mpeg4"},
    "a.mpg": {"codec": "mpeg2video"},
}
MATRICES = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""How many degrees the file asks to turn clockwise, to the upper left of the matrix in ``tkhd``."""


@pytest.fixture(params=["pyav", "opencv"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Reads files by one of the libraries."""
    name: str = request.param
    if name == "opencv":
        monkeypatch.setattr("adagym.video.file.find_spec", lambda module: None)
    return name


def index_of(frame: Array) -> int:
    """The index that a painted frame tells."""
    return sum(int(frame[44, 16 * bit + 8].mean() > 125) << bit for bit in range(6))


def turned(path: str, degrees: int) -> str:
    """A copy whose header asks to turn it."""
    content = bytearray(Path(path).read_bytes())
    at = content.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in MATRICES[degrees])
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    copy = Path(path).with_name("turned.mp4")
    copy.write_bytes(content)
    return str(copy)


@pytest.mark.parametrize("name", FORMS)
def test_every_frame_in_any_order(make: Make, library: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FRAMES", FrameCache(0))  # nothing is kept, so every look decodes
    video = VideoFile(make(name, **FORMS[name]))
    np.testing.assert_allclose(video.times, np.arange(40) / 25, atol=1e-6)
    assert (len(video), video.size) == (40, (96, 64))
    assert video.duration == pytest.approx(1.6)
    in_order = video.frames(range(40))
    assert [index_of(frame) for frame in in_order] == list(range(40))
    rng = np.random.default_rng(0)
    for _ in range(8):
        wanted = rng.integers(0, 40, 3).tolist()
        for index, frame in zip(wanted, video.frames(wanted), strict=True):
            np.testing.assert_array_equal(frame, in_order[index])


def test_frames_far_apart_are_sought(make: Make, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FRAMES", FrameCache(0))
    monkeypatch.setattr("adagym.video.exact.FAR", 4)
    monkeypatch.setattr("adagym.video.exact.SHORT", 1)
    monkeypatch.setattr("adagym.video.plain.NEAR", 1)
    video = VideoFile(make(frames=64, gop=5, options={"bf": "0"}))
    wanted = [60, 2, 33, 34, 18, 63, 0, 47, 47]
    assert [index_of(frame) for frame in video.frames(wanted)] == wanted
    assert [index_of(video.frames([index])[0]) for index in wanted] == wanted


def test_both_libraries_give_the_same_colours(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make()
    one = VideoFile(path).frames([7])[0]
    monkeypatch.setattr("adagym.video.file.find_spec", lambda module: None)
    other = VideoFile(path).frames([7])[0]
    assert np.abs(one.astype(int) - other).max() <= 2
    np.testing.assert_allclose(one[6, 6], (220, 20, 20), atol=12)


def test_variable_rate(make: Make, library: str) -> None:
    times = [0, 40, 50, 300, 310, 1300, 1340, 1400, 1401, 3000]
    video = VideoFile(make("v.mp4", frames=10, times=times))
    np.testing.assert_allclose(video.times, np.array(times) / 1000, atol=1e-4)
    assert video.duration == pytest.approx(3.04, abs=1e-3)  # the median frame lasts 40 ms
    for seconds, index in [(0.299, 2), (0.3, 3), (1.2, 4), (1.3, 5), (2.9, 8), (9, 9)]:
        assert index_of(video.frames([video.index_at(seconds)])[0]) == index


@pytest.mark.parametrize(("degrees", "corner"), [(90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_turned_files_are_upright(make: Make, library: str, degrees: int, corner: tuple[int, int]) -> None:
    video = VideoFile(turned(make(), degrees))
    (frame,) = video.frames([3])
    assert video.size == ((96, 64) if degrees == 180 else (64, 96)) == frame.shape[1::-1]
    row, column = (6 if place == 0 else -6 for place in corner)
    np.testing.assert_allclose(frame[row, column], (220, 20, 20), atol=12)  # the red corner


def test_a_clip_by_opencv(tmp_path: Path, library: str) -> None:
    path = str(tmp_path / "a.mp4")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for index in range(20):
        writer.write(np.full((48, 64, 3), 10 * index, np.uint8))
    writer.release()
    video = VideoFile(path)
    assert [round(float(frame.mean()) / 10) for frame in video.frames([19, 0, 7])] == [19, 0, 7]
    assert video.times[7] == pytest.approx(0.7)


def test_stamps_are_found_by_decoding_where_packets_tell_none(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adagym.video.file.find_spec", lambda module: None)
    times = [0, 40, 50, 300, 310, 1300, 1340, 1400, 1401, 3000]
    path = make("v.mp4", frames=10, times=times)
    real = cv2.VideoCapture

    class Old:
        """As in OpenCV 4.9: packets have no stamps."""

        def __init__(self, name: str, api: int, options: list[int] | tuple[int, ...]) -> None:
            self._capture, self._raw = real(name, api, list(options)), bool(options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._capture, name)

        def get(self, which: int) -> float:
            return 0.0 if self._raw and which == cv2.CAP_PROP_POS_MSEC else self._capture.get(which)

    monkeypatch.setattr(cv2, "VideoCapture", Old)
    video = VideoFile(path)
    np.testing.assert_allclose(video.times, np.array(times) / 1000, atol=1e-4)
    assert [index_of(frame) for frame in video.frames([9, 1, 5])] == [9, 1, 5]


def test_frames_are_decoded_once_and_cannot_be_written(make: Make, library: str) -> None:
    video = VideoFile(make())
    (first,) = video.frames([5])
    assert video.frames([5, 9, 5])[2] is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 0


def test_each_hands_on_frames_in_the_order_asked_for(make: Make, library: str) -> None:
    video = VideoFile(make())
    video.frames([9])
    found = video.each([9, 3, 9, 11], lambda frame: np.array([index_of(frame)]))
    assert [int(made[0]) for made in found] == [9, 3, 9, 11]


@pytest.mark.parametrize("index", [-1, 40])
def test_there_is_no_such_frame(make: Make, index: int) -> None:
    with pytest.raises(UsageError, match="frames 0 to 39"):
        VideoFile(make()).frames([3, index])


def test_a_video_can_be_sent_and_opened_by_reference(make: Make, library: str) -> None:
    path = make()
    video = open_video(path)
    assert open_video(path) is video
    copy = pickle.loads(pickle.dumps(video))
    np.testing.assert_array_equal(copy.frames([17])[0], video.frames([17])[0])


def test_threads_share_a_video(make: Make, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FRAMES", FrameCache(96 * 64 * 3 * 4))
    video = VideoFile(make())
    wrong: list[int] = []

    def look(seed: int) -> None:
        for index in np.random.default_rng(seed).integers(0, 40, 8).tolist():
            if index_of(video.frames([index])[0]) != index:
                wrong.append(index)

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_damaged_stretch_shows_the_frame_before_or_says_so(make: Make, library: str) -> None:
    path = Path(make("d.mp4", codec="mpeg4", frames=60, fps=10, gop=60, between=0))
    content = bytearray(path.read_bytes())
    begin = content.index(b"mdat") + 4
    with av.open(str(path)) as file:
        places = [packet.pos for packet in file.demux(video=0) if packet.size]
    # Packets 20 to 49 are no pictures any more; 20 to 29 are at most a second after the last whole one.
    assert begin <= places[20]
    content[places[20] : places[50]] = bytes(places[50] - places[20])
    path.write_bytes(content)
    video = VideoFile(path)
    assert index_of(video.frames([19])[0]) == 19
    assert index_of(video.frames([24])[0]) == 19
    with pytest.raises(DataError, match=r"d\.mp4` cannot be decoded at 4\.50 s: it is damaged there\. Fetch it again"):
        video.frames([45])


def sound(path: Path) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=16000)
        for _ in range(4):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16000
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def test_sound_alone_is_no_video(tmp_path: Path, library: str) -> None:
    sound(tmp_path / "a.m4a")
    with pytest.raises(DataError, match=r"a\.m4a` cannot be read: it .*holds no pictures, only sound"):
        VideoFile(tmp_path / "a.m4a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file. Check the path."),
        (b"", "it is empty. Fetch it again."),
        (b"not a video at all" * 50, "it is not a video, "),
        (b"\x00\x00\x00\x10ftypisom\x00\x00\x02\x00\x00\x00\x00\x08mdat", "it is not a video, "),
    ],
)
def test_files_that_are_no_videos(tmp_path: Path, library: str, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        VideoFile(path)
    assert str(caught.value).startswith(f"The video `{path}` cannot be read: {message}")


def test_huge_frames_and_endless_videos_are_refused(make: Make, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make()
    monkeypatch.setattr(files, "MAX_FRAMES", 39)
    with pytest.raises(DataError, match="more than 39 frames"):
        VideoFile(path)
    monkeypatch.setattr(files, "MAX_PIXELS", 96 * 64 - 1)
    with pytest.raises(DataError, match=r"96x64 pixels, and 1 to 6143 are read\. Scale it first\."):
        VideoFile(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "mpeg4.avi"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_files_that_are_cut_short(make: Make, library: str, name: str, share: float) -> None:
    # With its index at the beginning, a cut MP4 can be opened.
    path = Path(make(name, **FORMS[name], form={"movflags": "faststart"} if name == "a.mp4" else None))
    content = path.read_bytes()
    kept = int(len(content) * share)
    path.write_bytes(content[:kept])
    with pytest.raises(DataError, match=f"it is cut short, its last {len(content) - kept} bytes are missing"):
        VideoFile(path)
