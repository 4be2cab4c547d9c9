"""Several pictures: search one after the other, look closely, answer; or look at wrong parts first and notice it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from adagym.agents.blueprints.base import (
    Case,
    CountingDesk,
    Envelope,
    Part,
    Plan,
    Unfit,
    Variant,
    option_of,
    understood,
)
from adagym.agents.blueprints.image_qa_words import WORDINGS
from adagym.agents.blueprints.variants import Way
from adagym.agents.experts.base import Move
from adagym.agents.experts.image_qa import Look, by_sight, conclude, next_look, read_question
from adagym.agents.experts.vstar import Search, around, below, read, size_of
from adagym.tools.boxes import overlap
from adagym.tools.pointing.choose import locate
from adagym.types import Array, ToolCall

MOST_CALLS = 9
"""An episode has ten turns."""

_TRIES = 64
_TIMES = {1: "once", 2: "twice"}


class PicturesDesk(CountingDesk):
    """Makes the moves of a plan about several pictures.

    Args:
        case: What the plan has to work with.

    Raises:
        Unfit: The question is of no known form.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case, WORDINGS)
        self.asked = asked = understood(read_question(case.scene.prompt))
        made = {name for names in case.scene.made for name in names}
        self.pictures: Mapping[str, Array] = {
            name: image for name, image in case.scene.images.items() if name not in made
        }
        self.names = tuple(asked.options) if asked.kind == "difference" else asked.words[:1]

    def cut(self, step: str, picture: str, box: Sequence[int], think: str) -> Part:
        """Have a part of a picture cut out."""
        arguments = {"bbox_2d": list(box), "target_image": int(_number(picture))}
        return self.make(step, think, ToolCall("crop_image", arguments), MOST_CALLS)

    def elsewhere(self, before: Sequence[tuple[str, Sequence[int]]]) -> tuple[str, list[int]]:
        """A picture and a part of it that does not reach near any object asked about, nor any part seen before.

        Raises:
            Unfit: None was found.
        """
        for _ in range(_TRIES):
            picture = str(self.case.rng.choice(list(self.pictures)))
            image = self.pictures[picture]
            height, width = image.shape[:2]
            box = around([int(self.case.rng.integers(width)), int(self.case.rng.integers(height))], image)
            others = [part for other, part in before if other == picture]
            others += [around(point, image) for name in self.names for point in locate(image, name, "objects")]
            if not any(overlap(box, other) for other in others):
                return picture, box
        raise Unfit("every part of the pictures matters")

    def answer(self, letter: str, purpose: str, verdict: str = "") -> Move:
        """Give an answer."""
        said = option_of(letter, self.asked.options)
        return Move(self.voice.say(purpose, said=said, verdict=verdict), answer=letter)


def _solve(desk: PicturesDesk, wrong: int) -> Plan:
    verdict = yield from _wander(desk, wrong)
    seen: dict[Look, Sequence[Sequence[int]]] = {}
    pictures = list(desk.pictures)
    while (look := next_look(desk.asked, pictures, seen)) is not None:
        picture, name = look
        purpose = "find_next" if verdict else "find"
        think = desk.voice.say(purpose, verdict=verdict, name=name, number=_number(picture))
        call = ToolCall("Point", {"image": picture, "description": name})
        points = (yield from desk.make("find", think, call, MOST_CALLS)).get("points", [])
        seen[look] = points
        times = _TIMES.get(len(points), f"{len(points)} times")
        verdict = desk.voice.say("there" if points else "nowhere", number=_number(picture), times=times)
    if not any(seen.values()):
        raise Unfit("the object is not found")
    if desk.asked.kind == "text":
        yield from _read(desk, *next((look[0], points[0]) for look, points in seen.items() if points), verdict)
        return
    yield desk.answer(conclude(desk.asked, pictures, seen), "answer", verdict)


def _wander(desk: PicturesDesk, wrong: int) -> Generator[Move, Envelope, str]:
    """Look at parts that do not show what is asked about; returns what is said of the last one."""
    verdict, name = "", desk.names[0]
    before: list[tuple[str, Sequence[int]]] = []
    for _ in range(wrong):
        picture, box = desk.elsewhere(before)
        before.append((picture, box))
        purpose, number = "wander_again" if verdict else "wander", _number(picture)
        yield from desk.cut("wander", picture, box, desk.voice.say(purpose, verdict=verdict, name=name, number=number))
        verdict = desk.voice.say("absent", name=name, number=number)
    return verdict


def _read(desk: PicturesDesk, picture: str, point: Sequence[int], verdict: str) -> Plan:
    """Cut out what is around an object, then its tag; have the tag read."""
    image = desk.pictures[picture]
    box = around(point, image)
    yield from desk.cut("cut", picture, box, desk.voice.say("cut", verdict=verdict))
    closer = desk.case.scene.images[desk.latest()]
    tag = below(point, size_of(desk.names[0], closer, [point[0] - box[0], point[1] - box[1]]), image)
    yield from desk.cut("tag", picture, tag, desk.voice.say("tag"))
    call = ToolCall("OCR", {"image": desk.latest()})
    result = yield from desk.make("read", desk.voice.say("read"), call, MOST_CALLS)
    texts = [(item["text"], item["box"]) for item in result.get("detections", [])]
    search = Search(desk.asked.kind, desk.asked.words, desk.asked.options)
    yield desk.answer(read(texts, [point[0] - tag[0], point[1] - tag[1]], search), "text")


def _answer_by_sight(desk: PicturesDesk, purpose: str) -> Move:
    letter = by_sight(desk.pictures, desk.asked)
    if letter is None:
        raise Unfit("the object is not found")
    return desk.answer(letter, purpose)


def _number(picture: str) -> str:
    return picture.removeprefix("img_")


def _steps(desk: PicturesDesk) -> Sequence[str]:
    return ("find", "cut", "read") if desk.asked.kind == "text" else ("find",)


VARIANTS: Mapping[str, Variant] = Way(PicturesDesk, _solve, _answer_by_sight, _steps).variants(
    "searched in order, compared, answered"
)
