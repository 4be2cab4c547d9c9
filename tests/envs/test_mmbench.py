"""MMBench from a small table of exactly its schema: quotes, missing options, pointers, copies."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.tsv_rows import TsvRows
from adagym.errors import DataError, UsageError
from adagym.evals.scorers import Scored, benchmark_figures
from adagym.rewards.accuracy import RULES
from adagym.sampling import draw_answer
from adagym.testing import check_task_source
from adagym.types import Task

COLUMNS = (
    "index",
    "question",
    "hint",
    "A",
    "B",
    "C",
    "D",
    "answer",
    "category",
    "image",
    "source",
    "l2-category",
    "split",
)


def encoded(shade: int) -> str:
    stream = io.BytesIO()
    Image.effect_noise((400, 400), 90).convert("RGB").point(lambda _: shade).save(stream, "PNG", compress_level=0)
    return base64.b64encode(stream.getvalue()).decode()


def row(index: int, options: str = "abcd", answer: str = "A", **more: str) -> dict[str, str]:
    names = dict(zip("ABCD", options, strict=False))
    made = {"index": str(index), "question": "What?", "answer": answer, "category": "action_recognition"} | names
    return {name: "" for name in COLUMNS} | made | more


def quoted(field: str) -> str:
    doubled = field.replace('"', '""')
    return f'"{doubled}"' if any(mark in field for mark in '\t\n"') else field


def write(folder: Path, rows: list[dict[str, str]], name: str = "MMBench_DEV_EN.tsv") -> Path:
    lines = ["\t".join(COLUMNS), *("\t".join(quoted(fields[name]) for name in COLUMNS) for fields in rows)]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return folder


def judge(task: Task, answer: str) -> float | None:
    score = RULES[task.answer_type](task, answer)
    return None if score is None else float(score)


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    rows = [
        row(241, image=encoded(50), hint='A "hint"\nof two\tlines', question="Which\none?"),
        row(252, "yn", "B", image=encoded(90), C="nan", D="NaN"),
        row(260, "xyz", "C", image="252", C="None"),
        row(1_000_241, "bcda", "D", image="241"),
        row(270, answer="", image="252"),
    ]
    return write(tmp_path, rows)


def test_rows_and_pictures(bench: Path) -> None:
    tasks = load_tasks(f"mmbench:{bench}", "image_qa")
    check_task_source(tasks, "image_qa")
    assert [task.id for task in tasks] == [
        f"mmbench/action-recognition/{index}" for index in (241, 252, 260, 1_000_241, 270)
    ]
    assert tasks[0].prompt.startswith('A "hint"\nof two\tlines\nWhich\none?\n(A) a\n(B) b\n(C) c\n(D) d\nAnswer')
    assert tasks[1].choices == ("y", "n"), "what is not a number is no option"
    assert tasks[2].choices == ("x", "y", "None"), "but None is one"
    assert [task.images[0].load()[9, 9, 0] for task in tasks] == [50, 90, 90, 50, 90]
    assert tasks[0].images == tasks[3].images, "a copy has the picture of the first"
    assert [(task.meta["question"], task.meta["cycle"]) for task in tasks][::3] == [(241, 0), (241, 1)]
    assert all(task.images[0].load().shape == (400, 400, 3) for task in tasks[:2])


def test_golden_answers(bench: Path) -> None:
    tasks = load_tasks(f"mmbench:{bench / 'MMBench_DEV_EN.tsv'}", "image_qa")
    for task, right, wrong in ((tasks[1], "n", "y"), (tasks[2], "None", "x"), (tasks[3], "D", "A")):
        assert [judge(task, answer) for answer in (task.answer, f"({task.answer})", right)] == [1.0] * 3
        for answer in (wrong, "", "A B C D", "E", "not " + task.answer, "\ud800", "[" * 5000):
            assert judge(task, answer) == 0, answer
    assert judge(tasks[4], "A") is None, "withheld answers are not scored"


def test_chance_with_and_without_copies(tmp_path: Path) -> None:
    rows = [
        row(
            1_000_000 * cycle + number,
            answer="ABCD"[(number - cycle) % 4],
            image=encoded(1) if number + cycle == 1 else "1",
        )
        for cycle in range(4)
        for number in range(1, 51)
    ]
    tasks = list(load_tasks(f"mmbench:{write(tmp_path, rows)}", "image_qa"))
    rng = np.random.default_rng(0)
    figures = [
        benchmark_figures([Scored(t.id, "mmbench/x", t.meta, judge(t, draw_answer(rng, t))) for t in tasks])
        for _ in range(60)
    ]
    assert abs(np.mean([float(figure["vanilla"] or 0) for figure in figures]) - 0.25) < 0.03
    assert abs(np.mean([float(figure["circular"] or 0) for figure in figures]) - 1 / 256) < 0.004


def test_what_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds none of MMBench_TEST_EN.tsv"):
        load_tasks(f"mmbench:{tmp_path},split=TEST_EN", "image_qa")
    with pytest.raises(UsageError, match="`split` is one of DEV_EN, TEST_EN"):
        load_tasks(f"mmbench:{tmp_path},split=dev", "image_qa")
    with pytest.raises(UsageError, match="family `image_qa`"):
        load_tasks(f"mmbench:{tmp_path}", "vstar")
    rows = [row(1, "x", image=encoded(1)), row(2, answer="E", image="1"), row(3, image="77"), row(4, image="?!no")]
    tasks = load_tasks(f"mmbench:{write(tmp_path, rows)}", "image_qa")
    for place, message in ((0, "has 1 options"), (1, "the answer 'E'"), (2, "index 77, which no row has")):
        with pytest.raises(DataError, match=message):
            tasks[place]
    with pytest.raises(DataError, match=r"row 3 of .*not base64"):
        tasks[3].images[0].load()
    (tmp_path / "MMBench_DEV_EN.tsv").write_text("index\tquestion\n1\tWhat?\n")
    with pytest.raises(DataError, match="has no column 'A', 'B', 'image', 'category'"):
        load_tasks(f"mmbench:{tmp_path}", "image_qa")


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_bytes(b'\xef\xbb\xbfindex\ta\r\n1\t"x ""y""\tz\r\nw"\r\n\r\n2\t\r\n3\tlast')
    rows = TsvRows(path, "index", ("a",))
    assert [dict(fields) for fields in rows] == [
        {"index": "1", "a": 'x "y"\tz\r\nw'},
        {"index": "2", "a": ""},
        {"index": "3", "a": "last"},
    ]
    assert rows[-1] == rows[2:][0]
    assert (rows.row_of("3"), rows.row_of("9"), rows.cell(2, "a").read()) == (2, None, "last")
    with pytest.raises(IndexError):
        rows[3]
    path.write_text("index\ta\n1\tb\tc\n")
    with pytest.raises(DataError, match=r"Row 0 of .* has 3 fields, and there are 2 columns"):
        TsvRows(path, "index")
    path.write_text('index\ta\n1\t"b\n' + "2\tc\n" * 20_000)
    with pytest.raises(DataError, match="ends inside of quotes that begin after byte 8"):
        TsvRows(path, "index")
    with pytest.raises(DataError, match="cannot be read: No such file"):
        TsvRows(tmp_path / "gone.tsv", "index")
