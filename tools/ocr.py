"""OCR: the text of a picture, with boxes, in reading order.

Which engine reads is said by the environment variable ``ADAGYM_OCR``: ``rapidocr`` (the default), ``easyocr``,
``easyocr:FOLDER`` with weights of your own, ``tesseract``, ``tesseract:LANGUAGE``, or a plugin's name. Engines use one
processor thread; ``ADAGYM_OCR_THREADS`` says otherwise. Both are read at every call.
"""

from __future__ import annotations

import os
from functools import lru_cache

from adagym.digest import image_digest
from adagym.errors import UsageError
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.memory import Memory
from adagym.tools.reading import READERS, Line, Reader
from adagym.tools.reading.tiles import read_any
from adagym.tools.values import ImageArg
from adagym.types import Array

DEFAULT = "rapidocr"
FLOOR = 0.25
"""Least confidence of what is returned (AdaReasoner, its OCR worker)."""

_readings: Memory[tuple[str, str], tuple[Line, ...]] = Memory(256)  # about 50 kB for a full screen


def read_text(image: Array, backend: str | None = None) -> tuple[Line, ...]:
    """Read a picture, in reading order (``adagym.tools.reading.order``). The last 256 readings are remembered.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB of any size; for more than 2000 pixels see
            ``adagym.tools.reading.tiles``.
        backend: Engine, ``NAME`` or ``NAME:OPTION``; None: that of ``ADAGYM_OCR``.

    Returns:
        The lines read with a confidence of at least 0.25.

    Raises:
        UnknownName: There is no such engine.
        MissingExtra: It is not installed.
        UsageError: Its option, or ``ADAGYM_OCR_THREADS``, cannot be used.
        InfraError: It failed.
    """
    name = backend or os.environ.get("ADAGYM_OCR") or DEFAULT

    def read() -> tuple[Line, ...]:
        return tuple(line for line in read_any(image, _engine(name, _threads())) if line.confidence >= FLOOR)

    return _readings.get((name, image_digest(image)), read)


def ocr(image: ImageArg) -> ToolOutput:
    """Read all text in an image. Returns each line with its confidence and its box [x1, y1, x2, y2] in pixels.

    Args:
        image: The image to read, for example img_1.
    """
    detections = [
        {"text": line.text, "confidence": round(line.confidence, 2), "box": list(line.box)} for line in read_text(image)
    ]
    return ToolOutput({"detections": detections})


@lru_cache(maxsize=4)
def _engine(name: str, threads: int) -> Reader:
    kind, _, option = name.partition(":")
    return READERS.load(kind)(option, threads)


def _threads() -> int:
    text = os.environ.get("ADAGYM_OCR_THREADS") or "1"
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1024:
        raise UsageError(f"ADAGYM_OCR_THREADS is {text!r}; set it to a number of processor threads, such as 1.")
    return int(text)


OCR = Tool.of(ocr, "OCR", online=True, slow=True)
