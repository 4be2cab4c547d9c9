"""Seconds to the first frames of a video and to one more frame, beside PyAV and decord, and memory for an hour.

The script makes its files: 600 frames of 1280x720 at 30 per second (H.264, a key frame every 60), and an hour of
640x360. In every round each side opens the file, decodes the 64 frames of the default budget and shrinks them, which is
the first observation, and then decodes single frames at given times, one not shown before and one shown. Sides take
turns and are closed before the next one begins, because decord decodes ahead in threads. Everybody yields the same
pixels at full size; a side's own best way is in its class. Memory is the peak of a fresh process that opens the hour,
makes a first observation and looks at 64 further frames.

Needs PyAV (`pip install 'adagym[video]'`). decord is left out if it is not installed.

Example: python benchmarks/video.py --json runs/video.json
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import tyro

from adagym.errors import require
from adagym.evals.figures import publish
from adagym.types import Array
from adagym.video import FrameBudget
from adagym.video.exact import ExactReader
from adagym.video.file import VideoFile
from adagym.video.plain import PlainReader

FPS, FRAMES, GOP = 30, 600, 60
BUDGET = FrameBudget()
SHOWN = tuple(int((part + 0.5) * FRAMES / BUDGET.most) for part in range(BUDGET.most))
"""What the budget chooses of the file."""
LIMIT_MB = 500


@dataclass(frozen=True)
class Options:
    """Measure videos."""

    rounds: int = 5
    """How often each side opens the file."""
    looks: int = 6
    """Single frames of each kind per round."""
    between: int = 2
    """Frames that no other refers to between two others; encoders put up to 3 there by default."""
    hour: float = 1.0
    """Hours of the long video; 0 leaves it out."""
    seed: int = 0
    """Seeds the times of single frames."""
    json: Path | None = None
    """Write the figures to this file."""


class Side(Protocol):
    """A way to decode; its frames are full size, RGB."""

    def first(self) -> list[Array]:
        """Shrink the frames of the budget."""

    def at(self, seconds: float) -> Array:
        """Decode the frame on the screen at a time."""


class Ours:
    """:class:`VideoFile` with PyAV installed."""

    def __init__(self, path: str) -> None:
        self._video = VideoFile(path)

    def first(self) -> list[Array]:
        """Shrink the frames of the budget."""
        return self._video.each(SHOWN, BUDGET.shrink)

    def at(self, seconds: float) -> Array:
        """Decode the frame on the screen at a time."""
        return self._video.frames([self._video.index_at(seconds)])[0]


class Core:
    """What :class:`VideoFile` does without PyAV, by OpenCV, without the cache."""

    def __init__(self, path: str) -> None:
        self._reader = PlainReader(path)

    def first(self) -> list[Array]:
        """Shrink the frames of the budget."""
        return [BUDGET.shrink(frame) for _, frame in self._reader.decode(SHOWN)]

    def at(self, seconds: float) -> Array:
        """Decode the frame on the screen at a time."""
        return next(self._reader.decode([int(seconds * FPS + 1e-6)]))[1]


class PyAV:
    """PyAV by itself: threads of both kinds, decoding on from the key frame, converting only what is wanted."""

    def __init__(self, path: str) -> None:
        self._container: Any = require("av", "video").open(path)
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"

    def first(self) -> list[Array]:
        """Shrink the frames of the budget."""
        wanted, shrunk = set(SHOWN), []
        for index, frame in enumerate(self._container.decode(self._stream)):
            if index in wanted:
                shrunk.append(BUDGET.shrink(frame.to_ndarray(format="rgb24")))
            if index == SHOWN[-1]:
                break
        return shrunk

    def at(self, seconds: float) -> Array:
        """Decode the frame on the screen at a time."""
        stamp = int(seconds / self._stream.time_base)
        self._container.seek(stamp, stream=self._stream)
        rest = self._container.decode(self._stream)
        found = next(frame for frame in rest if frame.pts + self._stream.time_base.denominator // FPS > stamp)
        return np.asarray(found.to_ndarray(format="rgb24"), np.uint8)


class Decord:
    """decord, which sorts the frames of a batch and seeks between them as it sees fit."""

    def __init__(self, path: str) -> None:
        self._video: Any = importlib.import_module("decord").VideoReader(path)

    def first(self) -> list[Array]:
        """Shrink the frames of the budget."""
        return [BUDGET.shrink(frame) for frame in self._video.get_batch(SHOWN).asnumpy()]

    def at(self, seconds: float) -> Array:
        """Decode the frame on the screen at a time."""
        return np.asarray(self._video[int(seconds * FPS + 1e-6)].asnumpy(), np.uint8)


SIDES: dict[str, Callable[[str], Side]] = {"ours": Ours, "opencv": Core, "pyav": PyAV, "decord": Decord}
OTHERS = ("pyav", "decord")


def make_clip(path: Path, size: tuple[int, int], frames: int, fps: int, repeats: int = 1, **encoder: int) -> None:
    """Encode a ground that swings to and fro behind a moving disc, and repeat what was encoded."""
    av = require("av", "video")
    width, height = size
    coarse = np.random.default_rng(0).integers(0, 256, (height // 8, width // 4, 3), np.uint8)
    ground = cv2.resize(coarse, (2 * width, height), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {
            "preset": "veryfast",
            "b_strategy": "0",
            **{name: str(value) for name, value in encoder.items()},
        }
        packets = []
        for index in range(frames):
            left = int(width / 2 * (1 + np.sin(index / fps)))
            picture = np.ascontiguousarray(ground[:, left : left + width])
            cv2.circle(picture, (index * 2 % width, height // 2), height // 9, (255, 0, 0), -1)
            packets += stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
        packets += stream.encode()
        step = round(frames / fps / packets[0].time_base)
        for repeat in range(repeats):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                copy.stream, copy.time_base, copy.is_keyframe = stream, packet.time_base, packet.is_keyframe
                copy.pts, copy.dts = packet.pts + repeat * step, packet.dts + repeat * step
                file.mux(copy)


def check(path: str) -> None:
    """See that all sides give the same frames, but for rounding in the change of colours.

    Raises:
        RuntimeError: They do not.
    """
    truth = dict(ExactReader(path).decode([100]))[100].astype(int)
    for name in names():
        side = SIDES[name](path)
        if len(side.first()) != BUDGET.most or np.abs(side.at(100.5 / FPS) - truth).mean() > 2:
            raise RuntimeError(f"{name} gives other frames.")


def names() -> list[str]:
    """Sides that are installed."""
    return [name for name in SIDES if name != "decord" or importlib.util.find_spec("decord")]


def times(name: str, path: str, new: Sequence[float], shown: Sequence[float]) -> dict[str, list[float]]:
    """Seconds, and seconds of processor time, of what a side does once it is asked for the file."""
    began, busy = time.perf_counter(), time.process_time()
    side = SIDES[name](path)
    side.first()
    found = {
        "first_observation": [time.perf_counter() - began],
        "first_observation_cpu": [time.process_time() - busy],
        "frame_at": [],
        "frame_at_cpu": [],
        "frame_at_shown": [],
    }
    time.sleep(0.3)  # threads that decode ahead come to rest
    for seconds in new:
        began, busy = time.perf_counter(), time.process_time()
        side.at(seconds)
        found["frame_at"].append(time.perf_counter() - began)
        found["frame_at_cpu"].append(time.process_time() - busy)
    for seconds in shown:
        began = time.perf_counter()
        side.at(seconds)
        found["frame_at_shown"].append(time.perf_counter() - began)
    return found


def speed(path: str, options: Options) -> dict[str, float]:
    """Medians of every side in milliseconds, and how much longer the fastest other one takes than ours."""
    rng = np.random.default_rng(options.seed)
    hidden = np.setdiff1d(np.arange(FRAMES), SHOWN)
    sides = names()
    found: dict[str, dict[str, list[float]]] = {name: {} for name in sides}
    for round_ in range(options.rounds):
        new = ((rng.choice(hidden, options.looks, replace=False) + 0.5) / FPS).tolist()
        shown = ((rng.choice(SHOWN, options.looks, replace=False) + 0.5) / FPS).tolist()
        for name in sides[round_ % len(sides) :] + sides[: round_ % len(sides)]:
            for figure, values in times(name, path, new, shown).items():
                found[name].setdefault(figure, []).extend(values)
            gc.collect()
    figures = {
        f"{name}_{figure}_ms": 1000 * statistics.median(values)
        for name in sides
        for figure, values in found[name].items()
    }
    for figure in found["ours"]:
        best = min(figures[f"{name}_{figure}_ms"] for name in OTHERS if name in sides)
        figures[f"{figure}_ratio"] = best / figures[f"ours_{figure}_ms"]
    return figures


def look_at_hour(path: str, seed: int) -> dict[str, float]:
    """Make a first observation and look at further frames; return seconds and the peak in MB."""
    before = peak()
    began = time.perf_counter()
    video = VideoFile(path)
    opened = time.perf_counter() - began
    kept = video.each(BUDGET.choose(video), BUDGET.shrink)
    figures = {"open_1h_seconds": opened, "first_observation_1h_seconds": time.perf_counter() - began}
    for seconds in np.random.default_rng(seed).uniform(0, video.duration, 64).tolist():
        kept += video.frames([video.index_at(seconds)])
    return {**figures, "frames_1h": len(video), "imports_mb": before, "peak_mb_1h": peak()}


def peak() -> float:
    """Most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    started = time.perf_counter()
    cv2.setNumThreads(1)  # on a busy machine its threads wait for each other at every picture
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if options.hour:
            long = Path(folder) / "hour.mp4"
            make_clip(long, (640, 360), 250, 25, repeats=max(1, round(360 * options.hour)), g=250)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                figures |= pool.apply(look_at_hour, (str(long), options.seed))
            figures["below_limit_1h"] = float(figures["peak_mb_1h"] < LIMIT_MB)
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, (1280, 720), FRAMES, FPS, g=GOP, bf=options.between)
        check(str(clip))
        figures |= speed(str(clip), options)
    publish(
        "Videos",
        figures,
        seed=options.seed,
        seconds=time.perf_counter() - started,
        path=options.json,
        packages=("decord",),
    )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
