"""Jigsaw: find the gap, put a candidate into it, judge its edges, answer or try another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adagym.agents.blueprints.base import Case, Desk, Part, Plan, ToolsFailed, Unfit, Variant
from adagym.agents.blueprints.jigsaw_words import WORDINGS
from adagym.agents.experts.base import Move
from adagym.agents.experts.jigsaw import candidates, edge_steps, gap, hole, insertion
from adagym.tools.detect_black_area import detect_black_area
from adagym.tools.insert_image import insert_image
from adagym.types import Array, ToolCall


def direct(case: Case) -> Plan:
    """The first candidate tried is right."""
    yield from _solve(JigsawDesk(case))


def reflect1(case: Case) -> Plan:
    """The first candidate tried is wrong, the second right."""
    yield from _solve(JigsawDesk(case), wrong=1)


def reflect2(case: Case) -> Plan:
    """Two wrong candidates are tried, the third is right; needs three of them."""
    yield from _solve(JigsawDesk(case), wrong=2)


def tool_failure(case: Case) -> Plan:
    """One call fails and is mended."""
    yield from _solve(JigsawDesk(case, stumble=str(case.rng.choice(["find", "insert"]))))


def fallback(case: Case) -> Plan:
    """Calls fail twice; the answer is found by sight."""
    desk = JigsawDesk(case, stumble="insert", fallback=True)
    try:
        yield from _solve(desk)
    except ToolsFailed:
        yield _answer_by_sight(desk, "give_up")


def no_tool(case: Case) -> Plan:
    """The answer is found by sight at once."""
    yield _answer_by_sight(JigsawDesk(case), "by_sight")


VARIANTS: Mapping[str, Variant] = {
    "direct": Variant(direct, "right at once"),
    "reflect1": Variant(reflect1, "one wrong candidate, judged and corrected"),
    "reflect2": Variant(reflect2, "two wrong candidates, judged and corrected"),
    "tool_failure": Variant(tool_failure, "one call fails and is mended", failures=1),
    "fallback": Variant(fallback, "calls fail, answered by sight", failures=2),
    "no_tool": Variant(no_tool, "tools are offered and not used"),
    "toolless": Variant(no_tool, "no tools are offered", equipped=False),
}


class JigsawDesk(Desk):
    """Makes the moves of a jigsaw plan.

    Args:
        case: What the plan has to work with.
        stumble: The step at which calls fail, ``find`` or ``insert``; None where all succeed.
        fallback: Whether the second try at that step fails too.

    Raises:
        Unfit: The prompt lists fewer than two candidates, or pictures are missing.
    """

    def __init__(self, case: Case, stumble: str | None = None, fallback: bool = False) -> None:
        super().__init__(case, WORDINGS, stumble, fallback)
        self.letters = candidates(case.scene.prompt)
        self._pictures = list(case.scene.images.values())
        if not 2 <= len(self.letters) < len(self._pictures):
            raise Unfit("the task shows no candidates")

    def find(self, think: str) -> Part:
        """Have the gap measured; the result holds its box."""
        return self.call("find", think, ToolCall("DetectBlackArea", {"image": self.case.scene.image_name}))

    def insert(self, box: Sequence[int], number: int, think: str) -> Part:
        """Have a candidate, counted from 0, put into the gap."""
        return self.call("insert", think, insertion(self.case.scene, box, number))

    def returned(self, number: int) -> Array:
        """The picture that an insertion, counted from 0, gave."""
        place = 1 + len(self.letters) + number
        if place >= len(self._pictures):
            raise Unfit("pictures of tools are not shown")
        return self._pictures[place]

    def best(self, box: tuple[int, int, int, int]) -> int:
        """The candidate that fits best, found by one's own eyes."""
        parts = self._pictures[1 : 1 + len(self.letters)]
        gaps = [gap(insert_image(self.case.scene.image, part, box).images[0], box) for part in parts]
        return gaps.index(min(gaps))


def _solve(desk: JigsawDesk, wrong: int = 0) -> Plan:
    say, rng = desk.voice.say, desk.case.rng
    box = _box((yield from desk.find(say("find_hole"))).get("boxes"))
    right = desk.best(box)
    others = [number for number in range(len(desk.letters)) if number != right]
    if wrong > len(others):
        raise Unfit("there are too few wrong candidates")
    verdict = tried = ""
    for attempt, number in enumerate([*map(int, rng.permutation(others)[:wrong]), right]):
        letter = desk.letters[number]
        if verdict:
            think = say("try_next", verdict=verdict, tried=tried, letter=letter)
        else:
            think = say("try_first", box=list(box), letter=letter)
        yield from desk.insert(box, number, think)
        steps = edge_steps(desk.returned(attempt), box)
        side = max(steps, key=lambda name: float(steps[name].mean()))
        verdict, tried = say("misfit", tried=letter, side=side), letter
    yield Move(say("fits", tried=tried), answer=tried)


def _box(boxes: object) -> tuple[int, int, int, int]:
    found = hole(boxes)
    if found is None:
        raise Unfit("the picture has no black area")
    x1, y1, x2, y2 = found
    return x1, y1, x2, y2


def _answer_by_sight(desk: JigsawDesk, purpose: str) -> Move:
    box = _box(detect_black_area(desk.case.scene.image).data["boxes"])
    letter = desk.letters[desk.best(box)]
    return Move(desk.voice.say(purpose, seen=desk.voice.say("seen", tried=letter)), answer=letter)
