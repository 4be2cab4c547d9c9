"""Camera movements and the mean relative accuracy as types of answers, with values computed by hand."""

from __future__ import annotations

import time
from typing import Any

import pytest

from adagym.rewards import REWARDS
from adagym.rewards.accuracy import RULES, accuracy_reward
from adagym.rewards.moves import AXES, read_moves
from adagym.sampling import draw_answer
from adagym.types import AnswerType, Outcome, ParsedAction, Step, Task, Trajectory

GOLD = "move_right:0.3,rotate_left:20"


def make(kind: AnswerType, answer: str) -> Task:
    return Task("t/0", "f", "How?", answer=answer, answer_type=kind)


def rate(kind: AnswerType, gold: str, answer: str) -> float | None:
    found = RULES[kind](make(kind, gold), answer)
    return None if found is None else float(found)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (GOLD, 1.0),
        ("rotate_left:20, move_right:0.3", 1.0),
        ("move_right: 0.30 m and rotate_left: 20 degrees.", 1.0),
        ("The answer is move_right:0.3,rotate_left:20.", 1.0),
        ("MOVE_RIGHT=0.3;rotate_left=20°", 1.0),
        ("move_left:-0.3,rotate_right:-20", 1.0),
        ("move_right:0.1,move_right:0.2,rotate_left:20", 1.0),
        ("move_right:0.3,rotate_left:17", 0.85),  # 0.15 is below 0.20, ..., 0.50: 0.7
        ("move_right:0.27,rotate_left:20", 0.9),  # 0.1 is below 0.15, ..., 0.50: 0.8
        ("move_right:0.315,rotate_left:20", 0.95),  # 0.05 is not below 0.05: 0.9
        ("move_right:0.3", 0.5),
        ("move_right:0.3,rotate_left:0", 0.5),
        ("move_right:0.3,rotate_right:20", 0.5),
        ("move_right:0.3,rotate_left:20,move_up:0.1", 2 / 3),
        ("move_up:0.3,move_down:0.3,move_right:0.3,rotate_left:20", 1.0),  # up and down again
        ("move_up:0.3,move_forward:2", 0.0),
        ("move_right:3,rotate_left:90", 0.0),
        ("", 0.0),
        ("nothing", 0.0),
        ("move_right,rotate_left", 0.0),
        ("jump_right:0.3,rotate_left:20", 0.0),
        ("move_right:0.3,rotate_left:20,", 0.0),
        ("move_right:nan,rotate_left:inf", 0.0),
        ("move_right:1e5,rotate_left:20", 0.0),
        ("0.3 20", 0.0),
    ],
)
def test_moves(answer: str, expected: float) -> None:
    assert rate("moves", GOLD, answer) == pytest.approx(expected)


def test_an_answer_that_names_no_movement_gets_nothing_for_those_that_did_not_happen() -> None:
    assert rate("moves", "rotate_up:5", "move_right:0") == 0
    assert rate("moves", "rotate_up:5", "rotate_up:5,move_right:0") == 1


@pytest.mark.parametrize("gold", ["", "left", "move_right:0", "move_right"])
def test_a_reference_without_movement_is_not_judged(gold: str) -> None:
    assert rate("moves", gold, GOLD) is None


def test_every_move_has_an_opposite() -> None:
    for axis in {axis for axis, _ in AXES.values()}:
        assert sorted(sense for other, sense in AXES.values() if other == axis) == [-1, 1]
    both = read_moves(",".join(f"{name}:1" for name in AXES))
    assert both == {}


@pytest.mark.parametrize("text", ["move_right:" * 50_000, "move_right:0.3," * 20_000, ":" * 200_000, "9" * 200_000])
def test_reading_moves_takes_time_in_proportion(text: str) -> None:
    began = time.perf_counter()
    assert rate("moves", GOLD, text) == 0
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("20", "20", 1.0),
        ("20", "The answer is 17.", 0.7),  # 0.15 is below 0.20, ..., 0.50
        ("20", "19", 0.9),  # 0.05 is not below 0.05
        ("20", "10", 0.0),  # nor 0.50 below 0.50
        ("20", "10.2", 0.1),
        ("2 m", "190 cm", 0.9),
        ("0", "0", 1.0),
        ("0", "0.1", 0.0),
        ("20", "", 0.0),
        ("20", "17 or 20", 0.0),
        ("20", "9" * 5000, 0.0),
        ("many", "3", None),
    ],
)
def test_the_mean_relative_accuracy_is_a_type_of_answers(gold: str, answer: str, expected: float | None) -> None:
    assert rate("mra", gold, answer) == expected
    task = make("mra", gold)
    assert accuracy_reward(task, play(answer)) == REWARDS.load("mra")(task, play(answer)) == expected


def test_what_was_not_answered_or_could_not_be() -> None:
    for kind, gold in (("mra", "20"), ("moves", GOLD)):
        task = make(kind, gold)
        assert accuracy_reward(task, play(None, "truncated")) == 0
        assert accuracy_reward(task, play(gold, "infra_failure")) is None


def test_answers_can_be_drawn() -> None:
    import numpy as np

    rng: Any = np.random.default_rng(0)
    for _ in range(50):
        assert rate("moves", GOLD, draw_answer(rng, make("moves", GOLD))) is not None
        assert len(read_moves(draw_answer(rng, make("moves", GOLD))) or ()) == 2
        assert draw_answer(rng, make("mra", "5")).isdigit()


def play(answer: str | None, outcome: Outcome = "answered") -> Trajectory:
    steps = () if answer is None else (step(answer),)
    return Trajectory("", {}, make("text", ""), 0, "adareasoner", (), steps, outcome)


def step(answer: str) -> Step:
    return Step(answer, ParsedAction(answer, answer=answer), None, {"text": "", "images": ()})
