"""Questions about screens: read the picture, take what the question means by where it stands, look closer if need be.

* where to click: Point, and the option that holds the point;
* all other questions: OCR, then the line beside a label, in the row of one label and the column of another, or the
  label itself. Where more stands in that line, Crop its part and OCR that.

Where no tools are offered the expert reads a thumbnail ``THUMBNAIL`` pixels wide, by the same rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from PIL import Image

from adagym.agents.experts.base import GIVE_UP, Move, Scene
from adagym.agents.experts.gui_layout import (
    DIGIT_GAP,
    GAP,
    Box,
    Found,
    apart,
    beside,
    cell,
    find,
    pieces,
    read_detections,
)
from adagym.envs.tasks.gui.questions import read_amount
from adagym.envs.tasks.gui.wording import FORMS, read_options, read_question
from adagym.tools.ocr import read_text
from adagym.types import Array, ToolCall

THUMBNAIL = 448
"""Width of what is seen of a screen at a glance, pixels."""
MARGIN = 5
"""Pixels around what is cropped."""

ICON = 1.6
"""A part before the words that is less wide than so many times its height is an icon."""

_LETTERS = "ABCDEFGH"
_BULLET = re.compile(r"^[\u25cf\u2022\u00b7\u25cb\u25e6\u2713\u2714*]+\s*")

Envelope = Mapping[str, Any]
Part = Generator[ToolCall, Envelope, str | None]
"""Makes calls, is sent their results, returns what was found."""


def ask(scene: Scene) -> Move:
    """Play the plan of the question through the results so far."""
    question = read_question(scene.prompt)
    if question is None:
        return Move("The question is of no known form.", answer=GIVE_UP)
    plan = Screen(scene).plan(*question)
    try:
        call = next(plan)
        for result in scene.results:
            call = plan.send(result)
    except StopIteration as end:
        return Move("This is what the question asks for.", answer=end.value or GIVE_UP)
    return Move(_THOUGHTS[call.name], call)


_THOUGHTS = {
    "OCR": "Read what is written here.",
    "Crop": "Look at this part alone.",
    "Point": "Find what to click.",
}


class Screen:
    """What a plan does with the screenshot.

    Args:
        scene: The conversation so far.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.options = read_options(scene.prompt)
        self.equipped = bool(scene.offered)
        self.seen: list[Box] = []
        """Boxes of what the answer comes from."""
        self._pictures = 1

    def plan(self, kind: str, parts: Mapping[str, str]) -> Part:
        """The calls and the answer for a question, as ``read_question`` gives it."""
        return self.click(parts["label"]) if kind == "press" else self.answer(kind, parts)

    def click(self, label: str) -> Part:
        """The option that holds the words to click."""
        if self.equipped:
            arguments = {"image": self.scene.image_name, "description": f'"{label}"'}
            result = yield ToolCall("Point", arguments)
            if result.get("points"):
                return holding(result["points"], self.options)
        found = find((yield from self.read()), label)
        if found is None:
            return None
        self.seen.append(found.box)
        return holding([found.middle], self.options)

    def answer(self, kind: str, parts: Mapping[str, str]) -> Part:
        """The answer to a question of any other kind."""
        lines = yield from self.read()
        if kind == "where":
            return self.place(lines, parts["label"])
        if kind == "total":
            names = (parts["row"], parts["other"]) if "column" in parts else (parts["label"], parts["other_label"])
            amounts = []
            for name in names:
                amounts.append((yield from self.amount(lines, parts, name)))
            known = [amount for amount in amounts if amount is not None]
            return str(sum(known)) if len(known) == len(names) else None
        if kind == "compare":
            best: tuple[Decimal, str] | None = None
            for letter, name in zip(_LETTERS, self.options, strict=False):
                amount = yield from self.amount(lines, parts, name)
                if amount is not None and (best is None or amount > best[0]):
                    best = amount, letter
            return None if best is None else best[1]
        return (yield from self.value(lines, parts, parts.get("label") or parts["row"]))

    def read(self) -> Generator[ToolCall, Envelope, list[Found]]:
        """The lines of the screenshot."""
        if not self.equipped:
            return read_thumbnail(self.scene.image)
        return read_detections((yield ToolCall("OCR", {"image": self.scene.image_name})))

    def value(self, lines: Sequence[Found], parts: Mapping[str, str], name: str) -> Part:
        """What is written where the question says, for one label or row."""
        if "column" in parts:
            found, beneath = cell(lines, name, parts["column"]), find(lines, parts["column"])
        elif "side" in parts:
            found, beneath = beside(lines, name, parts["side"]), find(lines, name)
        else:
            found, beneath = field_of(lines, name), find(lines, name)
        if found is None or beneath is None:
            return None
        self.seen += [found.box, beneath.box]
        if "row" in parts and (row := find(lines, name)) is not None:
            self.seen.append(row.box)
        numeric = FORMS["text"] not in self.scene.prompt
        parted = pieces(self.scene.image, found.box, DIGIT_GAP if numeric else GAP)
        parted = parted if numeric else without_icons(parted)  # a digit is as narrow as an icon
        whole = "side" not in parts or len(parted) < 2 or (numeric and read_amount(found.text) is not None)
        if whole or not self.equipped:
            return _BULLET.sub("", found.text)
        nearest = min(parted, key=lambda piece: apart(piece, beneath.box))
        return _BULLET.sub("", (yield from self.close_up(nearest)) or found.text)

    def close_up(self, box: Box) -> Part:
        """Crop a part of the screenshot and read it."""
        height, width = self.scene.image.shape[:2]
        x1, y1, x2, y2 = (round(side) for side in box)
        region = [max(x1 - MARGIN, 0), max(y1 - MARGIN, 0), min(x2 + MARGIN, width), min(y2 + MARGIN, height)]
        result = yield ToolCall("Crop", {"image": self.scene.image_name, "coordinates": region})
        if result.get("status") != "success":
            return None
        self._pictures += 1
        lines = read_detections((yield ToolCall("OCR", {"image": f"img_{self._pictures}"})))
        return " ".join(line.text for line in lines)

    def amount(
        self, lines: Sequence[Found], parts: Mapping[str, str], name: str
    ) -> Generator[ToolCall, Envelope, Decimal | None]:
        """The number that belongs to a label or a row."""
        text = yield from self.value(lines, parts, name)
        amount = None if text is None else read_amount(text.replace(" ", ""))
        return None if amount is None else amount[0]

    def place(self, lines: Sequence[Found], label: str) -> str | None:
        """The box of a label: its ink and, above and below, what lines of text keep free."""
        found = find(lines, label)
        if found is None:
            return None
        self.seen.append(found.box)
        parts = without_icons(pieces(self.scene.image, found.box)) or [found.box]
        x1, y1, x2, y2 = parts[0][0], min(p[1] for p in parts), parts[-1][2], max(p[3] for p in parts)
        rim = 0.2 * (y2 - y1)
        return json.dumps([round(x1 - 1), round(y1 - rim), round(x2 + 1), round(y2 + rim)])


