"""Pictures of a report: each once, as a data URL, large ones shrunk."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

AS_STORED = 60_000
"""Bytes. A picture of at most this many is embedded as it is stored, if it need not be shrunk."""

QUALITY = 85
"""Of WebP, in which all others are embedded."""


@dataclass(frozen=True)
class Picture:
    """One embedded picture."""

    url: str
    size: tuple[int, int]
    """Width and height as stored."""
    shown: tuple[int, int]
    """Width and height as embedded."""


def embed(path: Path, side: int) -> Picture | None:
    """Read a stored picture.

    Args:
        path: The PNG.
        side: Most pixels of the longer side; a larger picture is shrunk.

    Returns:
        None if the file is missing or damaged: a report of the rest is worth more than none.
    """
    try:
        stored = path.read_bytes()
        with Image.open(io.BytesIO(stored), formats=["PNG"]) as opened:
            size = opened.size
            if max(size) <= side and len(stored) <= AS_STORED:
                opened.verify()
                return Picture(_url("png", stored), size, size)
            picture = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=2)
    return Picture(_url("webp", buffer.getvalue()), size, picture.size)


def _url(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
