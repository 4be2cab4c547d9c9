"""VSPO from small files of exactly its schema."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from adagym.envs.tasks import load_tasks
from adagym.envs.tiles import MapImage
from adagym.errors import DataError
from adagym.rewards.accuracy import plan_is_right
from adagym.testing import check_task_source

ROWS = ("SFF", "HHF", "FGF")


def row(number: int, **changes: Any) -> dict[str, Any]:
    png = io.BytesIO()
    Image.fromarray(MapImage(ROWS).load()).save(png, "png")
    return {
        "idx": f"{number}_navigation_test",
        "original_id": str(number),
        "image": {"bytes": png.getvalue(), "path": "x.png"},
        "text": "Find the way.",
        "answer": "DYNAMIC_EVAL",
        "task_type": "navigation",
        "gym_map": json.dumps([list(line) for line in ROWS]),
        **changes,
    }


def verify(number: int, **changes: Any) -> dict[str, Any]:
    given = {"idx": f"{number}_verify_test", "task_type": "verify", "text": "R,R,D", "answer": "Yes", **changes}
    return row(number, **given)


def write(folder: Path, name: str, *rows: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), folder / name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write(tmp_path / "data", "navigation_test-0.parquet", row(0), row(1))
    write(tmp_path / "data", "verify_test-0.parquet", verify(0), verify(1, text="The moves are: D, R.", answer="N"))
    return tmp_path


def test_navigation_is_judged_on_the_map(home: Path) -> None:
    tasks = load_tasks(f"vspo:{home}", "vsp_navigation")
    check_task_source(tasks, "vsp_navigation")
    assert [task.id for task in tasks] == ["vspo/navigation/0_navigation_test", "vspo/navigation/1_navigation_test"]
    assert tasks[0].meta == {"rows": list(ROWS), "side": 3, "shortest": 5}
    assert tasks[1].images[0].load().shape == (192, 192, 3)
    assert plan_is_right(tasks[0], "R,R,D,D,L")
    assert not plan_is_right(tasks[0], "D,R")


def test_verification_reads_moves_and_labels(home: Path) -> None:
    tasks = load_tasks(f"vspo:{home}", "vsp_verification")
    check_task_source(tasks, "vsp_verification")
    assert [(task.meta["plan"], task.meta["length"], task.answer) for task in tasks] == [
        ("RRD", 3, "Yes"),
        ("DR", 2, "No"),
    ]
    assert tasks[1].prompt.endswith("The action sequence is: D,R")


def test_a_verification_without_a_map_is_asked_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, "x.parquet", verify(0, gym_map="[]"))
    (task,) = load_tasks(f"vspo:{tmp_path / 'x.parquet'}", "vsp_verification")
    assert task.meta == {"plan": "RRD", "length": 3}
    with pytest.raises(DataError, match="no rows of task_type 'navigation'; there are verify"):
        load_tasks(f"vspo:{tmp_path}", "vsp_navigation")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row(0, gym_map="[]"), "no map to judge a plan by"),
        (row(0, gym_map="["), "not a list of rows"),
        (row(0, gym_map="3"), "not a list of rows"),
        (row(0, gym_map='[["S", "S"], ["F", "G"]]'), "this one has 2"),
        (verify(0, text="go home"), "'go home' ends in no sequence"),
        (verify(0, text=""), "ends in no sequence"),
        (verify(0, answer="maybe"), "the answer is 'maybe'"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, bad: dict[str, Any], message: str) -> None:
    write(tmp_path, "x.parquet", bad)
    family = "vsp_navigation" if bad["task_type"] == "navigation" else "vsp_verification"
    tasks = load_tasks(f"vspo:{tmp_path}", family)
    with pytest.raises(DataError, match=message) as caught:
        tasks[0]
    assert "row 0 of" in str(caught.value)
