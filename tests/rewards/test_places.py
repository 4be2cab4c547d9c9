"""Answers that are boxes or points."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.rewards.accuracy import RULES
from adagym.rewards.boxes import overlap, read_place
from adagym.types import Task


def rate(gold: str, answer: str, **meta: Any) -> float | bool | None:
    return RULES["box"](Task("t/0", "f", "Where?", answer=gold, answer_type="box", meta=meta), answer)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[10, 20, 30, 40]", (10, 20, 30, 40)),
        ("(10,20,30,40)", (10, 20, 30, 40)),
        ("10, 20, 30, 40", (10, 20, 30, 40)),
        ("10 20 30 40", (10, 20, 30, 40)),
        ("<box>10 20 30 40</box>", (10, 20, 30, 40)),
        ("\\boxed{[10, 20, 30, 40]}", (10, 20, 30, 40)),
        ("Button 2 is at [10, 20, 30, 40].", (10, 20, 30, 40)),
        ("[10, 20, 30, 40], that is [10, 20, 30, 40]", (10, 20, 30, 40)),
        ('[{"bbox_2d": [10, 20, 30, 40], "label": "x"}]', (10, 20, 30, 40)),
        ("[1.5, -2, +3., 4]", (1.5, -2, 3, 4)),
        ("(7, 8)", (7, 8)),
        ("Click (7, 8).", (7, 8)),
        ("7, 8", (7, 8)),
        ("[1, 2, 3]", None),
        ("[1, 2, 3, 4, 5]", None),
        ("[1, 2] and [3, 4]", None),
        ("[1, 2, 3, 4] or [1, 2, 3, 5]", None),
        ("[nan, 1, 2, 3]", None),
        ("[inf, 1, 2, 3]", None),
        ("[1e9, 1, 2, 3]", None),
        ("[" + "9" * 400 + ", 1, 2, 3]", None),
        ("at 7, 8", None),
        ("7", None),
        ("", None),
        ("here", None),
    ],
)
def test_places_as_they_are_written(text: str, place: tuple[float, ...] | None) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize(
    ("left", "right", "share"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1),
        ((0, 0, 10, 10), (5, 0, 15, 10), 50 / 150),
        ((0, 0, 10, 10), (0, 0, 10, 5), 0.5),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0),
        ((0, 0, 10, 10), (20, 20, 30, 30), 0),
        ((2, 2, 4, 4), (0, 0, 10, 10), 4 / 100),
        ((5, 5, 1, 1), (0, 0, 10, 10), 0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0),
    ],
)
def test_overlaps(left: tuple[float, ...], right: tuple[float, ...], share: float) -> None:
    assert overlap(left, right) == overlap(right, left) == pytest.approx(share)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("[10, 10, 30, 20]", True),
        ("[10, 10, 30, 15]", True),  # half of it: an overlap of exactly 0.5
        ("[10, 10, 29, 15]", False),
        ("[10, 10, 50, 20]", True),  # twice as large
        ("[10, 10, 51, 20]", False),
        ("[30, 20, 10, 10]", False),
        ("[15, 15]", True),
        ("(10, 10)", True),
        ("(30, 15)", False),  # x2 is not part of the box
        ("(15, 20)", False),
        ("(9.9, 15)", False),
        ("no idea", False),
        ("", False),
    ],
)
def test_answers(answer: str, right: bool) -> None:
    assert rate("[10, 10, 30, 20]", answer) is right


def test_a_task_may_ask_for_more_overlap() -> None:
    assert rate("[10, 10, 30, 20]", "[10, 10, 30, 15]", iou=0.75) is False
    assert rate("[10, 10, 30, 20]", "[10, 10, 30, 18]", iou=0.75) is True


@pytest.mark.parametrize("gold", ["", "over there", "[1, 2]", "[1, 2, 3]", "[5, 5, 5, 9]", "[9, 9, 1, 1]"])
def test_a_reference_that_is_no_box_is_not_judged(gold: str) -> None:
    assert rate(gold, "[1, 2, 3, 4]") is None


@given(st.text("0123456789.,[]()<>+- ebox", max_size=40) | st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    assert rate("[10, 10, 30, 20]", text) in (True, False)
