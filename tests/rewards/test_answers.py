"""Answers by type: options, numbers and texts, with values computed by hand."""

from __future__ import annotations

import math
import sys
import time
from typing import Any, cast

import pytest

from adagym.errors import MissingExtra
from adagym.protocol import DIALECTS
from adagym.rewards import REWARDS
from adagym.rewards.accuracy import RULES, accuracy_reward
from adagym.rewards.choices import read_choice
from adagym.rewards.compose import ToolGRPO
from adagym.rewards.numbers import read_number
from adagym.rewards.wording import LONGEST, released_ocr_score
from adagym.types import AnswerType, Outcome, Step, Task, Trajectory

BOX = "[10, 10, 30, 20]"
OPTIONS = ("a cat", "the dog", "Plan B", "nothing", "nothing at all")


def make(kind: AnswerType, answer: str, choices: tuple[str, ...] = (), **meta: Any) -> Task:
    return Task("t/0", "f", "What?", answer=answer, answer_type=kind, choices=choices, meta=meta)


def play(task: Task, answer: str | None, outcome: Outcome = "answered") -> Trajectory:
    dialect = DIALECTS.load("adareasoner")
    texts = [] if answer is None else [dialect.write_answer(answer, "Done.")]
    steps = tuple(Step(text, dialect.parse(text), None, {"text": "", "images": ()}) for text in texts)
    return Trajectory("", {}, task, 0, "adareasoner", (), steps, outcome)


def rate(kind: str, gold: str, answer: str, choices: tuple[str, ...] = (), **meta: Any) -> float | None:
    found = RULES[kind](make(cast(AnswerType, kind), gold, choices, **meta), answer)
    return None if found is None else float(found)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("B", "B"),
        (" b. ", "B"),
        ("(b)", "B"),
        ("**B**", "B"),
        ("a", "A"),
        ("A, C", "AC"),
        ("C and A", "AC"),
        ("(A), (C), and (D)", "ACD"),
        ("A;B", "AB"),
        ("A,A", "AA"),
        ("the dog", "B"),
        ("The Dog.", "B"),
        ("Plan B", "C"),
        ("nothing", "D"),
        ("nothing at all", "E"),
        ("The correct answer is **B**.", "B"),
        ("the ANSWER IS: (c)", "C"),
        ("answer: option D", "D"),
        ("The answer is b.", "B"),
        ("The answer is A, C", "AC"),
        ("The answer is B. No, the answer is D.", "D"),
        ("B. the dog", "B"),
        ("D) a cat", "D"),
        ("I think it is B", "B"),
        ("option D", "D"),
        ("A is right", "A"),
        ("It shows a cat", "A"),
        ("A cat sits there", "A"),
    ],
)
def test_options_that_are_read(text: str, letters: str) -> None:
    assert read_choice(text, OPTIONS) == tuple(letters)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "F",
        "A, F",
        "AB",
        "A or B",
        "B because C is too small",
        "not B",
        "It isn't B",
        "B is wrong",
        "The answer is not B",
        "A bird",
        "I see a bird",
        "The answer is a bird",
        "The answer is Berlin",
        "it is nothing at all",
        "the dog and a cat",
        "the dog " + "runs and runs " * 20,
        "42",
    ],
)
def test_options_that_are_not_guessed(text: str) -> None:
    assert read_choice(text, OPTIONS) is None


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("B", "B", 1),
        ("B", "C", 0),
        ("B", "A, B", 0),
        ("A,B", "B, A", 1),
        ("A,B", "A,A", 0),
        ("A,B", "A", 0),
        ("A", "A,A", 0),
        ("the dog", "B", 1),
        ("B", "the dog", 1),
        ("B", "", 0),
        ("", "B", None),
        ("F", "F", None),
    ],
)
def test_multiple_choice(gold: str, answer: str, expected: float | None) -> None:
    assert rate("choice", gold, answer, OPTIONS) == expected


