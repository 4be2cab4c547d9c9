"""Navigation: point at elf, gift and holes; draw a candidate; judge it by its points; answer or try again."""

from __future__ import annotations

from collections.abc import Mapping

from adagym.agents.blueprints.base import Case, Envelope, Plan, ToolsFailed, Unfit, Variant
from adagym.agents.blueprints.lake import LakeDesk, Points, lake_of, only, points_of, slips, stays
from adagym.agents.experts.base import Move
from adagym.envs.lake import Lake
from adagym.types import ToolCall


def direct(case: Case) -> Plan:
    """The first path drawn is right."""
    yield from _solve(LakeDesk(case))


def reflect1(case: Case) -> Plan:
    """The first path drawn is wrong, the second right."""
    yield from _solve(LakeDesk(case), wrong=1)


def reflect2(case: Case) -> Plan:
    """Two wrong paths are drawn, the third is right."""
    yield from _solve(LakeDesk(case), wrong=2)


def tool_failure(case: Case) -> Plan:
    """One call fails and is mended."""
    steps = ["Elf", "Gift", "Ice Holes", "draw", *(["plan"] if case.planner else [])]
    yield from _solve(LakeDesk(case, stumble=str(case.rng.choice(steps))))


def fallback(case: Case) -> Plan:
    """Calls fail twice; the answer is found by sight."""
    desk = LakeDesk(case, stumble=str(case.rng.choice(["Elf", "Gift", "Ice Holes"])), fallback=True)
    try:
        yield from _solve(desk)
    except ToolsFailed:
        yield _answer_by_sight(desk, "give_up")


def no_tool(case: Case) -> Plan:
    """The answer is found by sight at once."""
    yield _answer_by_sight(LakeDesk(case), "by_sight")


VARIANTS: Mapping[str, Variant] = {
    "direct": Variant(direct, "right at once"),
    "reflect1": Variant(reflect1, "one wrong path, judged and corrected"),
    "reflect2": Variant(reflect2, "two wrong paths, judged and corrected"),
    "tool_failure": Variant(tool_failure, "one call fails and is mended", failures=1),
    "fallback": Variant(fallback, "calls fail, answered by sight", failures=2),
    "no_tool": Variant(no_tool, "tools are offered and not used"),
    "toolless": Variant(no_tool, "no tools are offered", equipped=False),
}


def _solve(desk: LakeDesk, wrong: int = 0) -> Plan:
    say = desk.voice.say
    start = only(points_of((yield from desk.point("Elf", say("find_elf")))))
    goal = only(points_of((yield from desk.point("Gift", say("find_gift", elf=start)))))
    holes = points_of((yield from desk.point("Ice Holes", say("find_holes", gift=goal))))
    lake = lake_of(desk.reading, start, goal, holes)
    right = lake.shortest_plan()
    if right is None:
        raise Unfit("the map has no path")
    verdict = ""
    shown: list[str] = []
    for _ in range(wrong):
        shown.append(_wrong_path(desk, lake, right, shown))
        think = _propose(desk, shown[-1], holes, verdict)
        verdict = _judge(desk, (yield from desk.draw(start, shown[-1], think)), goal, holes)
        if not verdict:
            raise Unfit("a path that should be wrong is right")
    if desk.case.planner:
        think = say("replan", verdict=verdict) if verdict else say("have_planned", holes=len(holes))
        call = ToolCall("AStar", {"start": start, "goal": goal, "obstacles": holes})
        right = str((yield from desk.call("plan", think, call))["path"]).replace(",", "")
        think = say("draw_planned", path=",".join(right))
    else:
        think = _propose(desk, right, holes, verdict)
    if _judge(desk, (yield from desk.draw(start, right, think)), goal, holes):
        raise Unfit("a path that should be right is wrong")
    yield Move(say("path_is_right", gift=goal), answer=",".join(right))


def _wrong_path(desk: LakeDesk, lake: Lake, right: str, shown: list[str]) -> str:
    """A path that does not lead to the gift: the first one overlooks the holes where that fails, others slip."""
    start = [index * desk.reading.cell for index in reversed(lake.start)]

    def fails(path: str) -> bool:
        return stays(desk.reading, start, path) and not lake.simulate(path).reached_goal

    blind = Lake(tuple(row.replace("H", "F") for row in lake.rows)).shortest_plan() or ""
    return blind if not shown and fails(blind) else slips(desk.case.rng, right, shown, fails)


def _propose(desk: LakeDesk, path: str, holes: Points, verdict: str) -> str:
    shown = ",".join(path)
    if verdict:
        return desk.voice.say("retry_path", verdict=verdict, path=shown)
    return desk.voice.say("try_path", holes=len(holes), path=shown)


def _judge(desk: LakeDesk, drawn: Envelope, goal: list[int], holes: Points) -> str:
    """What is wrong with a drawn path, in words; empty if nothing is."""
    for point in points_of(drawn):
        if point in holes:
            return desk.voice.say("in_hole", point=point)
        if point == goal:
            return ""
    return desk.voice.say("off_goal", point=drawn["end_point"], gift=goal)


def _answer_by_sight(desk: LakeDesk, purpose: str) -> Move:
    start, goal = only(desk.reading.centres("S")), only(desk.reading.centres("G"))
    path = lake_of(desk.reading, start, goal, desk.reading.centres("H")).shortest_plan()
    if path is None:
        raise Unfit("the map has no path")
    moves = ",".join(path)
    think = f"{desk.voice.say(purpose, seen=desk.seen())} {desk.voice.say('seen_path', path=moves)}"
    return Move(think, answer=moves)