def without_icons(parts: list[Box]) -> list[Box]:
    """The parts of a line from its first that is not an icon; the last one stays in any case."""
    start = 0
    while start < len(parts) - 1 and parts[start][2] - parts[start][0] < ICON * (parts[start][3] - parts[start][1]):
        start += 1
    return parts[start:]


def read_thumbnail(image: Array) -> list[Found]:
    """What can be read of a picture once it is scaled to ``THUMBNAIL`` pixels in width; boxes are of the picture.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
    """
    height, width = image.shape[:2]
    share = min(THUMBNAIL / width, 1.0)
    size = (max(round(width * share), 1), max(round(height * share), 1))
    small = np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
    boxes = [(line.text.strip(), [side / share for side in line.box]) for line in read_text(small)]
    return [Found(text, (box[0], box[1], box[2], box[3])) for text, box in boxes]


def holding(points: Sequence[Sequence[float]], options: Sequence[str]) -> str | None:
    """The letter of the smallest box among the options that holds one of the points."""
    boxes = [json.loads(option) for option in options]
    held = [
        ((box[2] - box[0]) * (box[3] - box[1]), letter)
        for letter, box in zip(_LETTERS, boxes, strict=False)
        if any(box[0] <= x < box[2] and box[1] <= y < box[3] for x, y in points)
    ]
    return min(held)[1] if held else None


def field_of(lines: Sequence[Found], label: str) -> Found | None:
    """The content of a field: close below its label, or else right of it."""
    at, below = find(lines, label), beside(lines, label, "below")
    if at is not None and below is not None:
        height = at.box[3] - at.box[1]
        if below.box[1] - at.box[3] < 2 * height and abs(below.box[0] - at.box[0]) < 4 * height:
            return below
    return beside(lines, label, "right")
