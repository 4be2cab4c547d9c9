"""Questions about screens: cut out the part that matters, read it, answer; or find that it was the wrong part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from adagym.agents.blueprints.base import Case, Desk, Envelope, Part, Plan, Unfit, Variant, understood
from adagym.agents.blueprints.gui_qa_words import WORDINGS
from adagym.agents.blueprints.variants import Way
from adagym.agents.experts.base import Move, Scene
from adagym.agents.experts.gui_layout import Box, Found, find, read_detections
from adagym.agents.experts.gui_qa import Screen
from adagym.envs.tasks.gui.wording import read_options, read_question
from adagym.tools.ocr import ocr, read_text
from adagym.types import Array, ToolCall

MARGIN = 12
"""Pixels around what is cut out."""

_TRIES = 64
_SHOWN = 4
"""So many of the words in a wrong part are told."""

Region = tuple[int, int, int, int]


class GUIDesk(Desk):
    """Makes the moves of a plan about a screen.

    Args:
        case: What the plan has to work with.

    Raises:
        Unfit: The question is of no known form, or its answer cannot be made out.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case, WORDINGS)
        kind, parts = understood(read_question(case.scene.prompt))
        answer, seen = by_sight(case.scene, kind, parts)
        if answer is None or not seen:
            raise Unfit("the answer cannot be made out")
        self.answer = answer
        options = read_options(case.scene.prompt)
        self.name = parts.get("label") or parts.get("row") or options[0]
        self.region = self.around(seen)
        self._cuts = 0

    def around(self, boxes: Sequence[Box]) -> Region:
        """The part of the screen that holds boxes, and a margin."""
        height, width = self.case.scene.image.shape[:2]
        x1, y1 = (min(box[side] for box in boxes) - MARGIN for side in (0, 1))
        x2, y2 = (max(box[side] for box in boxes) + MARGIN for side in (2, 3))
        return max(round(x1), 0), max(round(y1), 0), min(round(x2), width), min(round(y2), height)

    def elsewhere(self) -> Region:
        """A part as large as the right one that shows other text.

        Raises:
            Unfit: None was found.
        """
        x1, y1, x2, y2 = self.region
        height, width = self.case.scene.image.shape[:2]
        lines = [_found(line.text, line.box) for line in read_text(self.case.scene.image)]
        for _ in range(_TRIES):
            line = lines[int(self.case.rng.integers(len(lines)))]
            left = min(max(round(line.middle[0] - (x2 - x1) / 2), 0), width - (x2 - x1))
            top = min(max(round(line.middle[1] - (y2 - y1) / 2), 0), height - (y2 - y1))
            part = (left, top, left + x2 - x1, top + y2 - y1)
            if part[2] <= x1 or part[0] >= x2 or part[3] <= y1 or part[1] >= y2:
                return part
        raise Unfit("no other part of the screen is as large")

    def look(self, region: Region, think: str) -> Part:
        """Cut a part out and have it read."""
        arguments = {"image": self.case.scene.image_name, "coordinates": list(region)}
        yield from self.call("cut", think, ToolCall("Crop", arguments))
        self._cuts += 1
        picture = ToolCall("OCR", {"image": f"img_{1 + self._cuts}"})
        return (yield from self.call("read", self.voice.say("read"), picture))


def by_sight(scene: Scene, kind: str, parts: Mapping[str, str]) -> tuple[str | None, list[Box]]:
    """The expert's answer, found without calling tools, and the boxes that it comes from."""
    screen = Screen(Scene(scene.prompt, scene.image_name, scene.image, {}, (), False, ("OCR", "Crop", "Point")))
    pictures = [scene.image]
    plan = screen.plan(kind, parts)
    try:
        call = next(plan)
        while True:
            call = plan.send(_run(call, pictures))
    except StopIteration as end:
        answer: str | None = end.value
        return answer, screen.seen


def _run(call: ToolCall, pictures: list[Array]) -> Envelope:
    """What a call would return; pointing is left to the words that are read."""
    if call.name == "Crop":
        x1, y1, x2, y2 = call.arguments["coordinates"]
        pictures.append(np.ascontiguousarray(pictures[0][y1:y2, x1:x2]))
        return {"status": "success"}
    return ocr(pictures[int(call.arguments["image"].removeprefix("img_")) - 1]).data if call.name == "OCR" else {}


def _solve(desk: GUIDesk, wrong: int) -> Plan:
    say = desk.voice.say
    verdict = ""
    for _ in range(wrong):
        think = say("look_again", verdict=verdict, name=desk.name) if verdict else say("look", name=desk.name)
        lines = read_detections((yield from desk.look(desk.elsewhere(), think)))
        if find(lines, desk.name) is not None:
            raise Unfit("a part that should be wrong is right")
        words = ", ".join(line.text for line in lines[:_SHOWN])
        verdict = say("missing", words=words, name=desk.name) if lines else say("nothing")
    think = say("look_again", verdict=verdict, name=desk.name) if verdict else say("look", name=desk.name)
    lines = read_detections((yield from desk.look(desk.region, think)))
    if find(lines, desk.name) is None:
        raise Unfit("the right part does not show what it should")
    yield Move(say("found", name=desk.name, answer=desk.answer), answer=desk.answer)


def _answer_by_sight(desk: GUIDesk, purpose: str) -> Move:
    seen = desk.voice.say("seen", name=desk.name, answer=desk.answer)
    return Move(desk.voice.say(purpose, seen=seen), answer=desk.answer)


def _found(text: str, box: Sequence[float]) -> Found:
    return Found(text, (box[0], box[1], box[2], box[3]))


VARIANTS: Mapping[str, Variant] = Way(GUIDesk, _solve, _answer_by_sight, lambda desk: ("cut", "read")).variants(
    "cut out, read, answered"
)