def test_options_may_carry_their_letters() -> None:
    labelled = ("A. red", "B. green", "(C) blue")
    assert [read_choice(text, labelled) for text in ("green", "B. green", "It is blue")] == [("B",), ("B",), ("C",)]
    assert read_choice("Q") == ("Q",)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        ("1,234", 1234),
        ("1,234,567.5", 1234567.5),
        ("42 %", 42),
        ("42\\%", 42),
        ("3.0", 3),
        (".5", 0.5),
        ("5.", 5),
        ("+7", 7),
        ("\N{MINUS SIGN}3", -3),
        ("-3/4", -0.75),
        ("\\frac{3}{4}", 0.75),
        ("-$5", -5),
        ("about 7 cm", 7),
        ("x = 3", 3),
        ("1e3", 1000),
        ("US$ 7", 7),
        ("5 \N{EURO SIGN}", 5),
        ("3.2 million dollars", 3200000),
        ("2 Thousand", 2000),
        ("5k", 5000),
        ("5M", 5000000),
        ("1.5bn", 1500000000),
        ("5 m", 5),
        ("300 K", 300),
        ("7 cm2", 7),
        ("1\N{NO-BREAK SPACE}234", 1234),
        ("1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567", 1234567),
        ("1'234.5", 1234.5),
        ("1.234.567,8", 1234567.8),
        ("1.234,56 \N{EURO SIGN}", 1234.56),
        ("1.234.567", None),
        ("12'34", None),
        ("", None),
        ("many", None),
        ("nan", None),
        ("inf", None),
        ("1/0", None),
        ("3 of 4", None),
        ("5-3", None),
        ("1,23", None),
        ("3.5.1", None),
        ("1 234", None),
        ("F16", None),
        ("9" * 500, None),
        ("1e999", None),
        ("42" + " " * 200, None),
    ],
)
def test_reading_numbers(text: str, number: float | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("3", "3.0", 1),
        ("1234", "1,234", 1),
        ("0.75", "3/4", 1),
        ("3", "3.0002", 1),
        ("3", "3.0004", 0),
        ("0", "0.0", 1),
        ("0", "0.00001", 0),
        ("42", "42%", 1),
        ("0.42", "42%", 1),
        ("42%", "0.42", 1),
        ("42%", "42", 1),
        ("42%", "42%", 1),
        ("42%", "4200%", 0),
        ("42", "4200", 0),
        ("-3", "3", 0),
        ("3", "3 or 4", 0),
        ("3", "2 windows and a door, so the answer is 3", 1),
        ("3", "The answer is 4. No, the answer is 3.", 1),
        ("3", "", 0),
        ("3.2 million", "3,200,000", 1),
        ("3.2 million", "3.2", 1),
        ("3200000", "$3.2M", 1),
        ("3.2", "3.2 million", 1),
        ("3.2 million", "3.2 billion", 0),
        ("5%", "5 thousand", 0),
        ("5 m", "500 cm", 1),
        ("5 m", "5", 1),
        ("5", "5 metres", 1),
        ("5 m", "5 cm", 0),
        ("5 m", "5 kg", 0),
        ("2 h", "120 minutes", 1),
        ("$5", "5 dollars", 1),
        ("$5", "\N{EURO SIGN}5", 0),
        ("$5", "500 cents", 1),
        ("5 widgets", "5 gadgets", 1),
        ("many", "3", None),
    ],
)
def test_numbers(gold: str, answer: str, expected: float | None) -> None:
    assert rate("number", gold, answer) == expected


def test_a_task_may_widen_the_tolerance() -> None:
    assert [rate("number", "100", answer, tolerance=0.05) for answer in ("104.9", "106")] == [1, 0]


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("10", "10", 1),
        ("10", "9", 0.9),
        ("10", "12.5", 0.75),
        ("-10", "-9", 0.9),
        ("10", "30", 0),
        ("10", "-10", 0),
        ("0", "0", 1),
        ("0", "0.1", 0),
        ("10", "no idea", 0),
        ("10", "The answer is 9.", 0.9),
        ("2 m", "190 cm", 0.95),
        ("2 m", "2 kg", 0),
        ("far", "10", None),
    ],
)
def test_regression(gold: str, answer: str, expected: float | None) -> None:
    assert rate("regression", gold, answer) == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("10", "10", 1.0),
        ("10", "10.4", 1.0),
        ("10", "10.5", 0.9),  # an error of 0.05 is not below 0.05
        ("20", "17", 0.7),  # 0.15 is below 0.20, 0.25, ..., 0.50
        ("10", "14", 0.2),
        ("10", "15", 0.0),
        ("10", "14.9", 0.1),
        ("10", "100", 0.0),
        ("0", "0", 1.0),
        ("0", "1", 0.0),
        ("10", "ten", 0.0),
        ("ten", "10", None),
    ],
)
def test_mean_relative_accuracy(gold: str, answer: str, expected: float | None) -> None:
    mra = REWARDS.load("mra")
    for kind in ("number", "regression"):
        task = make(kind, gold)
        assert mra(task, play(task, answer)) == expected
    assert mra(make("text", "10"), play(make("text", "10"), "10")) is None


