"""Finding labels and what stands beside them among the lines that OCR read off a screen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from adagym.types import Array

Box = tuple[float, float, float, float]

ALIKE = 0.75
"""Least similarity of a line to the label that is looked for."""
GAP = 0.4
"""Texts are apart where so much of a line's height is empty between them; more than between the words of a text."""
DIGIT_GAP = 0.2
"""The same for numbers, which have no spaces."""

_INK = 40
"""Least difference in grey level between ink and ground."""
_BETWEEN = re.compile(r"[^\s\u203a>\u00bb/|\u00b7\u2022]+")
"""Words; also parted by what stands between the links of a path."""


@dataclass(frozen=True)
class Found:
    """A piece of text and its box ``(x1, y1, x2, y2)``, pixels."""

    text: str
    box: Box

    @property
    def middle(self) -> tuple[float, float]:
        """``(x, y)``."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


def read_detections(result: Mapping[str, Any]) -> list[Found]:
    """The lines of an OCR result."""
    return [Found(str(item["text"]).strip(), _box(item["box"])) for item in result.get("detections", [])]


def find(lines: Sequence[Found], label: str) -> Found | None:
    """Where a label stands: a whole line that equals it, part of one, or the line that is most like it."""
    wanted = _key(label)
    whole = [line for line in lines if _key(line.text) == wanted]
    if whole:
        return whole[0]
    for line in lines:
        part = _part(line, wanted)
        if part is not None:
            return part
    for line in lines:
        start = line.text.find(label)
        if start >= 0 and not line.text[start + len(label) :][:1].islower():  # OCR left no space between two texts
            return _share(line, start, start + len(label))
    ratio, best = max(((_ratio(_key(line.text), wanted), place) for place, line in enumerate(lines)), default=(0.0, 0))
    return lines[best] if ratio >= ALIKE else None


def beside(lines: Sequence[Found], label: str, side: str) -> Found | None:
    """The line nearest to a label: ``below``, ``above`` or ``right``."""
    at = find(lines, label)
    if at is None:
        return None
    rest = _rest(lines, at, label) if side == "right" else None
    if rest is not None:
        return rest
    near = [(gap, place) for place, line in enumerate(lines) if (gap := _gap(at.box, line.box, side)) is not None]
    return lines[min(near)[1]] if near else None


def cell(lines: Sequence[Found], row: str, column: str) -> Found | None:
    """The line that stands in the row of one label and the column of another."""
    left, top = find(lines, row), find(lines, column)
    if left is None or top is None:
        return None
    height = left.box[3] - left.box[1]
    level = [
        (apart(line.box, top.box), abs(line.box[0] - top.box[0]), place)
        for place, line in enumerate(lines)
        if abs(line.middle[1] - left.middle[1]) < 0.7 * height and apart(line.box, left.box) > 0
    ]
    return lines[min(level)[2]] if level else None


def pieces(image: Array, box: Box, gap: float = GAP) -> list[Box]:
    """The parts of a line that stand apart, from left to right, each tightly around its ink.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
        box: Around the line, with a margin or without.
        gap: Share of the box's height that is empty between two parts.
    """
    x1, y1, x2, y2 = (max(round(side), 0) for side in box)
    grey = image[y1:y2, x1:x2].mean(-1)
    if not grey.size:
        return []
    ink = np.abs(grey - np.median(grey)) > _INK
    columns = np.flatnonzero(ink.any(0))
    if not columns.size:
        return []
    cuts = np.flatnonzero(np.diff(columns) > gap * (y2 - y1))
    parts = []
    for run in np.split(columns, cuts + 1):
        rows = np.flatnonzero(ink[:, run[0] : run[-1] + 1].any(1))
        parts.append((float(x1 + run[0]), float(y1 + rows[0]), float(x1 + run[-1] + 1), float(y1 + rows[-1] + 1)))
    return parts


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _part(line: Found, wanted: str) -> Found | None:
    """The part of a line that is the label; its box has the share of the letters."""
    words = list(_BETWEEN.finditer(line.text))
    for start in range(len(words)):
        for end in range(start, len(words)):
            if _key(line.text[words[start].start() : words[end].end()]) == wanted:
                return _share(line, words[start].start(), words[end].end())
    return None


def _share(line: Found, start: int, end: int) -> Found:
    x1, y1, x2, y2 = line.box
    letter = (x2 - x1) / max(len(line.text), 1)
    return Found(line.text[start:end].strip(), (x1 + start * letter, y1, x1 + end * letter, y2))


def _rest(lines: Sequence[Found], at: Found, label: str) -> Found | None:
    """What follows a label on the same line, where OCR read both as one."""
    for line in lines:
        same_row = line.box[1] == at.box[1] and line.box[3] == at.box[3]
        if same_row and line.box[2] > at.box[2] + 1 and line.box[0] <= at.box[0] and line.text != at.text:
            words = line.text.split()
            count = next((n for n in range(1, len(words)) if _key("".join(words[:n])).endswith(_key(label))), None)
            return None if count is None else _share(line, len(" ".join(words[:count])) + 1, len(line.text))
    return None


def _gap(label: Box, other: Box, side: str) -> float | None:
    """Pixels from a label to another box on one side; None if it is not there."""
    across = label[0] < other[2] and other[0] < label[2]
    middle = (other[1] + other[3]) / 2
    if side == "below":
        return max(other[1] - label[3], 0) if across and middle > label[3] else None
    if side == "above":
        return max(label[1] - other[3], 0) if across and middle < label[1] else None
    level = label[1] < middle < label[3] or other[1] < (label[1] + label[3]) / 2 < other[3]
    return other[0] - label[2] if level and other[0] >= label[2] - 2 and other != label else None


def apart(one: Box, other: Box) -> float:
    """Pixels between two boxes from left to right; 0 where they share a column."""
    return max(one[0] - other[2], other[0] - one[2], 0.0)


def _box(values: Sequence[float]) -> Box:
    x1, y1, x2, y2 = map(float, values)
    return x1, y1, x2, y2
