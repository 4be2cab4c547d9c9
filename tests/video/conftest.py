"""Small videos whose frames tell their index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from adagym.types import Array

WIDTH, HEIGHT = 96, 64
Make = Callable[..., str]


def painted(index: int) -> Array:
    """Six grey squares, white for each bit of the index that is set, and a red corner at the top left."""
    frame = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
    for bit in range(6):
        frame[32:56, 16 * bit : 16 * bit + 16] = 230 if index >> bit & 1 else 20
    frame[:16, :16] = (220, 20, 20)
    return frame


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Encodes painted frames; gives the path."""

    def encode(
        name: str = "a.mp4",
        *,
        frames: int = 40,
        codec: str = "libx264",
        times: Sequence[int] | None = None,
        fps: int = 25,
        gop: int = 12,
        between: int = 2,
        options: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> str:
        path = str(tmp_path / name)
        with av.open(path, "w", options=form or {}) as file:
            stream: Any = file.add_stream(codec, rate=fps, options=options or {})
            stream.width, stream.height = WIDTH, HEIGHT
            stream.pix_fmt = "yuv420p"
            stream.codec_context.gop_size = gop
            stream.codec_context.max_b_frames = between
            if times is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            for index in range(frames):
                picture = av.VideoFrame.from_ndarray(painted(index), format="rgb24")
                if times is not None:
                    picture.pts, picture.time_base = times[index], Fraction(1, 1000)
                file.mux(stream.encode(picture))
            file.mux(stream.encode())
        return path

    return encode
