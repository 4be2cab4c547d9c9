"""V* bench and HR-Bench, from small files of exactly their schema."""

from __future__ import annotations

import base64
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from adagym.envs.tasks import load_tasks, row_picture
from adagym.errors import DataError, UsageError
from adagym.rewards.accuracy import choice_is_right
from adagym.testing import check_task_source
from adagym.types import Task

SUFFIX = "\nAnswer with the option's letter from the given choices directly."


def encoded(shade: int, kind: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 0, 0)).save(stream, kind)
    return stream.getvalue()


def right(task: Task) -> str:
    return task.choices["ABCD".index(task.answer)]


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """Eight questions on attributes, two on positions."""
    for category, count, options in (
        ("direct_attributes", 8, ["The color is red.", "It (the cup) is blue.", "green", "white"]),
        ("relative_position", 2, ["left of the dog", "right of the dog"]),
    ):
        folder = tmp_path / category
        folder.mkdir()
        for number in range(count):
            record = {
                "target_object": ["cup"] if category == "direct_attributes" else ["cup", "dog"],
                "bbox": [[10, 20, 5, 6]] * (1 if category == "direct_attributes" else 2),
                "question": f"What of cup {number}?",
                "options": options,
            }
            (folder / f"sa_{number}.json").write_text(json.dumps(record))
            (folder / f"sa_{number}.jpg").write_bytes(encoded(10 * number, "PNG" if number % 2 else "JPEG"))
    return tmp_path


def test_folders_of_the_v_star_bench(bench: Path) -> None:
    tasks = load_tasks(f"vstar-bench:{bench}", "vstar")
    check_task_source(tasks, "vstar")
    assert len(tasks) == 10
    assert [task.meta["kind"] for task in tasks] == ["direct_attributes"] * 8 + ["relative_position"] * 2
    assert tasks[0].id == "vstar-bench/direct_attributes/sa_0"
    assert {right(task) for task in tasks[:8]} == {"The color is red."}
    assert {right(task) for task in tasks[8:]} == {"left of the dog"}
    assert len({task.answer for task in tasks[:8]}) > 2, "the right option does not stay in front"
    assert tasks[0].meta["boxes"] == {"cup": [10, 20, 15, 26]}
    assert tasks[3].images[0].load()[5, 5].tolist() == [30, 0, 0], "a PNG called .jpg"
    assert tasks[0].prompt.startswith("What of cup 0?\n(A) ")
    assert all(choice_is_right(task, f"({task.answer})") for task in tasks)


def test_the_order_of_options_is_seeded(bench: Path) -> None:
    first, again, other = (load_tasks(f"vstar-bench:{bench}{seed}", "vstar") for seed in ("", ",seed=0", ",seed=1"))
    assert [task.choices for task in first] == [task.choices for task in again]
    assert [task.choices for task in first] != [task.choices for task in other]
    (bench / "direct_attributes" / "sa_0.json").unlink()
    fewer = load_tasks(f"vstar-bench:{bench}", "vstar")
    assert [task.choices for task in fewer] == [task.choices for task in first[1:]], "each by itself"


def lettered(number: int) -> dict[str, Any]:
    text = f"What of cup {number}?\n(A) red (dark)\n(B) blue\n(C) green\n(D) white" + SUFFIX
    return {"text": text, "category": "direct_attributes", "label": "C", "question_id": number}


def test_json_lines_of_the_v_star_bench(tmp_path: Path) -> None:
    (tmp_path / "direct_attributes").mkdir()
    (tmp_path / "direct_attributes" / "sa_5.jpg").write_bytes(encoded(200))
    record = {"image": "direct_attributes/sa_5.jpg", **lettered(5)}
    (tmp_path / "test_questions.jsonl").write_text(json.dumps(record) + "\n\n")
    (task,) = load_tasks(f"vstar-bench:{tmp_path}", "vstar")
    assert right(task) == "green"
    assert sorted(task.choices) == ["blue", "green", "red (dark)", "white"]
    assert task.prompt.startswith("What of cup 5?\n(A) ")
    assert SUFFIX not in task.prompt
    assert task.images[0].load().shape == (30, 40, 3)


def test_rows_of_the_v_star_bench(tmp_path: Path) -> None:
    rows = [{"image": {"bytes": encoded(20 * number, "PNG"), "path": None}, **lettered(number)} for number in range(4)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "test-00000.parquet", row_group_size=2)
    tasks = load_tasks(f"vstar-bench:{tmp_path}", "vstar")
    check_task_source(tasks, "vstar")
    assert [right(task) for task in tasks] == ["green"] * 4
    assert tasks[3].images[0].load()[0, 0, 0] == 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": []}, "no `question` with `options`"),
        ({"bbox": [[1, 2, 3]]}, r"does not have a `bbox` \[x, y, width, height\]"),
        ({"bbox": []}, "for each `target_object`"),
    ],
)
def test_bad_records(bench: Path, change: dict[str, Any], message: str) -> None:
    path = bench / "direct_attributes" / "sa_3.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=message) as caught:
        load_tasks(f"vstar-bench:{bench}", "vstar")
    assert str(path) in str(caught.value)


