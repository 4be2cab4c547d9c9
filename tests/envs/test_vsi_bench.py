"""VSI-Bench, from small files of exactly its schema; no video is opened here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.video_records import VideoRecords
from adagym.errors import DataError, UsageError
from adagym.evals.scorers import Scored, benchmark_figures
from adagym.rewards.accuracy import RULES
from adagym.types import Task

Row = dict[str, Any]


def vsi_row(number: int, kind: str, truth: str, options: list[str] | None) -> Row:
    return {
        "id": number,
        "dataset": "scannet",
        "scene_name": f"scene{number}_00",
        "question_type": kind,
        "question": "How far?",
        "ground_truth": truth,
        **({} if options is None and number == 10 else {"options": options}),
    }


def vsi_rows() -> list[Row]:
    directions = [
        vsi_row(count, f"object_rel_direction_{name}", "B", [f"{letter}. {letter}x" for letter in "ABCD"[:count]])
        for name, count in (("easy", 2), ("medium", 3), ("hard", 4))
    ]
    return [*directions, vsi_row(9, "object_abs_distance", "2.0", None), vsi_row(10, "object_counting", "4", None)]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_vsi_bench(
    tmp_path: Path,
    form: str,
    source: Callable[[str], VideoRecords],
    write_parquet: Callable[..., None],
    check_scoring: Callable[[Task], None],
) -> None:
    if form == "parquet":
        write_parquet(tmp_path / "test-00000-of-00001.parquet", vsi_rows())
    else:
        (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, vsi_rows())))
    tasks = source(f"vsi-bench:{tmp_path}")
    assert tasks[0].id == "vsi-bench/object_rel_direction_easy/2"
    assert tasks[0].video == str(tmp_path / "scannet/scene2_00.mp4")
    assert tasks[2].choices == ("Ax", "Bx", "Cx", "Dx")
    check_scoring(tasks[2])
    assert RULES["choice"](tasks[2], "(B)") == 1
    assert (tasks[3].answer_type, tasks[3].answer, tasks[3].choices) == ("mra", "2.0", ())
    assert tasks[3].prompt == "How far?\nAnswer with a number only."
    assert len(source(f"vsi-bench:{tmp_path},task=object_counting-object_abs_distance")) == 2


def test_vsi_bench_scores_numbers_by_ten_thresholds(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, vsi_rows())))
    task = load_tasks(f"vsi-bench:{tmp_path}", "video_qa")[3]
    rule = RULES["mra"]
    assert rule(task, "2.0") == 1
    assert rule(task, "2.2 meters") == 0.8  # an error of 0.1 is below 0.15 to 0.5
    assert rule(task, "2.5") == 0.5
    assert all(rule(task, answer) == 0 for answer in ("4", "", "far", "2 or 3", "inf", "nan"))


def test_vsi_bench_by_chance(tmp_path: Path, guessed: Callable[..., list[Scored]]) -> None:
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, vsi_rows()[:3])))
    figures = benchmark_figures(guessed(load_tasks(f"vsi-bench:{tmp_path}", "video_qa"), 6000))
    assert figures["object_rel_direction"] == pytest.approx(0.361, abs=0.01)


def test_vsi_bench_files_that_cannot_be_used(tmp_path: Path) -> None:
    rows = [vsi_row(0, "object_counting", "many", None), vsi_row(1, "smell", "A", ["A. x", "B. y"])]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    tasks = load_tasks(f"vsi-bench:{tmp_path}", "video_qa")
    with pytest.raises(DataError, match="a number as its answer"):
        tasks[0]
    with pytest.raises(DataError, match="none of the benchmark's question types"):
        tasks[1]
    with pytest.raises(DataError, match="holds none of test_debiased"):
        load_tasks(f"vsi-bench:{tmp_path},config=debiased", "video_qa")
    with pytest.raises(UsageError, match="`task` is one of object_rel_direction_easy"):
        load_tasks(f"vsi-bench:{tmp_path},task=smell", "video_qa")
