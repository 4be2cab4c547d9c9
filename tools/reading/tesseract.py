"""Tesseract, by its command. Fast, and poor on real screens: see ``docs/tools.md``."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict

import cv2
import numpy as np

from adagym.errors import InfraError, MissingExtra
from adagym.pictures import to_png
from adagym.tools.reading.base import Line, Word
from adagym.types import Array

_ENLARGED = 2
"""Tesseract expects scans of 300 dpi; a screen's text is about a third of that."""
_SECONDS = 120


class TesseractReader:
    """The command ``tesseract``, one process per picture.

    Args:
        option: Language, as the command takes it. Empty: ``eng``.
        threads: Processor threads of the process.

    Raises:
        MissingExtra: The command is not installed.
    """

    def __init__(self, option: str = "", threads: int = 1) -> None:
        command = shutil.which("tesseract")
        if command is None:
            raise MissingExtra(
                "The command `tesseract` is not installed, and this feature needs it. It comes with the system, not "
                "with pip: apt install tesseract-ocr, or brew install tesseract"
            )
        # --psm 11: sparse text in no particular order, as screens and signs have it.
        self._command = [command, "stdin", "stdout", "--psm", "11", "-l", option or "eng", "tsv"]
        self._environment = {**os.environ, "OMP_THREAD_LIMIT": str(threads)}

    def read(self, image: Array) -> list[Line]:
        """Read a picture (see :class:`~adagym.tools.reading.base.Reader`).

        Raises:
            InfraError: The command failed.
        """
        larger = cv2.resize(image, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        try:
            done = subprocess.run(
                self._command, input=to_png(larger), capture_output=True, env=self._environment, timeout=_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InfraError(f"tesseract failed: {error}") from error
        if done.returncode:
            raise InfraError(f"tesseract failed: {done.stderr.decode(errors='replace').strip()[:500]}")
        return _lines(done.stdout.decode())


def _lines(table: str) -> list[Line]:
    """The lines of Tesseract's table, whose rows of level 5 are words."""
    words: defaultdict[tuple[str, ...], list[Word]] = defaultdict(list)
    for row in table.splitlines()[1:]:
        level, *place, left, top, width, height, confidence, text = row.split("\t", 11)
        if level == "5" and text.strip():
            x, y, w, h = (int(value) for value in (left, top, width, height))
            sides = (x, y, x + w, y + h)
            x1, y1, x2, y2 = (round(side / _ENLARGED) for side in sides)
            # page, block, paragraph and line; the word's own number comes last
            words[tuple(place[:4])].append(Word(text, (x1, y1, x2, y2), float(confidence) / 100))
    return [Line.of(line) for line in words.values()]