def test_files_that_are_not_the_benchmarks(bench: Path, tmp_path: Path) -> None:
    (bench / "relative_position" / "sa_0.json").write_text("{")
    with pytest.raises(DataError, match=r"sa_0\.json` is not JSON"):
        load_tasks(f"vstar-bench:{bench}", "vstar")
    lines = tmp_path / "lines"
    lines.mkdir()
    (lines / "test_questions.jsonl").write_text(json.dumps({**lettered(1), "label": "E"}))
    with pytest.raises(DataError, match=r"test_questions\.jsonl:1` has no `text` with options"):
        load_tasks(f"vstar-bench:{lines}", "vstar")
    with pytest.raises(DataError, match=r"holds no direct_attributes/\*\.json or relative_position"):
        load_tasks(f"vstar-bench:{tmp_path / 'nothing'}", "vstar")
    with pytest.raises(UsageError, match="not 'x'"):
        load_tasks(f"vstar-bench:{bench},seed=x", "vstar")


def hr_row(number: int, cycle: int, **changes: Any) -> dict[str, Any]:
    words = ["cat", "dog", "cow", "hen"]
    shifted = words[-cycle:] + words[:-cycle] if cycle else words
    return {
        "index": 4 * number + cycle,
        "question": f"Which animal is in field {number}?",
        "image": base64.b64encode(encoded(50 * number, "PNG")).decode(),
        **dict(zip("ABCD", shifted, strict=True)),
        "answer": "ABCD"[shifted.index("dog")],
        "category": "single" if number == 0 else "cross",
        "cycle_category": f"cycle_{cycle}",
        **changes,
    }


def write_hr(folder: Path, size: str = "4k", **changes: Any) -> Path:
    rows = [hr_row(number, cycle, **changes) for number in range(2) for cycle in range(4)]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"hr_bench_{size}.parquet", row_group_size=4)
    return folder


def test_the_four_cycles_of_hr_bench(tmp_path: Path) -> None:
    tasks = load_tasks(f"hr-bench:{write_hr(tmp_path)}", "vstar")
    check_task_source(tasks, "vstar")
    assert len(tasks) == 8
    assert [task.answer for task in tasks] == list("BCDA") * 2
    assert {right(task) for task in tasks} == {"dog"}
    assert tasks[6].id == "hr-bench/hr_bench_4k/cycle_2/6"
    assert tasks[6].meta == {"kind": "cross", "cycle": "cycle_2", "question": 6}
    assert tasks[6].images[0].load()[0, 0].tolist() == [50, 0, 0]
    assert "(C) cat" in tasks[2].prompt
    assert pickle.loads(pickle.dumps(tasks))[7] == tasks[7]


def test_hr_bench_reads_pictures_only_when_they_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = load_tasks(f"hr-bench:{write_hr(tmp_path)}", "vstar")
    read: list[str] = []
    column = row_picture._column
    monkeypatch.setattr(row_picture, "_column", lambda path, name: read.append(name) or column(path, name))
    assert len({task.prompt for task in tasks}) == 8
    assert read == []
    assert np.array_equal(tasks[1].images[0].load(), tasks[2].images[0].load())
    assert read == ["image", "image"]


def test_hr_bench_at_8k_and_by_file(tmp_path: Path) -> None:
    write_hr(tmp_path, "8k")
    assert load_tasks(f"hr-bench:{tmp_path},size=8k", "vstar")[0].id.startswith("hr-bench/hr_bench_8k/")
    assert len(load_tasks(f"hr-bench:{tmp_path / 'hr_bench_8k.parquet'}", "vstar")) == 8
    with pytest.raises(DataError, match=r"hr_bench_4k\.parquet` does not exist"):
        load_tasks(f"hr-bench:{tmp_path}", "vstar")
    with pytest.raises(UsageError, match="`size` is one of 4k, 8k"):
        load_tasks(f"hr-bench:{tmp_path},size=16k", "vstar")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"answer": "E"}, "the answer 'E'; it needs"), ({"question": ""}, "needs a question"), ({"D": None}, "3 options")],
)
def test_rows_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    tasks = load_tasks(f"hr-bench:{write_hr(tmp_path, **changes)}", "vstar")
    with pytest.raises(DataError, match=message):
        list(tasks)


@pytest.mark.parametrize(
    ("cell", "message"), [("?" * 8, "is not base64"), ("", "it is empty"), (None, "there is no picture")]
)
def test_cells_that_hold_no_picture(tmp_path: Path, cell: str | None, message: str) -> None:
    tasks = load_tasks(f"hr-bench:{write_hr(tmp_path, image=cell)}", "vstar")
    with pytest.raises(DataError, match=message) as caught:
        tasks[0].images[0].load()
    assert "row 0 of" in str(caught.value)
