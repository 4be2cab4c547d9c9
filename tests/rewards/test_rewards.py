"""Golden values of the rewards, from the reference code's recorded outputs and by hand."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from adagym.errors import UnknownName
from adagym.protocol import DIALECTS
from adagym.rewards import PRESETS, REWARDS, score
from adagym.rewards.accuracy import arrives, plan_cap, read_plan
from adagym.rewards.compose import ToolGRPO
from adagym.rewards.format import released_format
from adagym.rewards.tool import call_score, mean_without_tail, released_call_score
from adagym.types import AnswerType, CallCheck, Outcome, Step, Task, ToolResult, Trajectory

ASTAR = ("start", "goal", "obstacles")
ASTAR_ALL = (*ASTAR, "cell_size")
POINT = ("image", "description")

MAP = ("SFF", "HHF", "FGF")
"""The only way is R,R,D,D,L."""


def make_task(answer_type: AnswerType = "plan", answer: str = "", **meta: Any) -> Task:
    return Task("t/0", "vsp_navigation", "Go.", answer=answer, answer_type=answer_type, meta=meta or {"rows": MAP})


def astar(given: Sequence[str] = ASTAR, valid: Sequence[str] | None = None, known: bool = True) -> CallCheck:
    return CallCheck(known, tuple(given), ASTAR, ASTAR_ALL, tuple(given if valid is None else valid))


def point(given: Sequence[str] = POINT, valid: Sequence[str] | None = None) -> CallCheck:
    return CallCheck(True, tuple(given), POINT, POINT, tuple(given if valid is None else valid), online=True)


def call_text(name: str = "AStar", think: str = "Plan.") -> str:
    return f'<think>{think}</think><tool_call>{{"name": "{name}", "parameters": {{}}}}</tool_call>'


def play(task: Task, turns: Sequence[CallCheck | str], outcome: Outcome = "answered") -> Trajectory:
    """An episode of calls (given by their checks) and other texts (given as they are)."""
    dialect = DIALECTS.load("adareasoner")
    steps = []
    for turn in turns:
        text = turn if isinstance(turn, str) else call_text()
        result = None if isinstance(turn, str) else ToolResult("AStar", "success", check=turn)
        parsed = dialect.parse(text)
        if parsed.call is None:
            result = None
        steps.append(Step(text, parsed, result, {"text": "", "images": ()}))
    return Trajectory("", {}, task, 0, "adareasoner", (), tuple(steps), outcome)


def answer(text: str) -> str:
    return f"<think>Done.</think><response>\\boxed{{{text}}}</response>"


RIGHT, WRONG = answer("R,R,D,D,L"), answer("D")


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (astar(), 4.0),
        (astar([*ASTAR, "cell_size"]), 4.0),
        (astar(known=False), 1.0),
        (astar(["start", "goal"]), 2 + 2 / 3),
        (astar([]), 2.0),
        (astar([*ASTAR, "speed"]), 2 + 3 / 4),
        (astar(["start", "target", "obstacles"]), 2 + 2 / 4),
        (astar(valid=["goal", "obstacles"]), 3 + 2 / 3),
        (astar(valid=[]), 3.0),
        (astar(ASTAR_ALL, valid=ASTAR), 3 + 3 / 4),
        (point(["image"]), 2.5),
        (point(valid=["image"]), 3.5),
        (CallCheck(known=True), 4.0),
    ],
)
def test_call_score_follows_equations_7_and_8(check: CallCheck, expected: float) -> None:
    assert call_score(check) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (astar(), 4.0),
        (astar(["start", "goal"]), 2 + 2 / 3),
        (astar(valid=["goal", "obstacles"]), 3.0),
        (astar([*ASTAR, "speed"], valid=ASTAR), 4.0),
        (astar(ASTAR_ALL, valid=ASTAR), 3.0),
        (astar(known=False), 1.0),
        (point(), 4.0),
        (point([*POINT, "speed"], valid=POINT), 2 + 2 / 3),
        (point(["image"]), 2.5),
        (point(valid=["image"]), 3.5),
        (point(valid=["description"]), 3.0),
        (point(valid=[]), 3.0),
    ],
)
def test_call_score_of_the_released_code(check: CallCheck, expected: float) -> None:
    assert released_call_score(check) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([4, 4, 0], 4), ([4, 0, 4, 0], 8 / 3), ([0], 0), ([1, 0], 1), ([0, 4], 2), ([], 0)],
)
def test_mean_of_the_released_code(scores: list[float], expected: float) -> None:
    assert mean_without_tail(scores) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (("<think>a</think><response>b</response>",), True),
        (("<response>b</response><think>a</think>",), True),
        (("</think>x<think><response>b</response>",), True),
        (("<think>a</think><response></response>",), True),
        (("<think>a</think><tool_call>{}</tool_call><response>b</response>",), False),
        (("<think>a</think><tool_call>{}</tool_call>", "<think>a</think><response>b</response>"), True),
        (("<think>a</think><tool_call>{}</tool_call>",), False),
        (("<response>b</response>",), False),
        (("<think>a</think><response>b",), False),
        ((), False),
    ],
)
def test_format_of_the_released_code(actions: tuple[str, ...], expected: bool) -> None:
    assert released_format(actions, "response") is expected


BAD_TURN = "<think>Plan.</think><tool_call>{bad}</tool_call>"

BACKWARDS = "<response>\\boxed{R,R,D,D,L}</response><think>Done.</think>"

EPISODES: list[tuple[str, list[CallCheck | str], Outcome, float, float, float, float, float]] = [
    # name, turns, outcome, format, tool, accuracy, total of tool_grpo, total of adareasoner_code
    ("right without tools", [RIGHT], "answered", 1, 0, 1, 8, 8),
    ("right with good tools", [point(), astar(), RIGHT], "answered", 1, 4, 1, 8, 8),
    ("right with bad tools", [astar([]), RIGHT], "answered", 1, 2, 1, 8, 8),
    ("wrong without tools", [WRONG], "answered", 1, 0, 0, 0, 0),
    ("wrong with good tools", [point(), astar(), WRONG], "answered", 1, 4, 0, 4, 4),
    ("wrong, half good", [point(), astar([]), WRONG], "answered", 1, 3, 0, 3, 3),
    ("wrong, missing obstacles", [astar(["start", "goal"]), WRONG], "answered", 1, 8 / 3, 0, 8 / 3, 8 / 3),
    ("a bad turn, then right", [BAD_TURN, RIGHT], "answered", 0, 0, 1, 0, 8),
    ("a bad turn, then wrong", [point(), BAD_TURN, astar(), WRONG], "answered", 0, 8 / 3, 0, 0, 8 / 3),
    ("prose, then right", ["Hm.", RIGHT], "answered", 0, 0, 1, 0, 8),
    ("never answered", [point(), astar()], "truncated", 0, 4, 0, 0, 0),
    ("answer before the thought", [BACKWARDS], "answered", 0, 0, 1, 0, 8),
]


@pytest.mark.parametrize("episode", EPISODES, ids=[episode[0] for episode in EPISODES])
def test_presets(episode: tuple[str, list[CallCheck | str], Outcome, float, float, float, float, float]) -> None:
    _, turns, outcome, form, tool, right, total, released = episode
    task = make_task()
    trajectory = play(task, turns, outcome)
    equations = score("tool_grpo", task, trajectory)
    assert equations.parts == pytest.approx({"format": form, "tool": tool, "accuracy": right})
    assert equations.total == pytest.approx(total)
    assert score("adareasoner_code", task, trajectory).total == pytest.approx(released)
    assert score("accuracy", task, trajectory).total == right


@pytest.mark.parametrize(
    ("preset", "turns", "expected"),
    [
        (ToolGRPO(lambda_tool=0), [astar(), RIGHT], 4),
        (ToolGRPO(lambda_tool=2), [astar(), WRONG], 8),
        (ToolGRPO(lambda_acc=2), [astar(), RIGHT], 12),
        (ToolGRPO(adaptive=False), [RIGHT], 4),
        (ToolGRPO(adaptive=False), [astar([]), RIGHT], 6),
    ],
)
def test_weights(preset: ToolGRPO, turns: list[CallCheck | str], expected: float) -> None:
    task = make_task()
    assert preset(task, play(task, turns)).total == pytest.approx(expected)


@pytest.mark.parametrize("preset", PRESETS.names())
def test_an_infrastructure_failure_is_never_scored(preset: str) -> None:
    task = make_task()
    trajectory = replace(play(task, [point(), RIGHT]), outcome="infra_failure")
    found = score(preset, task, trajectory)
    assert found.total is None
    assert set(found.parts.values()) == {None}


@pytest.mark.parametrize("preset", PRESETS.names())
def test_a_task_without_a_usable_reference_is_not_scored(preset: str) -> None:
    task = make_task("box", "over there")
    assert score(preset, task, play(task, [RIGHT])).total is None


def test_an_unknown_preset_is_refused() -> None:
    task = make_task()
    with pytest.raises(UnknownName, match="Did you mean `tool_grpo`"):
        score("tool_gpro", task, play(task, [RIGHT]))


@pytest.mark.parametrize("name", REWARDS.names())
def test_rewards_are_pure_and_picklable(name: str) -> None:
    reward = REWARDS.load(name)
    task = make_task()
    trajectory = play(task, [point(), RIGHT])
    assert reward(task, trajectory) == pickle.loads(pickle.dumps(reward))(task, trajectory) == reward(task, trajectory)


@pytest.mark.parametrize("name", PRESETS.names())
def test_presets_are_picklable(name: str) -> None:
    preset = PRESETS.load(name)
    task = make_task()
    assert pickle.loads(pickle.dumps(preset))(task, play(task, [RIGHT])) == preset(task, play(task, [RIGHT]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R,R,D", "RRD"),
        ("R, R, D", "RRD"),
        ("RRD", "RRD"),
        ("R R D", "RRD"),
        ("r,d", "RD"),
        (" L\n", "L"),
        ("R,,D,", "RD"),
        ("", None),
        (",", None),
        ("up", None),
        ("right, down", None),
        ("Turn: R,R", None),
        ("The answer is unclear", None),
        ("R,X", None),
        ("R;D", None),
        ("[R, D]", None),
        ("R,D." * 2, None),
    ],
)
def test_reading_plans(text: str, expected: str | None) -> None:
    assert read_plan(text) == expected


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("RRDDL", True),
        ("URRDDL", True),  # off the top edge: no effect
        ("LLLRRDDL", True),
        ("RRDDLUUU", True),  # what follows the goal is ignored
        ("RLRRDDL", True),
        ("RRDD", False),
        ("D", False),
        ("DRRDDL", False),  # a hole ends the walk
        ("RRDDRDL", True),
    ],
)
def test_walking(plan: str, expected: bool) -> None:
    assert arrives(MAP, plan) is expected


def test_the_cap_on_plans() -> None:
    task = make_task()
    assert plan_cap(task) == 12
    for length, expected in [(12, 1.0), (13, 0.0)]:
        plan = "U" * (length - 5) + "RRDDL"
        assert score("accuracy", task, play(task, [answer(plan)])).total == expected
    assert plan_cap(make_task(rows=MAP, shortest=15)) == 15


@pytest.mark.parametrize(
    ("gold", "given", "expected"),
    [
        ("Yes", "Yes", 1),
        ("Yes", "yes", 1),
        ("Yes", "YES.", 1),
        ("No", " no ", 1),
        ("No", "Yes", 0),
        ("No", "Unknown", 0),
        ("No", "not", 0),
        ("No", "nothing", 0),
        ("Yes", "not yes", 0),
        ("Yes", "Yes and no", 0),
        ("Yes", "Y", 0),
    ],
)
def test_yes_and_no(gold: str, given: str, expected: float) -> None:
    task = make_task("yes_no", gold)
    assert score("accuracy", task, play(task, [answer(given)])).total == expected


def test_text_is_compared_up_to_case_and_space() -> None:
    task = make_task("text", "Ice  Hole")
    assert score("accuracy", task, play(task, [answer("ice hole")])).total == 1
    assert score("accuracy", task, play(task, [answer("ice holes")])).total == 0


def test_other_dialects_are_judged_by_their_own_tags() -> None:
    task = make_task("yes_no", "Yes")
    for name, expected in [("adatooler", 8.0), ("hermes", 8.0), ("openai", 8.0)]:
        dialect = DIALECTS.load(name)
        text = dialect.write_answer("Yes", "Look.")
        step = Step(text, dialect.parse(text), None, {"text": "", "images": ()})
        trajectory = Trajectory("", {}, task, 0, name, (), (step,), "answered")
        assert score("adareasoner_code", task, trajectory).total == expected
        assert score("tool_grpo", task, trajectory).total == expected
