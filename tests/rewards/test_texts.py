"""Normalised texts and ANLS, by hand and against a plain table of edit distances."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.rewards.accuracy import RULES
from adagym.rewards.texts import LONGEST, edit_distance, normalised
from adagym.types import AnswerType, Task


def rate(kind: AnswerType, gold: str, answer: str, **meta: Any) -> float | bool | None:
    return RULES[kind](Task("t/0", "f", "What?", answer=gold, answer_type=kind, meta=meta), answer)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The  Dog!", "dog"),
        ("a dog's an the life", "dog's life"),
        (
            "\N{LEFT DOUBLE QUOTATION MARK}Hello,\N{RIGHT DOUBLE QUOTATION MARK} World\N{HORIZONTAL ELLIPSIS}",
            "hello world",
        ),
        ("caf\u0065\u0301", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}\N{FULLWIDTH LATIN CAPITAL LETTER B}", "ab"),
        ("Stra\N{LATIN SMALL LETTER SHARP S}e", "strasse"),
        ("well-known New\N{EN DASH}York", "well known new york"),
        ("-3", "-3"),
        ("(.5)", ".5"),
        ("3.50.", "3.50"),
        ("3-5", "3-5"),
        ("C++", "c++"),
        ("42%", "42%"),
        ("a@b.com", "a@b.com"),
        ("the", "the"),
        ("A", "a"),
        ("?!", "?!"),
        ("", ""),
    ],
)
def test_what_is_left_of_a_text(text: str, plain: str) -> None:
    assert normalised(text) == plain


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("The White House", "white house.", True),
        ("white house", "The answer is the White House.", True),
        ("white house", "\\boxed{White House}", True),
        ("white house", "white houses", False),
        ("white house", "the house", False),
        ("-3", "3", False),
        ("a", "the", False),
        ("nan", "NaN", True),
        ("x", "", False),
        ("?", "!", False),
        ("", "x", None),
        (" ", "", None),
    ],
)
def test_texts(gold: str, answer: str, expected: bool | None) -> None:
    assert rate("text", gold, answer) is expected


def test_other_accepted_answers() -> None:
    assert rate("text", "car", "an automobile", answers=["automobile", "vehicle"]) is True
    assert rate("text", "", "vehicle", answers=["automobile", "vehicle"]) is True
    assert rate("anls", "car", "vehicles", answers=["automobile", "vehicle"]) == 1 - 1 / 8


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("Paris", "paris", 1.0),
        ("Paris", " PARIS ", 1.0),
        ("Paris", "Pariss", 1 - 1 / 6),
        ("Paris", "Par is", 1 - 1 / 6),
        ("Paris", "The answer is Parix.", 0.8),
        ("My answer is no", "My answer is no", 1.0),
        ("kitten", "sitting", 1 - 3 / 7),
        ("abcd", "abxy", 0.0),  # a distance of 2 of 4 is not below 0.5
        ("abcde", "abcxy", 0.6),
        ("Paris", "London", 0.0),
        ("Paris", "", 0.0),
        ("a", "b", 0.0),
        ("\N{GRINNING FACE}\N{CAT FACE}\N{DOG FACE}", "\N{GRINNING FACE}\N{CAT FACE}x", 1 - 1 / 3),
        ("", "x", None),
    ],
)
def test_anls(gold: str, answer: str, expected: float | None) -> None:
    assert rate("anls", gold, answer) == (None if expected is None else pytest.approx(expected))


def table(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


@given(st.text("abc", max_size=12) | st.text(max_size=8), st.text("abc", max_size=12) | st.text(max_size=8))
def test_edit_distances_are_those_of_the_table(left: str, right: str) -> None:
    assert edit_distance(left, right) == table(left, right) == edit_distance(right, left)


def test_long_answers_are_quick_and_endless_ones_score_nothing() -> None:
    gold = "ab" * (LONGEST // 2)
    began = time.perf_counter()
    assert rate("anls", gold, "b" + gold[:-1]) == pytest.approx(1 - 2 / LONGEST)
    assert rate("anls", gold + "c", gold + "d") == 0
    assert rate("anls", gold + "c", gold + "C") == 1
    assert rate("anls", "Paris", "x" * 100_000) == 0
    assert time.perf_counter() - began < 4
