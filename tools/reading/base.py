"""What every OCR engine returns, and what an engine is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from adagym.tools.values import Box
from adagym.types import Array


@dataclass(frozen=True)
class Word:
    """One word as an engine read it."""

    text: str
    box: Box
    """``(x1, y1, x2, y2)`` in pixels of the picture, the right column and the bottom row not part of it."""
    confidence: float
    """In [0, 1], as the engine says; engines differ in how sure they are of the same text."""


@dataclass(frozen=True)
class Line:
    """Words that an engine read as one piece of text; a table's row may be several."""

    text: str
    box: Box
    confidence: float
    words: tuple[Word, ...]
    """From left to right. Engines that give no boxes of words share the line's among them by their letters."""

    @classmethod
    def of(cls, words: Sequence[Word]) -> Line:
        """Join words, given from left to right. The line is as sure as its words are on average."""
        boxes = np.array([word.box for word in words])
        (x1, y1), (x2, y2) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
        confidence = float(np.mean([word.confidence for word in words]))
        return cls(
            " ".join(word.text for word in words), (int(x1), int(y1), int(x2), int(y2)), confidence, tuple(words)
        )

    @classmethod
    def shared(cls, text: str, box: Box, confidence: float) -> Line:
        """A line whose words' boxes are not known: each word gets the part of the line that its letters take."""
        x1, y1, x2, y2 = box
        per_letter = (x2 - x1) / max(1, len(text))
        words, start = [], 0
        for word in text.split():
            start = text.index(word, start)
            left, right = round(x1 + start * per_letter), round(x1 + (start + len(word)) * per_letter)
            words.append(Word(word, (left, y1, right, y2), confidence))
            start += len(word)
        return cls(text, box, confidence, tuple(words))

    def mapped(self, scale: float, left: int, top: int) -> Line:
        """The line in another picture's pixels: scaled, then moved."""

        def moved(box: Box) -> Box:
            x1, y1, x2, y2 = (round(side * scale) for side in box)
            return x1 + left, y1 + top, x2 + left, y2 + top

        words = tuple(replace(word, box=moved(word.box)) for word in self.words)
        return replace(self, box=moved(self.box), words=words)


class Reader(Protocol):
    """An OCR engine."""

    def read(self, image: Array) -> list[Line]:
        """Read a picture, in any order.

        Args:
            image: ``(height, width, 3)`` ``uint8`` RGB, sides from 32 to 2000 pixels, none over three times the other.
        """
        ...


def box_around(corners: ArrayLike) -> Box:
    """The upright box around corners ``(n, 2)``."""
    points = np.asarray(corners, float)
    (x1, y1), (x2, y2) = np.floor(points.min(0)), np.ceil(points.max(0))
    return int(x1), int(y1), int(x2), int(y2)
