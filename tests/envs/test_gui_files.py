"""GUIChat and WebMMU, from small files of exactly their schemas."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.gui_files import cleaned
from adagym.errors import DataError, UsageError
from adagym.rewards.accuracy import RULES
from adagym.testing import check_task_source


def picture(side: int) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((side, side), 60).save(stream, "PNG")
    return stream.getvalue()


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=1)


def conversation(image_id: str, question: str, answer: str, task_type: str = "single-turn-vqa") -> dict[str, Any]:
    turns = [{"from": "human", "value": f"<image>{image_id}</image> {question}"}, {"from": "gpt", "value": answer}]
    return {"image_id": image_id, "uid": f"u-{image_id}", "task_type": task_type, "text": turns}


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """GUICourse's own form: forty pictures, one question each, and a conversation of several turns."""
    items = [conversation(f"p{n}", f"Who is number {n} ?", f"Person {n} <box> 1 2 3 4 </box> .") for n in range(40)]
    items.append(conversation("p0", "And then?", "Later.", "multi-turn-vqa"))
    (tmp_path / "guichat_data.json").write_text(json.dumps(items))
    # The pictures in another order, raw bytes under the name `base64`.
    rows = [{"image_id": f"p{n}", "base64": picture(20 + n % 10)} for n in reversed(range(40))]
    write(tmp_path / "guichat_images.parquet", rows)
    return tmp_path


def test_guichat_of_guicourse(course: Path) -> None:
    tasks = load_tasks(f"guichat:{course}", "gui_qa")
    check_task_source(tasks, "gui_qa")
    assert len(tasks) == 40
    assert tasks[3].prompt.startswith("Who is number 3?\n")
    assert (tasks[3].answer, tasks[3].answer_type) == ("Person 3.", "anls")
    assert tasks[3].images[0].load().shape == (23, 23, 3)
    assert RULES["anls"](tasks[3], "person 3") == pytest.approx(8 / 9)
    parts = [load_tasks(f"guichat:{course},split={split}", "gui_qa") for split in ("train", "test")]
    prompts = [{task.prompt for task in part} for part in parts]
    assert not prompts[0] & prompts[1]
    assert len(prompts[0] | prompts[1]) == 40


def test_pictures_written_as_base64_are_read_too(course: Path) -> None:
    rows = [{"image_id": f"p{n}", "base64": base64.b64encode(picture(20 + n % 10)).decode()} for n in range(40)]
    write(course / "guichat_images.parquet", rows)
    assert load_tasks(f"guichat:{course}", "gui_qa")[9].images[0].load().shape == (29, 29, 3)


def test_guichat_of_adareasoner(tmp_path: Path) -> None:
    row = {"image": {"bytes": picture(30), "path": None}, "question": "Which day?", "answer": "Monday"}
    write(tmp_path / "validation.parquet", [{**row, "question_answer_with_box": "x"}] * 2)
    tasks = load_tasks(f"guichat:{tmp_path}", "gui_qa")
    check_task_source(tasks, "gui_qa")
    assert [task.id for task in tasks] == ["guichat/0", "guichat/1"]
    assert (tasks[0].answer, tasks[0].images[0].load().shape) == ("Monday", (30, 30, 3))
    with pytest.raises(UsageError, match=r"holds no guichat_data\.json"):
        load_tasks(f"guichat:{tmp_path},split=test", "gui_qa")


def test_turns_are_cleaned() -> None:
    assert cleaned("<image>a.png</image> Where is it ? Please ground all objects in your answer.") == "Where is it?"
    assert cleaned("The menu <box> 1 2 3 4 </box> , at the top .") == "The menu, at the top."


def webmmu(folder: Path) -> Path:
    answers = {"Functional": "Click Login [10, 20, 110, 60]", "Complex Reasoning": "12 days", "General": "[1, 2, 3, 4]"}
    write(
        folder / "english.parquet",
        [
            {
                "image": {"bytes": picture(30 + n), "path": None},
                "question": f"Question {n}?",
                "ground_truth": answer,
                "question_type": kind,
            }
            for n, (kind, answer) in enumerate(answers.items())
        ],
    )
    return folder


def test_webmmu(tmp_path: Path) -> None:
    tasks = load_tasks(f"webmmu:{webmmu(tmp_path)}", "gui_qa")
    check_task_source(tasks, "gui_qa")
    assert [(task.answer, task.answer_type) for task in tasks] == [
        ("Click Login", "anls"),
        ("12 days", "anls"),
        ("[1, 2, 3, 4]", "box"),
    ]
    for answer in ("click login", "Click Login [10, 20, 110, 60]"):
        assert RULES["anls"](tasks[0], answer) == 1
    assert tasks[1].images[0].load().shape == (31, 31, 3)
    (only,) = load_tasks(f"webmmu:{tmp_path},question_type=Complex Reasoning", "gui_qa")
    assert only.id == "webmmu/1"


def test_damage_is_named(tmp_path: Path, course: Path) -> None:
    write(tmp_path / "sub.parquet", [{"image": b"x", "answer": "y"}])
    with pytest.raises(DataError, match="no column 'question'"):
        load_tasks(f"guichat:{tmp_path / 'sub.parquet'}", "gui_qa")
    (tmp_path / "web").mkdir()
    webmmu(tmp_path / "web")
    with pytest.raises(DataError, match="there are Complex Reasoning, Functional, General"):
        load_tasks(f"webmmu:{tmp_path / 'web'},question_type=Hard", "gui_qa")
    (course / "guichat_data.json").write_text(json.dumps([conversation("p99", "Who?", "Nobody.")]))
    with pytest.raises(DataError, match="has no picture `p99`"):
        load_tasks(f"guichat:{course}", "gui_qa")[0]
    (course / "guichat_data.json").write_text(json.dumps([conversation("p1", "Who?", "<box>1 2 3 4</box>")]))
    with pytest.raises(DataError, match="has no answer"):
        load_tasks(f"guichat:{course}", "gui_qa")[0]
    (course / "guichat_data.json").write_text("{}")
    with pytest.raises(DataError, match="no list of conversations"):
        load_tasks(f"guichat:{course}", "gui_qa")
    with pytest.raises(UsageError, match="family `gui_qa`, not `jigsaw`"):
        load_tasks(f"webmmu:{tmp_path / 'web'}", "jigsaw")
