"""Visual search: find the object, look closely, answer; or look in wrong places first and notice it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from adagym.agents.blueprints.base import Case, Desk, Envelope, Part, Plan, Unfit, Variant, option_of, understood
from adagym.agents.blueprints.variants import Way
from adagym.agents.blueprints.vstar_words import WORDINGS
from adagym.agents.experts.base import Move
from adagym.agents.experts.vstar import around, below, by_sight, compare, look, read, read_question, size_of
from adagym.tools.boxes import overlap
from adagym.tools.objects import OBJECTS
from adagym.tools.pointing.choose import locate
from adagym.tools.pointing.objects import find_object
from adagym.types import Array, ToolCall

_TRIES = 64
_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "middle", "right")


class SearchDesk(Desk):
    """Makes the moves of a search.

    Args:
        case: What the plan has to work with.

    Raises:
        Unfit: The question is of no known form.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case, WORDINGS)
        self.asked = understood(read_question(case.scene.prompt))
        self.name = self.asked.names[0]
        self._made = 0

    def find(self, step: str, name: str, think: str) -> Part:
        """Have an object located; the result holds its point."""
        arguments = {"image": self.case.scene.image_name, "description": name}
        result = yield from self.call(step, think, ToolCall("Point", arguments))
        if not result.get("points"):
            raise Unfit("the object is not found")
        self._made += 1
        return result

    def cut(self, step: str, box: Sequence[int], think: str) -> Part:
        """Have a part of the whole picture cut out."""
        arguments = {"image": self.case.scene.image_name, "coordinates": list(box)}
        result = yield from self.call(step, think, ToolCall("Crop", arguments))
        self._made += 1
        return result

    @property
    def latest(self) -> tuple[str, Array]:
        """The picture that the latest call made, and its name.

        Raises:
            Unfit: It was not shown.
        """
        made = [name for names in self.case.scene.made for name in names][: self._made]
        if len(made) < self._made or made[-1] not in self.case.scene.images:
            raise Unfit("pictures of tools are not shown")
        return made[-1], self.case.scene.images[made[-1]]

    def elsewhere(self) -> list[list[int]]:
        """Parts as large as those that are looked at closely, none of which reaches near an object asked for."""
        image = self.case.scene.image
        height, width = image.shape[:2]
        right = [around(point, image) for name in self.asked.names for point in locate(image, name, "objects")]
        if not right:
            raise Unfit("the object is not found")
        found: list[list[int]] = []
        for _ in range(_TRIES):
            box = around([int(self.case.rng.integers(width)), int(self.case.rng.integers(height))], image)
            if not any(overlap(box, other) for other in (*right, *found)):
                found.append(box)
        return found

    def where(self, box: Sequence[int]) -> str:
        """Which ninth of the picture the middle of a part lies in, in words."""
        height, width = self.case.scene.image.shape[:2]
        row, column = _ROWS[3 * (box[1] + box[3]) // (2 * height)], _COLUMNS[3 * (box[0] + box[2]) // (2 * width)]
        return "middle" if row == column else f"{row} {column}"

    def answer(self, letter: str, purpose: str | None = None) -> Move:
        """Give an answer; a purpose puts its words around those that say what is seen."""
        said = option_of(letter, self.asked.options)
        seen = self.voice.say(self.asked.kind, name=self.name, other=self.asked.names[-1], said=said)
        think = seen if purpose is None else self.voice.say(purpose, seen=seen, name=self.name)
        return Move(think, answer=letter)


def _solve(desk: SearchDesk, wrong: int) -> Plan:
    asked, say, image = desk.asked, desk.voice.say, desk.case.scene.image
    verdict = yield from _wander(desk, wrong)
    purpose = "find_after" if verdict else "find"
    found = yield from desk.find("find", desk.name, say(purpose, name=desk.name, verdict=verdict))
    point = found["points"][0]
    if asked.kind == "relation":
        think = say("find_other", point=point, name=asked.names[1])
        other = yield from desk.find("find_other", asked.names[1], think)
        yield desk.answer(compare(point, other["points"][0], asked.options))
        return
    box = around(point, image)
    yield from desk.cut("cut", box, say("cut", point=point, name=desk.name))
    _, crop = desk.latest
    place = [point[0] - box[0], point[1] - box[1]]
    if asked.kind != "text":
        yield desk.answer(look(crop, place, asked))
        return
    tag = below(point, size_of(desk.name, crop, place), image)
    yield from desk.cut("tag", tag, say("tag", name=desk.name))
    result = yield from desk.call("read", say("read"), ToolCall("OCR", {"image": desk.latest[0]}))
    texts = [(item["text"], item["box"]) for item in result.get("detections", [])]
    yield desk.answer(read(texts, [point[0] - tag[0], point[1] - tag[1]], asked))


def _wander(desk: SearchDesk, wrong: int) -> Generator[Move, Envelope, str]:
    """Look at parts that do not show the object; returns what is said of the last one."""
    say = desk.voice.say
    parts = desk.elsewhere() if wrong else []
    if len(parts) < wrong:
        raise Unfit("the picture has too few other parts")
    verdict = ""
    for box in parts[:wrong]:
        where = desk.where(box)
        purpose = "wander_again" if verdict else "wander"
        yield from desk.cut("wander", box, say(purpose, verdict=verdict, where=where, name=desk.name))
        if desk.name in OBJECTS and find_object(desk.latest[1], OBJECTS[desk.name]):
            raise Unfit("a part that should be wrong is right")
        verdict = say("absent", name=desk.name, where=where)
    return verdict


def _answer_by_sight(desk: SearchDesk, purpose: str) -> Move:
    letter = by_sight(desk.case.scene.image, desk.asked)
    if letter is None:
        raise Unfit("the object is not found")
    return desk.answer(letter, purpose)


def _steps(desk: SearchDesk) -> Sequence[str]:
    return {"relation": ("find",), "text": ("find", "cut", "read")}.get(desk.asked.kind, ("find", "cut"))


VARIANTS: Mapping[str, Variant] = Way(SearchDesk, _solve, _answer_by_sight, _steps).variants(
    "found, looked at closely, answered"
)
