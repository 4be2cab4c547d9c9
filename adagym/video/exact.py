"""Files read by PyAV: seeks to the key frame, and leaves out packets that lead to no frame that is wanted."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adagym.errors import DataError, require
from adagym.types import Array
from adagym.video.stamps import Stamps

THREADS = 8
"""Packets that are decoded at the same time, on fewer cores too: most of them may be ones that are passed over."""
FAR = 300
"""Packets that are read and thrown away rather than sought past: a seek empties the decoder first."""
SHORT = 16
"""Packets that are decoded though nothing needs them: leaving out a stretch also empties the decoder."""
BACK = (0.0, 2.0, 20.0)
"""Seconds before a key frame to seek to, one after the other, in files that are found too late."""


class ExactReader:
    """A video file and its decoder. Every call begins anew at a key frame. Not safe to use from several threads.

    Args:
        path: A file that exists.

    Raises:
        DataError: It holds no video; the message ends what begins with the file's name.
        MissingExtra: PyAV is not installed.
    """

    def __init__(self, path: str) -> None:
        self._av: ModuleType = require("av", "video")
        self._path = os.path.abspath(path)
        self._turns: int | None = None
        self._stamps: list[int] = []
        self._position: dict[int, int] = {}
        self._load()
        self.stamps = self._scan()
        self.ordered: bool = "avi" not in self._container.format.name
        """Whether the container stores time stamps; AVI stores an order only, which decoders get wrong."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright frames."""
        if self._turns is None:
            # Only a decoded frame tells how it is turned.
            next(iter(self.decode([0])), None)
        width, height = self._codec.width, self._codec.height
        return (height, width) if (self._turns or 0) % 2 else (width, height)

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height that the header announces."""
        return self._codec.width, self._codec.height

    def decode(self, wanted: Sequence[int]) -> Iterator[tuple[int, Array]]:
        """Decode frames.

        Args:
            wanted: Increasing indices.

        Yields:
            Index and frame, ``(height, width, 3)`` RGB, of those that can be decoded.
        """
        needed = np.flatnonzero(self.stamps.needed(wanted))
        for run in np.split(needed, np.flatnonzero(np.diff(needed) > FAR) + 1):
            yield from self._run(run, set(wanted))

    def _load(self) -> None:
        try:
            # Containers can refer to others; whatever they name, nothing is fetched from a network.
            self._container: Any = self._av.open(
                self._path, metadata_errors="ignore", options={"protocol_whitelist": "file"}
            )
        except self._av.FFmpegError as error:
            raise DataError("it is not a video, or it is damaged") from error
        streams = [stream for stream in self._container.streams.video if not _is_cover(stream)]
        if not streams:
            raise DataError("it holds no pictures, only sound or data")
        self._stream = streams[0]
        self._stream.thread_type = "AUTO"
        self._codec = self._stream.codec_context
        self._codec.thread_count = THREADS

    def _scan(self) -> Stamps:
        """Read every packet's stamp without decoding it."""
        stamps, keys = self._stamps, list[bool]()
        try:
            for packet in self._container.demux(self._stream):
                stamp = _stamp(packet)
                if stamp is not None and packet.size:
                    self._position[stamp] = len(stamps)
                    stamps.append(stamp)
                    keys.append(packet.is_keyframe)
        except self._av.FFmpegError:
            pass  # what comes after is missing, and the frames before it can be seen
        if not stamps:
            raise DataError("it holds no frames")
        rate = self._stream.average_rate
        base = float(self._stream.time_base)
        return Stamps.of(np.array(stamps, np.int64) * base, keys, float(rate) if rate else None)

    def _run(self, run: NDArray[np.intp], wanted: set[int]) -> Iterator[tuple[int, Array]]:
        """Decode the needed packets among neighbours."""
        stretches = np.split(run, np.flatnonzero(np.diff(run) > SHORT) + 1)
        bounds = [(int(stretch[0]), int(stretch[-1])) for stretch in stretches]
        order = self.stamps.order
        first, last = bounds.pop(0)
        for at, packet in self._packets(first):
            if at > last:
                yield from self._pictures(None, wanted)
                if not bounds:
                    return
                self._codec.flush_buffers()
                first, last = bounds.pop(0)
            if at >= first:
                # The decoder passes over frames that no other refers to, unless one is wanted.
                self._codec.skip_frame = "DEFAULT" if int(order[at]) in wanted else "NONREF"
                yield from self._pictures(packet, wanted)
        yield from self._pictures(None, wanted)

    def _packets(self, first: int) -> Iterator[tuple[int, Any]]:
        """Packets from a place in the file on, or from a little before it, each with its place."""
        for back in BACK:
            target = self._stamps[first] - int(back / float(self._stream.time_base))
            try:
                self._container.seek(max(min(self._stamps), target), stream=self._stream)
                packets = self._container.demux(self._stream)
                head = next(packets, None)
            except self._av.FFmpegError:
                continue
            at = -1 if head is None else self._place(head, -1)
            if 0 <= at <= first:
                return self._numbered(itertools.chain([head], packets))
        self._container.close()
        self._load()
        return self._numbered(self._container.demux(self._stream))

    def _numbered(self, packets: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Packets with their places. Some containers store a stamp for some packets only."""
        at = -1
        try:
            for packet in packets:
                if packet.size:
                    at = self._place(packet, at + 1)
                    yield at, packet
        except self._av.FFmpegError:
            return

    def _place(self, packet: Any, otherwise: int) -> int:
        stamp = _stamp(packet)
        return otherwise if stamp is None else self._position.get(stamp, otherwise)

    def _pictures(self, packet: Any, wanted: set[int]) -> Iterator[tuple[int, Array]]:
        """The wanted frames that come out when a packet goes in; at the end, those that are left."""
        try:
            frames = self._codec.decode(packet)
        except self._av.FFmpegError:
            return  # damaged packets give no frame
        for frame in frames:
            at = self._position.get(frame.pts)
            if at is not None and (index := int(self.stamps.order[at])) in wanted:
                self._turns = frame.rotation // 90 % 4
                yield index, np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), self._turns))


def _stamp(packet: Any) -> int | None:
    """When a packet's frame is shown, or where only that is known, when it is decoded."""
    stamp: int | None = packet.dts if packet.pts is None else packet.pts
    return stamp


def _is_cover(stream: Any) -> bool:
    """Whether it is the cover of a piece of music."""
    return bool(stream.disposition & type(stream.disposition).attached_pic)
