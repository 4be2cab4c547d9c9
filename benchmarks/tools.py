"""Latency of every tool at three picture sizes, and of Crop and InsertImage beside the bare array operations.

A call goes through the executor, which reads and checks the arguments. Each call has a picture of its own (one pixel
differs), so that nothing is remembered from an earlier one. Tools that read maps get a map, OCR a page of text. The
frames of the video are that picture too: what is measured is the tool, and `benchmarks/video.py` measures decoding.
The bare operations crop a quarter of an 8K picture, or copy it and resize a small picture into it, and take turns with
the tools.

Example: python benchmarks/tools.py --json runs/tools.json
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from adagym.envs.tiles import MapImage
from adagym.evals.figures import publish
from adagym.tools import TOOLS
from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall
from adagym.video import ShownVideo, Video

SIZES = {"448": (448, 252), "1280": (1280, 720), "8k": (7680, 4320)}
"""Width and height in pixels."""
SLOW = ("OCR", "VideoClip")
"""Tools that take seconds at the largest size."""
_COLUMNS, _ROWS = 16, 9
"""Cells of the maps, which fill pictures of those sizes."""


@dataclass(frozen=True)
class Options:
    """Measure tools."""

    repeats: int = 30
    """Calls per tool and size, after one that is not counted."""
    slow_repeats: int = 3
    """The same for tools that take seconds."""
    tools: tuple[str, ...] = ()
    """Tools to measure. Default: all."""
    seed: int = 0
    """Seeds the pictures."""
    json: Path | None = None
    """Write the figures to this file."""


class Stills(Video):
    """A video of one picture.

    Args:
        picture: Every frame.
    """

    def __init__(self, picture: Array) -> None:
        self._picture = picture

    @property
    def times(self) -> NDArray[np.float64]:
        """Eight frames, one second apart."""
        return np.arange(8.0)

    @property
    def size(self) -> tuple[int, int]:
        """Of the picture."""
        return self._picture.shape[1], self._picture.shape[0]

    @property
    def duration(self) -> float:
        """Eight seconds."""
        return 8.0

    def frames(self, indices: Sequence[int]) -> list[Array]:
        """The picture, so many times."""
        return [self._picture for _ in indices]


def arguments(name: str, width: int, height: int) -> Mapping[str, Any]:
    """What a tool is asked to do on a picture of a size."""
    cell = width // _COLUMNS
    middle = [width // 2, height // 2]
    box = [width // 4, height // 4, 3 * width // 4, 3 * height // 4]
    image = {"image": "img_1"}
    known: dict[str, Mapping[str, Any]] = {
        "Point": {**image, "description": "Gift"},
        "Draw2DPath": {**image, "start_point": middle, "directions": "R,D,L", "step": cell},
        "DrawDashLinePath": {**image, "start_point": middle, "directions": "R,D,L"},
        "AStar": {"start": [0, 0], "goal": middle, "obstacles": [[2 * cell, 2 * cell]], "cell_size": cell},
        "Crop": {**image, "coordinates": box},
        "InsertImage": {"base_image": "img_1", "image_to_insert": "img_2", "coordinates": box},
        "DrawLine": {**image, "line_type": "horizontal", "coordinates": f"y1={height // 2}"},
        "DrawShape": {**image, "bboxes": [{"shape": "ellipse", "coords": box}]},
        "HighlightBox": {**image, "bboxes": [box]},
        "MaskBox": {**image, "bboxes": [box]},
        "RotateImage": {**image, "angle": 90},
        "GetWeather": {"location": "Paris"},
        "FrameAt": {"target_frame": 1},
        "VideoClip": {"target_frames": [1, 2, 3, 4, 5, 6, 7, 8]},
        "PathTracer": {"start_point_2d": box[:2], "end_point_2d": box[2:], "target_image": 1},
        "crop_image": {"bbox_2d": box, "target_image": 1},
    }
    return known.get(name, image)


def picture(name: str, width: int, height: int, rng: np.random.Generator) -> Array:
    """A map, a page, or noise like that of a photograph."""
    if name == "OCR":
        page = Image.new("RGB", (width, height), "white")
        font = ImageFont.load_default(18)
        for line in range(8):
            ImageDraw.Draw(page).text((20, 10 + 28 * line), f"Line {line} of 8: total 42.50", font=font, fill="black")
        return np.array(page)
    if name in ("Point", "DrawDashLinePath", "GetEndPoint", "GetObstacles", "GetStartPoint"):
        rows = [list("F" * _COLUMNS) for _ in range(_ROWS)]
        rows[0][0], rows[4][8], rows[2][3] = "S", "G", "H"
        times = -(-width // (_COLUMNS * 256))  # tiles have at most 256 pixels a side
        drawn = MapImage(tuple("".join(row) for row in rows), width // _COLUMNS // times).load()
        return drawn.repeat(times, 0).repeat(times, 1)
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)


def latencies(name: str, width: int, height: int, repeats: int, rng: np.random.Generator) -> list[float]:
    """Seconds of each call."""
    executor, call = Executor([name]), ToolCall(name, arguments(name, width, height))
    image, other = picture(name, width, height, rng), picture("", 224, 224, rng)
    video = ShownVideo(Stills(image), tuple(range(8)))
    seconds = []
    for repeat in range(repeats + 1):
        image[-1, -1] = repeat % 256
        result = executor.run(call, {"img_1": image, "img_2": other}, video)
        if not result.ok:
            raise RuntimeError(f"{name} at {width}x{height}: {result.message}")
        seconds.append(result.seconds)
    return seconds[1:]


def ratio(name: str, bare: Callable[[Array, Array], Array], options: Options) -> float:
    """A tool's median time on an 8K picture over that of the bare operation."""
    rng = np.random.default_rng(options.seed)
    width, height = SIZES["8k"]
    executor, call = Executor([name]), ToolCall(name, arguments(name, width, height))
    images = {"img_1": picture("", width, height, rng), "img_2": picture("", 224, 224, rng)}
    seconds: dict[str, list[float]] = {"bare": [], "tool": []}
    for repeat in range(2 * options.repeats + 2):
        made: dict[str, Array] = {}
        # Each goes first in every other round: what comes second finds memory that the first has given back.
        for side in ("bare", "tool") if repeat % 2 else ("tool", "bare"):
            began = time.perf_counter()
            made[side] = bare(*images.values()) if side == "bare" else executor.run(call, images).images[0]
            seconds[side].append(time.perf_counter() - began)
        if not np.array_equal(made["tool"], made["bare"]):
            raise RuntimeError(f"{name} and the bare operation differ.")
    return statistics.median(seconds["tool"][2:]) / statistics.median(seconds["bare"][2:])


def bare_crop(image: Array, other: Array) -> Array:
    """The middle quarter, copied."""
    height, width = image.shape[:2]
    part: Array = image[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4].copy()
    return part


def bare_insert(image: Array, other: Array) -> Array:
    """The other picture, resized into the middle quarter of a copy."""
    height, width = image.shape[:2]
    combined: Array = image.copy()
    size = (3 * width // 4 - width // 4, 3 * height // 4 - height // 4)
    combined[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = cv2.resize(other, size)
    return combined


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    began = time.perf_counter()
    figures: dict[str, float] = {}
    for name in options.tools or TOOLS.names():
        for label, (width, height) in SIZES.items():
            repeats = options.slow_repeats if name in SLOW else options.repeats
            seconds = latencies(name, width, height, repeats, np.random.default_rng(options.seed))
            figures[f"{name}_{label}_median_ms"] = 1000 * statistics.median(seconds)
            figures[f"{name}_{label}_p95_ms"] = 1000 * float(np.quantile(seconds, 0.95))
    figures["crop_ratio_8k"] = ratio("Crop", bare_crop, options)
    figures["insert_ratio_8k"] = ratio("InsertImage", bare_insert, options)
    publish("Tools", figures, seed=options.seed, seconds=time.perf_counter() - began, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