@pytest.mark.parametrize(
    ("answer", "errors"),
    [
        ("stop sign ahead now", 0),
        ("  stop sign\nahead now ", 0),
        ("stop sign ahead", 1),
        ("stop sign right ahead now", 1),
        ("STOP sign ahead now", 1),
        ("sign ahead now stop", 2),
        ("one two three four five six", 6),
        ("", 4),
    ],
)
def test_transcriptions(answer: str, errors: int) -> None:
    assert rate("ocr", "stop sign ahead now", answer) == pytest.approx(max(0, 1 - errors / 4))
    assert released_ocr_score(make("ocr", "stop sign ahead now"), answer) == pytest.approx(math.exp(-errors / 4))


def test_free_form() -> None:
    gold = "the cats sat"
    assert rate("free_form", gold, "the\ncat sat") == 1  # the stem counts
    # ROUGE-1: 2 of 2 and 2 of 3, F1 0.8. ROUGE-2: 1 of 1 and 1 of 2, F1 2/3. ROUGE-L as ROUGE-1.
    assert rate("free_form", gold, "the cat") == pytest.approx((0.8 + 2 / 3 + 0.8) / 3)
    # The longest common subsequence of the reversed text is one word.
    assert rate("free_form", gold, "sat cats the") == pytest.approx((1 + 0 + 1 / 3) / 3)
    assert rate("free_form", gold, "a bird") == 0
    assert rate("free_form", gold, "") == 0


@pytest.mark.parametrize("kind", ["ocr", "free_form"])
def test_texts_without_a_reference_are_not_judged_and_endless_ones_are_wrong(kind: AnswerType) -> None:
    assert rate(kind, " ", "a") is None
    assert rate(kind, "a", "a " * (LONGEST + 1)) == 0


@pytest.mark.parametrize(
    "text",
    [
        "answer" + " " * 100_000,
        "answer is " * 20_000,
        "A," * 50_000,
        "answer " + "*" * 100_000 + "(",
        "_" * 200_000,
        "answer is " + ". " * 50_000,
        "<answer>" * 12_000,
        "<answer></response>" * 6_000,
        "\\boxed{" * 14_000,
        "[1, 2, " * 15_000,
        "1 " * 50_000,
        "\N{COMBINING ACUTE ACCENT}" * 100_000,
        "\ud800" * 100_000,
        "\N{NO-BREAK SPACE}1" * 50_000,
    ],
)
def test_reading_takes_time_in_proportion(text: str) -> None:
    began = time.perf_counter()
    for kind, gold in (
        ("choice", "B"),
        ("number", "5"),
        ("regression", "5"),
        ("text", "x"),
        ("anls", "x"),
        ("box", BOX),
    ):
        assert not rate(kind, gold, text, OPTIONS)
    assert time.perf_counter() - began < 2


def test_an_answer_in_part_right_counts_in_part() -> None:
    task = make("regression", "10")
    assert accuracy_reward(task, play(task, "9")) == pytest.approx(0.9)
    assert accuracy_reward(task, play(task, None, "truncated")) == 0
    assert accuracy_reward(task, play(task, "10", "infra_failure")) is None
    # 4 * 0.9; the full credit for tools is for an answer that is right.
    assert ToolGRPO()(task, play(task, "9")).total == pytest.approx(3.6)
    assert ToolGRPO()(task, play(task, "10")).total == 8


def test_a_reference_that_cannot_be_used_is_not_the_agents_fault() -> None:
    task = make("number", "many")
    assert accuracy_reward(task, play(task, "3")) is None
    assert accuracy_reward(task, play(task, None, "truncated")) is None


@pytest.mark.parametrize(("kind", "module"), [("ocr", "jiwer"), ("free_form", "rouge_score.rouge_scorer")])
def test_a_missing_package_is_named(kind: AnswerType, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from adagym.rewards import wording

    wording._rouge.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"adagym\[answers\]"):
        rate(kind, "a", "a b")
    wording._rouge.cache_clear()
