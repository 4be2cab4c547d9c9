"""Tasks with their Tool Benefit Scores, read from a folder of ``adagym benefit``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import DataError, UsageError
from adagym.testing import check_task_source

SPEC = "vsp-generated:sides=3,n=5"
NAV = "vsp_navigation"
SCORES = (0.5, 0.0, None, -0.25, 1)


def rows() -> list[dict[str, Any]]:
    tasks = load_tasks(SPEC, NAV)
    return [{"id": task.id, "index": i, "benefit": SCORES[i]} for i, task in enumerate(tasks)]


def write(folder: Path, lines: list[dict[str, Any]], **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"family": NAV, "tasks": SPEC, **config}))
    (folder / "benefit.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "a, b=c", rows()[::-1])


@pytest.mark.parametrize(
    ("option", "kept"),
    [
        ("", [0, 1, 3, 4]),
        (",keep=scored", [0, 1, 3, 4]),
        (",keep=helpful", [0, 4]),
        (",keep=unhelpful", [1, 3]),
        (",keep=all", [0, 1, 2, 3, 4]),
    ],
)
def test_the_same_tasks_with_scores(folder: Path, option: str, kept: list[int]) -> None:
    tasks = load_tasks(f"scored:{folder}{option}", NAV)
    plain = load_tasks(SPEC, NAV)
    assert [task.id for task in tasks] == [plain[index].id for index in kept]
    assert [task.tool_benefit for task in tasks] == [SCORES[index] for index in kept]
    assert (tasks[0].prompt, tasks[0].meta) == (plain[kept[0]].prompt, plain[kept[0]].meta)
    assert tasks[-1].id == plain[kept[-1]].id
    assert [task.id for task in tasks[1:]] == [plain[index].id for index in kept[1:]]
    check_task_source(tasks, NAV)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (",cost=0", [0.5, 0.0, -0.25, 1.0]),
        (",cost=0.1", [0.4, -0.3, -0.25, -1.0]),  # 1, 3 and 0 calls cost 0.1 each, and 30 cost no more than all
        (",cost=0.1,keep=helpful", [0.4]),
    ],
)
def test_calls_may_cost(tmp_path: Path, option: str, expected: list[float]) -> None:
    lines = [{**row, "calls": calls} for row, calls in zip(rows(), (1, 3, None, 0, 30), strict=True)]
    tasks = load_tasks(f"scored:{write(tmp_path / 'costs', lines)}{option}", NAV)
    assert [task.tool_benefit for task in tasks] == pytest.approx(expected)


def test_a_cost_needs_the_calls(folder: Path) -> None:
    with pytest.raises(DataError, match="does not say how many calls"):
        load_tasks(f"scored:{folder},cost=0.1", NAV)
    assert len(load_tasks(f"scored:{folder},cost=0", NAV)) == 4


def test_the_reward_sees_the_score(folder: Path) -> None:
    env = VSPNavigation(f"scored:{folder},keep=helpful", reward="at_grpo")
    env.reset(options={"task": 0})
    reward = env.step("<think>Hm.</think><response>\\boxed{U}</response>")[1]
    assert reward == pytest.approx(0.0812 * 0.5, abs=5e-5)


def test_scored_tasks_can_be_scored_again(folder: Path, tmp_path: Path) -> None:
    lines = [{"id": rows()[4]["id"], "index": 3, "benefit": -1}]
    again = load_tasks(f"scored:{write(tmp_path / 'again', lines, tasks=f'scored:{folder}')}", NAV)
    assert [(task.id, task.tool_benefit) for task in again] == [(rows()[4]["id"], -1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"benefit": 1.5}, "needs an id, an index and a benefit from -1 to 1"),
        ({"benefit": "much"}, "needs an id, an index and a benefit"),
        ({"benefit": float("nan")}, "needs an id, an index and a benefit"),
        ({"index": -1}, "needs an id, an index"),
        ({"id": 7}, "needs an id, an index"),
        ({"id": "other"}, "Task 0 of `vsp-generated:sides=3,n=5` is .*, and .* scores other there"),
        ({"index": 9}, "Task 9 of .* is None"),
    ],
)
def test_scores_that_cannot_be_used(folder: Path, change: dict[str, Any], message: str) -> None:
    write(folder, [{**rows()[0], **change}])
    with pytest.raises(DataError, match=message):
        load_tasks(f"scored:{folder}", NAV)


def test_a_changed_source_shows_wherever_it_is_met(folder: Path) -> None:
    lines = rows()
    lines[1]["id"] = "other"
    tasks = load_tasks(f"scored:{write(folder, lines)}", NAV)
    with pytest.raises(DataError, match="the source has changed"):
        list(tasks)


@pytest.mark.parametrize("damage", ["no such folder", "config.json", "benefit.jsonl", "line", "JSON", "keys", "type"])
def test_damaged_folders(folder: Path, damage: str) -> None:
    config, scores = folder / "config.json", folder / "benefit.jsonl"
    match damage:
        case "no such folder":
            folder, message = folder / "none", "is not the configuration of a benefit run"
        case "config.json":
            config.unlink()
            message = "is not the configuration of a benefit run"
        case "benefit.jsonl":
            scores.unlink()
            message = "let `adagym benefit` finish with --resume"
        case "line":
            scores.write_text("{}\n")
            message = "Line 1 of .* is not a score"
        case "JSON":
            config.write_text("{")
            message = "is not the configuration of a benefit run"
        case "keys":
            config.write_text('{"env": "x"}')
            message = "is not the configuration of a benefit run"
        case _:
            config.write_text(f'{{"family": "{NAV}", "tasks": 1}}')
            message = "must name the family and the task source as texts"
    with pytest.raises(DataError, match=message):
        load_tasks(f"scored:{folder}", NAV)


def test_arguments_that_cannot_be_used(folder: Path) -> None:
    with pytest.raises(UsageError, match="`keep` is one of scored, helpful, unhelpful, all, not 'best'"):
        load_tasks(f"scored:{folder},keep=best", NAV)
    with pytest.raises(DataError, match="holds scores of vsp_navigation, and the environment plays vsp_verification"):
        load_tasks(f"scored:{folder}", "vsp_verification")
    write(folder, rows()[:1])
    for cost in ("-0.1", "2", "nan", "much"):
        with pytest.raises(UsageError, match=f"a number from 0 to 1, not '{cost}'"):
            load_tasks(f"scored:{folder},cost={cost}", NAV)
    with pytest.raises(UsageError, match="is kept by keep=unhelpful"):
        load_tasks(f"scored:{folder},keep=unhelpful", NAV)
