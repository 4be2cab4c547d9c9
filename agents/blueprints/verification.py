"""Verification: point at elf and holes, draw the given sequence, judge it by its points."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from adagym.agents.blueprints.base import Case, Plan, ToolsFailed, Unfit, Variant
from adagym.agents.blueprints.lake import LakeDesk, Points, lake_of, only, points_of, slips, stays
from adagym.agents.experts.base import Move

_SEQUENCE = re.compile(r"[LDRU](?:[\s,]*[LDRU])*")


def direct(case: Case) -> Plan:
    """The sequence is drawn as it is."""
    yield from _check(LakeDesk(case))


def reflect1(case: Case) -> Plan:
    """The sequence is drawn with a slip, noticed and corrected."""
    yield from _check(LakeDesk(case), wrong=1)


def reflect2(case: Case) -> Plan:
    """The sequence is drawn with a slip twice, noticed and corrected."""
    yield from _check(LakeDesk(case), wrong=2)


def tool_failure(case: Case) -> Plan:
    """One call fails and is mended."""
    yield from _check(LakeDesk(case, stumble=str(case.rng.choice(["Elf", "Ice Holes", "draw"]))))


def fallback(case: Case) -> Plan:
    """Calls fail twice; the answer is found by sight."""
    desk = LakeDesk(case, stumble=str(case.rng.choice(["Elf", "Ice Holes"])), fallback=True)
    try:
        yield from _check(desk)
    except ToolsFailed:
        yield _answer_by_sight(desk, "give_up")


def no_tool(case: Case) -> Plan:
    """The answer is found by sight at once."""
    yield _answer_by_sight(LakeDesk(case), "by_sight")


VARIANTS: Mapping[str, Variant] = {
    "direct": Variant(direct, "drawn, judged, answered"),
    "reflect1": Variant(reflect1, "drawn with one slip, noticed and corrected"),
    "reflect2": Variant(reflect2, "drawn with a slip twice, noticed and corrected"),
    "tool_failure": Variant(tool_failure, "one call fails and is mended", failures=1),
    "fallback": Variant(fallback, "calls fail, answered by sight", failures=2),
    "no_tool": Variant(no_tool, "tools are offered and not used"),
    "toolless": Variant(no_tool, "no tools are offered", equipped=False),
}


def _check(desk: LakeDesk, wrong: int = 0) -> Plan:
    say = desk.voice.say
    moves = told(desk.case.scene.prompt)
    start = only(points_of((yield from desk.point("Elf", say("find_elf")))))
    holes = points_of((yield from desk.point("Ice Holes", say("find_holes_of_walk", elf=start))))
    think = ""
    shown: list[str] = []
    for _ in range(wrong):
        shown.append(slips(desk.case.rng, moves, shown, partial(stays, desk.reading, start)))
        yield from desk.draw(start, shown[-1], think or _propose(desk, shown[-1], holes))
        think = _notice(desk, shown[-1], moves)
    drawn = points_of((yield from desk.draw(start, moves, think or _propose(desk, moves, holes))))
    hit = next((point for point in drawn if point in holes), None)
    if hit is None:
        yield Move(say("walk_is_safe"), answer="Yes")
    else:
        yield Move(say("walk_falls", point=hit), answer="No")


def told(prompt: str) -> str:
    """The letters of the sequence that a prompt asks about.

    Raises:
        Unfit: It names none.
    """
    match = _SEQUENCE.match(prompt.rpartition("sequence is")[2].lstrip(": \n"))
    if match is None:
        raise Unfit("the prompt names no sequence")
    return re.sub(r"[\s,]", "", match[0])


def _propose(desk: LakeDesk, path: str, holes: Points) -> str:
    return desk.voice.say("draw_walk", holes=len(holes), path=",".join(path))


def _notice(desk: LakeDesk, drawn: str, moves: str) -> str:
    pairs = zip(drawn.ljust(len(moves)), moves.ljust(len(drawn)), strict=True)
    number = next(number for number, (one, other) in enumerate(pairs, 1) if one != other)
    return desk.voice.say("redraw_walk", drawn=",".join(drawn), path=",".join(moves), number=number)


def _answer_by_sight(desk: LakeDesk, purpose: str) -> Move:
    eye = desk.reading
    lake = lake_of(eye, only(eye.centres("S")), only(eye.centres("G")), eye.centres("H"))
    walk = lake.simulate(told(desk.case.scene.prompt), stop_at_goal=False)
    think = desk.voice.say(purpose, seen=desk.seen())
    if not walk.fell:
        return Move(f"{think} {desk.voice.say('seen_safe')}", answer="Yes")
    row, col = walk.cells[-1]
    return Move(f"{think} {desk.voice.say('seen_fall', place=f'({row + 1}, {col + 1})')}", answer="No")
