"""The adaptive reward of AdaTooler-V: golden values of the released formula, its properties and its switches."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.rewards import load_preset, score
from adagym.rewards.benefit import AT_GRPO, ATGRPO, benefit_term, check_benefit
from adagym.types import AnswerType, Outcome, Step, Task, ToolResult, Trajectory

CALL = '<think>Look.</think><tool_call>{"name": "Point", "parameters": {}}</tool_call>'

GOLDEN = [0.1353, 0.2494, 0.4111, 0.6065, 0.8007, 0.9460, 1.0, 0.9460, 0.8007]
"""``exp(-2 ((n - 6) / 6)^2)`` for n = 0, 1, ..., 8."""
WEIGHTED = [0.0812, 0.1496, 0.2467, 0.3639, 0.4804, 0.5676, 0.6, 0.5676, 0.4804]
"""The same times 0.6."""


def task_of(benefit: float | None, answer: str = "Yes", answer_type: AnswerType = "yes_no") -> Task:
    return Task("t/0", "f", "Safe?", answer=answer, answer_type=answer_type, tool_benefit=benefit)


def play(
    task: Task, answer: str | None, good: int = 0, bad: int = 0, form: bool = True, outcome: Outcome = "answered"
) -> Trajectory:
    """An episode of so many calls that succeed and that fail, and perhaps an answer."""
    dialect = DIALECTS.load("adareasoner")
    steps = []
    for status in ("success",) * good + ("failed",) * bad:
        result = ToolResult("Point", "success" if status == "success" else "failed")
        steps.append(Step(CALL, dialect.parse(CALL), result, {"text": "", "images": ()}))
    if answer is not None:
        text = dialect.write_answer(answer, "Done.") + ("" if form else " And more.")
        steps.append(Step(text, dialect.parse(text), None, {"text": "", "images": ()}))
        assert steps[-1].parsed.format_ok is form
    return Trajectory("", {}, task, 0, "adareasoner", (), tuple(steps), outcome)


@pytest.mark.parametrize("calls", range(9))
def test_golden_values(calls: int) -> None:
    assert benefit_term(1.0, calls) == pytest.approx(GOLDEN[calls], abs=5e-5)
    for benefit in (1.0, -1.0, 0.25, 0.0):
        task = task_of(benefit)
        right, wrong = (AT_GRPO(task, play(task, answer, good=calls)) for answer in ("Yes", "No"))
        assert right.total == pytest.approx(1 + WEIGHTED[calls] * benefit, abs=5e-5)
        assert wrong.total == pytest.approx(WEIGHTED[calls] * benefit, abs=5e-5)
        assert right.parts["benefit"] == pytest.approx(GOLDEN[calls] * benefit, abs=5e-5)


@given(st.floats(-1, 1), st.integers(0, 40), st.integers(1, 12), st.floats(0, 5))
def test_the_sign_follows_the_benefit_and_the_peak_is_at_n_max(
    benefit: float, calls: int, n_max: int, gamma: float
) -> None:
    term = benefit_term(benefit, calls, gamma, n_max)
    assert math.copysign(1, term) == math.copysign(1, benefit)
    assert abs(term) <= abs(benefit_term(benefit, n_max, gamma, n_max)) == abs(benefit)
    if calls <= 2 * n_max:
        assert term == pytest.approx(benefit_term(benefit, 2 * n_max - calls, gamma, n_max))


@given(st.floats(-1, 1), st.integers(1, 12), st.floats(0, 5))
def test_anchored_at_zero_no_call_earns_nothing(benefit: float, n_max: int, gamma: float) -> None:
    assert benefit_term(benefit, 0, gamma, n_max, zero_anchored=True) == 0
    lift = benefit_term(benefit, n_max, gamma, n_max) - benefit_term(benefit, n_max, gamma, n_max, zero_anchored=True)
    assert lift == pytest.approx(benefit * math.exp(-gamma))


def test_the_anchor_shifts_every_total_of_a_task_by_the_same() -> None:
    task, anchored = task_of(0.5), ATGRPO(zero_anchored=True)
    shifts = {
        round((AT_GRPO(task, played).total or 0) - (anchored(task, played).total or 0), 12)
        for played in (play(task, answer, good=calls) for answer in ("Yes", "No") for calls in range(9))
    }
    assert shifts == {round(0.6 * 0.5 * math.exp(-2), 12)}


def test_only_successful_calls_count() -> None:
    task = task_of(1.0)
    assert AT_GRPO(task, play(task, "Yes", good=2, bad=3)).total == AT_GRPO(task, play(task, "Yes", good=2)).total


def test_bad_form_costs_the_accuracy_and_only_if_gated_the_benefit() -> None:
    task = task_of(1.0)
    played = play(task, "Yes", good=6, form=False)
    assert AT_GRPO(task, played).total == pytest.approx(0.6)
    assert ATGRPO(gated=True)(task, played).total == 0
    assert AT_GRPO(task, played).parts == {"format": 0, "tool": 1, "accuracy": 1, "benefit": 1}
    well_formed = play(task, "Yes", good=6)
    assert ATGRPO(gated=True)(task, well_formed) == AT_GRPO(task, well_formed)


def test_an_episode_without_an_answer_earns_the_term_alone() -> None:
    task = task_of(-1.0)
    assert AT_GRPO(task, play(task, None, good=6, outcome="truncated")).total == pytest.approx(-0.6)


def test_a_task_without_a_score_is_judged_by_its_accuracy() -> None:
    task = task_of(None)
    found = AT_GRPO(task, play(task, "Yes", good=6))
    assert (found.total, found.parts["benefit"]) == (1.0, None)


def test_what_infrastructure_broke_is_not_scored() -> None:
    task = task_of(1.0)
    found = AT_GRPO(task, replace(play(task, "Yes", good=1), outcome="infra_failure"))
    assert (found.total, set(found.parts.values())) == (None, {None})


def test_the_options_of_the_preset() -> None:
    assert load_preset("at_grpo") == ATGRPO(0.6, 2.0, 6, False, False, "linear")
    spec = "at_grpo:alpha=1, gamma=3,n_max=4,zero_anchored=true,gated=true,ocr=exp"
    assert load_preset(spec) == ATGRPO(1.0, 3.0, 4, True, True, "exp")
    task = task_of(1.0)
    assert score("at_grpo:alpha=1", task, play(task, "No", good=6)).total == 1
    assert score("at_grpo:n_max=2", task, play(task, "No", good=2)).total == pytest.approx(0.6)


@pytest.mark.parametrize("option", ["gamma=-1", "n_max=0", "ocr=word"])
def test_options_out_of_range_are_refused(option: str) -> None:
    with pytest.raises(UsageError, match="gamma of at least 0, n_max of at least 1, and ocr linear or exp"):
        load_preset(f"at_grpo:{option}")


def test_transcriptions_as_released() -> None:
    task = task_of(0.0, "stop sign ahead now", "ocr")
    played = play(task, "stop sign ahead")
    assert score("at_grpo", task, played).total == pytest.approx(0.75)
    assert score("at_grpo:ocr=exp", task, played).total == pytest.approx(math.exp(-0.25))


def test_training_without_any_score_is_refused() -> None:
    scored, bare = task_of(0.5), task_of(None)
    with pytest.raises(UsageError, match=r"adagym benefit.*scored:DIR"):
        check_benefit("at_grpo:alpha=1", [bare] * 100)
    check_benefit("at_grpo", [bare, scored])
    check_benefit("tool_grpo", [bare])
    check_benefit(None, [bare])
