"""Files read by OpenCV, which is always there: frames are grabbed one after the other, and few are converted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from adagym.errors import DataError
from adagym.types import Array
from adagym.video.stamps import Stamps

# FFmpeg inside OpenCV writes to stderr what the errors here say; it reads this when its first file is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

NEAR = 32
"""Frames that are grabbed rather than sought past: a seek goes back to a key frame."""
BACK = (0, 64, 512)
"""Frames before the wanted one to seek to, one after the other, when a seek ends too late."""


class PlainReader:
    """A video file and where its decoder stands. Not safe to use from several threads.

    Args:
        path: A file that exists.

    Raises:
        DataError: It holds no video; the message ends what begins with the file's name.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._capture = self._open()
        self._at = -1
        self._fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.stamps = self._scan()
        self._counted = not self._starts_right()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright frames."""
        return (
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height that the header announces, here those of the upright frames."""
        return self.size

    def decode(self, wanted: Sequence[int]) -> Iterator[tuple[int, Array]]:
        """Decode frames.

        Args:
            wanted: Increasing indices.

        Yields:
            Index and frame, ``(height, width, 3)`` RGB, of those that can be decoded.
        """
        for index in wanted:
            if self._go(index):
                fine, frame = self._capture.retrieve()
                if fine and frame is not None:
                    yield index, np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)

    def _open(self, *options: int) -> Any:
        capture = cv2.VideoCapture(self._path, cv2.CAP_FFMPEG, options)
        if not capture.isOpened():
            raise DataError("it is not a video, it is damaged, or it holds no pictures, only sound or data")
        return capture

    def _scan(self) -> Stamps:
        """Read every packet's stamp without decoding it, or where that tells nothing, by decoding all frames."""
        packets = self._open(cv2.CAP_PROP_FORMAT, -1)
        seconds, keys = [], []
        while packets.grab():
            seconds.append(_stamp(packets))
            keys.append(packets.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) > 0)
        if len(set(seconds)) < len(seconds):  # OpenCV 4.9 tells no stamps of packets in MP4 and MKV
            seconds = self._grab_all()
            keys = [index == 0 for index in range(len(seconds))]
        if not seconds:
            raise DataError("it holds no frames")
        return Stamps.of(seconds, keys, self._fps if self._fps > 0 else None)

    def _grab_all(self) -> list[float]:
        """Stamps of all frames. Some containers do not tell the last ones, which follow at the usual distance."""
        capture, seconds, told = self._open(), list[float](), 0
        while capture.grab():
            stamp = _stamp(capture)
            late = bool(seconds) and stamp <= seconds[-1]
            seconds.append(seconds[-1] + (seconds[-1] - seconds[0]) / max(told - 1, 1) if late else stamp)
            told += not late
        return seconds

    def _starts_right(self) -> bool:
        """Whether the first frame has the first stamp. It has not where stamps tell when a frame is decoded."""
        fine = self._grab_first()
        return fine and self.stamps.nearest(_stamp(self._capture)) == 0

    def _grab_first(self) -> bool:
        fine = bool(self._capture.grab())
        self._at = 0 if fine else -1
        return fine

    def _go(self, index: int) -> bool:
        """Stand at a frame; False if it cannot be decoded."""
        ahead = index - self._at
        if self._at >= 0 and (0 <= ahead <= NEAR or (ahead > 0 and self._no_key_between(index))):
            return self._grab_to(index)
        for back in BACK:
            # OpenCV seeks to a key frame by time, and then grabs as many frames as are usual in the time left.
            seconds = float(self.stamps.seconds[index] - self.stamps.seconds[0])
            frame = int(seconds * self._fps) - 1 - back
            if self._counted or frame < 1:
                break
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
            if not self._capture.grab():
                continue
            self._at = self.stamps.nearest(_stamp(self._capture))
            if self._at <= index:
                return self._grab_to(index)
        self._capture = self._open()
        return self._grab_first() and self._grab_to(index)

    def _no_key_between(self, index: int) -> bool:
        return self.stamps.key_before(index) <= self._at or self._counted

    def _grab_to(self, index: int) -> bool:
        while self._at < index:
            if not self._capture.grab():
                self._at = -1  # behind the end nothing comes, and a new search begins
                return False
            found = self._at + 1 if self._counted else self.stamps.nearest(_stamp(self._capture))
            # Stamps that go back are missing ones.
            self._at = max(found, self._at + 1)
        return self._at == index


def _stamp(capture: Any) -> float:
    """Seconds of the packet or frame that was grabbed last."""
    return float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
