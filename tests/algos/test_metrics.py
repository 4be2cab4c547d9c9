"""Metrics of a batch and of a mixture's sources, and the file they are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from adagym.algos.collect import Job, Rollout
from adagym.algos.metrics import ConstantAlarm, MetricLog, by_source, read_metrics, rollout_metrics
from adagym.types import CallCheck, Outcome, ParsedAction, Step, Task, ToolResult, Trajectory

ASTAR = ToolResult("AStar", "success", check=CallCheck(known=True))
POINT = ToolResult("Point", "failed", error_code=203, check=CallCheck(known=True))
MADE_UP = ToolResult("Teleport", "failed", error_code=202)


def rollout(
    env: str,
    reward: float | None,
    *results: ToolResult,
    outcome: Outcome = "answered",
    parts: Mapping[str, float | None] | None = None,
) -> Rollout:
    steps = tuple(Step("", ParsedAction(""), result, {"text": "", "images": ()}) for result in results)
    task = Task("t", "made_up", "")
    return Rollout(
        0, Job(task, env=env), Trajectory("e", {}, task, 0, "d", (), steps, outcome, reward, dict(parts or {}))
    )


BATCH = [
    rollout("easy", 8.0, ASTAR, POINT, parts={"accuracy": 1.0, "tool": 4.0}),
    rollout("easy", 2.0, ASTAR, outcome="truncated", parts={"accuracy": 0.0, "tool": None}),
    rollout("hard", 0.0, MADE_UP, parts={"accuracy": 0.0}),
    rollout("hard", None, outcome="infra_failure"),
]


def test_totals() -> None:
    assert rollout_metrics(BATCH) == {
        "infra_failures": 1,
        "reward": pytest.approx(10 / 3),
        "turns": pytest.approx(4 / 3),
        "truncated": pytest.approx(1 / 3),
        "call_success_rate": 0.5,
        "sampled_tokens": 0,
        "calls_AStar": pytest.approx(2 / 3),
        "calls_Point": pytest.approx(1 / 3),
        "calls_unknown": pytest.approx(1 / 3),
        "part_accuracy": pytest.approx(1 / 3),
        "part_tool": 4,
    }


def test_sources_have_metrics_of_their_own() -> None:
    metrics = by_source(BATCH, ["easy", "hard", "absent"])
    assert {name: metrics[name] for name in metrics if name.rpartition("/")[2] in ("reward", "episodes")} == {
        "easy/episodes": 2,
        "easy/reward": 5,
        "hard/episodes": 2,
        "hard/reward": 0,
        "absent/episodes": 0,
    }
    assert metrics["easy/calls_AStar"] == 1
    assert metrics["easy/part_accuracy"] == 0.5
    assert metrics["hard/infra_failures"] == 1
    assert "hard/calls_AStar" not in metrics


def test_a_single_source_is_not_reported_twice() -> None:
    assert by_source(BATCH, ["easy"]) == {}


def test_the_alarm_hears_sources_too() -> None:
    alarm = ConstantAlarm(window=2)
    series = [{"part_a": 1.0, "hard/part_a": 0.0, "hard/reward": 0.0} for _ in range(2)]
    assert [alarm.check(metrics) for metrics in series] == [[], ["hard/part_a"]]


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, tensorboard=False)
    log.write(0, {"eval_reward": 1 / 3}, ())
    log.write(1, {"reward": 0.1 + 0.2, "easy/reward": 1.0}, ())
    path = tmp_path / "metrics.jsonl"
    whole = [{"step": 0, "eval_reward": 1 / 3}, {"step": 1, "reward": 0.1 + 0.2, "easy/reward": 1.0}]
    assert read_metrics(path) == whole
    text = path.read_text()
    for end in range(len(text)):  # wherever a kill tears the file, the lines before are there
        path.write_text(text[:end])
        assert read_metrics(path) == whole[: text[:end].count("\n") + (end in (text.index("\n"), len(text) - 1))]
    assert read_metrics(tmp_path / "missing.jsonl") == []


def test_rewinding_forgets_later_steps(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, tensorboard=False)
    for step in range(4):
        log.write(step, {"reward": 1.0}, ())
    log.rewind(2)
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [0, 1, 2]
    log.rewind(-1)
    assert read_metrics(tmp_path / "metrics.jsonl") == []
