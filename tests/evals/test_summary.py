from __future__ import annotations

from dataclasses import replace

import pytest

from adagym.errors import ErrorCode
from adagym.evals.summary import EpisodeFacts, found_nothing, repeat_figures, summarise
from adagym.evals.table import rows
from adagym.types import ToolResult

RIGHT = EpisodeFacts(
    "source/s4",
    False,
    1.0,
    8.0,
    3,
    3,
    ("Point", "AStar"),
    2,
    id="source/s4/1",
    valid=2,
    successes=("Point", "AStar"),
    empty=("Point",),
)
WRONG = EpisodeFacts(
    "source/s8",
    False,
    0.0,
    2.0,
    5,
    3,
    ("Point", "Point"),
    1,
    id="source/s8/1",
    outcome="truncated",
    valid=1,
    successes=("Point",),
)
VOID = EpisodeFacts(
    "source/s8", True, None, None, 2, 0, ("Point",), 0, id="source/s8/2", outcome="infra_failure", failure="timeout"
)


def test_hand_computed_summary() -> None:
    summary = summarise([RIGHT, WRONG, VOID])
    assert summary["n"] == 3
    assert summary["infra_failures"] == 1
    assert summary["infra_kinds"] == {"timeout": 1}
    assert summary["accuracy"] == 0.5
    # Wilson, 1 of 2, z = 1.96: centre 0.5, half = 1.96 / 2.9208 * sqrt(0.125 + 0.2401) = 0.405470
    assert summary["accuracy_ci95"] == pytest.approx([0.094530, 0.905470], abs=2e-6)
    assert summary["accuracy_interval"] == "wilson"
    assert summary["turns"] == 4.0
    assert summary["calls_per_sample"] == 2.0
    assert summary["valid_calls_per_sample"] == 1.5
    assert summary["calls_by_tool"] == {"AStar": 0.5, "Point": 1.5}
    assert summary["call_success_rate"] == 0.75
    assert summary["success_by_tool"] == {"AStar": 1.0, "Point": pytest.approx(2 / 3)}
    assert summary["empty_results"] == {"Point": 1}
    assert summary["format_rate"] == 0.75
    assert (summary["answered"], summary["truncated"]) == (0.5, 0.5)
    assert summary["reward_mean"] == 5.0
    assert {name: group["accuracy"] for name, group in summary["by_group"].items()} == {
        "source/s4": 1.0,
        "source/s8": 0.0,
    }
    assert summary["by_group"]["source/s8"]["n"] == 1
    assert "repeats" not in summary
    assert dict(rows(summary))["calls of Point"] == "1.500, 0.667 succeeded, 1 found nothing"


def test_order_does_not_matter() -> None:
    episodes = [
        replace(RIGHT, reward=value, right=right, id=f"source/s4/{value}", seed=place)
        for place, (value, right) in enumerate(((0.1, 0.3), (0.2, 0.1), (0.3, 1.0), (1e16, 0.7)))
    ] + [WRONG, VOID]
    assert summarise(episodes) == summarise(episodes[::-1])


def test_nothing_scored_gives_none_not_zero() -> None:
    summary = summarise([VOID, replace(VOID, failed=False, turns=0, calls=())])
    assert summary["accuracy"] is None
    assert summary["accuracy_ci95"] is None
    assert summary["reward_mean"] is None
    assert summary["call_success_rate"] is None
    assert dict(rows(summary))["accuracy"] == "-  n=2"


def test_graded_answers_have_a_bootstrap_interval() -> None:
    graded = [replace(RIGHT, right=0.5, id="a"), replace(RIGHT, id="b")]
    summary = summarise(graded)
    assert summary["accuracy"] == 0.75
    assert summary["accuracy_interval"] == "bootstrap"
    assert summary["accuracy_ci95"] == [0.5, 1.0]  # both draws alike happen in a quarter of the samples each
    one = summarise(graded[:1])
    assert (one["accuracy_ci95"], one["accuracy_interval"]) == (None, None)


def test_repeats_give_avg_and_unbiased_pass() -> None:
    played = [
        replace(RIGHT, id=task, seed=seed, right=right)
        for task, rights in (("a", (1, 0, 0, 0)), ("b", (1, 1, 0.5, 0)), ("c", (0, 0)))
        for seed, right in enumerate(rights)
    ]
    figures = repeat_figures([*played, replace(VOID, id="c", seed=2)])
    assert (figures["k"], figures["tasks"]) == (4, 3)
    assert figures["avg"] == pytest.approx((0.25 + 0.625 + 0) / 3)
    # pass@2: 1 - C(3,2)/C(4,2) = 1/2 for a, 1 - C(2,2)/C(4,2) = 5/6 for b, 0 for c; pass@4 leaves out c.
    assert figures["pass_at"] == {
        "1": pytest.approx((1 / 4 + 2 / 4 + 0) / 3),
        "2": pytest.approx((1 / 2 + 5 / 6 + 0) / 3),
        "4": 1.0,
    }
    assert figures["by_task"]["b"] == {"n": 4, "passed": 2}
    summary = summarise(played)
    assert summary["accuracy_interval"] == "bootstrap"  # episodes of one task depend on each other
    assert dict(rows(summary))["pass@4"] == "1.000"


@pytest.mark.parametrize(
    ("result", "nothing"),
    [
        (ToolResult("Point", "success", data={"points": [], "image_dimensions_pixels": {"width": 9}}), True),
        (ToolResult("Point", "success", data={"points": [[1, 2]]}), False),
        (ToolResult("OCR", "success", data={"detections": []}), True),
        (ToolResult("DetectBlackArea", "success", data={"boxes": []}), True),
        (ToolResult("AStar", "success", data={"path": "R,D"}), False),
        (ToolResult("AStar", "failed", error_code=ErrorCode.TOOL_RUN_FAILED), True),
        (ToolResult("AStar", "failed", error_code=ErrorCode.INVALID_PARAMETERS), False),
        (ToolResult("Crop", "success", data={"size": [0, 0]}), False),
        (ToolResult("Crop", "failed", error_code=ErrorCode.TOOL_RUN_FAILED), False),
    ],
)
def test_a_result_without_content_is_told_from_a_wrong_call(result: ToolResult, nothing: bool) -> None:
    assert found_nothing(result) is nothing
