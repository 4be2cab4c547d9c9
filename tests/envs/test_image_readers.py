"""Image benchmarks in Parquet files: read from small files of exactly their schema, and judged."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from adagym.envs.tasks import load_tasks, parquet, row_picture
from adagym.errors import DataError, UsageError
from adagym.evals.scorers import Scored, benchmark_figures
from adagym.rewards.accuracy import RULES
from adagym.sampling import draw_answer
from adagym.testing import check_task_source
from adagym.types import LazyImage, Task

HOSTILE = (
    "",
    " \n",
    "A B C D",
    "yes no",
    "not sure",
    "1 2 3",
    "\ud800",
    "[" * 5000,
    "9" * 5000,
    "x" * 50_000,
    "\\boxed{",
)


def jpeg(shade: int, wide: int = 40) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (wide, 30), (shade, 0, 0)).save(stream, "JPEG")
    return stream.getvalue()


def shade(image: LazyImage) -> int:
    """How red a picture is, to the tens: JPEG is not exact."""
    return round(int(image.load()[5, 5, 0]) / 10) * 10


def cell(shade: int) -> dict[str, Any]:
    return {"bytes": jpeg(shade), "path": "a.jpg"}


def write(path: Path, rows: Sequence[dict[str, Any]], group: int = 2) -> str:
    """A file of row groups of two rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=group)
    return str(path)


def judge(task: Task, answer: str) -> float | None:
    score = RULES[task.answer_type](task, answer)
    return None if score is None else float(score)


def check_golden(task: Task, right: Sequence[str], wrong: Sequence[str]) -> None:
    assert [judge(task, answer) for answer in right] == [1.0] * len(right), task.id
    assert [judge(task, answer) for answer in (*wrong, *HOSTILE)] == [0.0] * (len(wrong) + len(HOSTILE)), task.id


def guess(tasks: Sequence[Task], seed: int) -> list[Scored]:
    """What a guesser has right."""
    rng = np.random.default_rng(seed)
    return [
        Scored(task.id, task.id.rpartition("/")[0], task.meta, judge(task, draw_answer(rng, task))) for task in tasks
    ]


def share(tasks: Sequence[Task], rounds: int) -> float:
    """Accuracy of a guesser."""
    return float(np.mean([item.accuracy for seed in range(rounds) for item in guess(tasks, seed)]))


OPTIONS = "Options: A: Left of it, B: Right, of it, C: Above it, D: Below it"


def mmsi_rows(count: int = 4) -> list[dict[str, Any]]:
    types = (
        "Positional Relationship (Cam.\N{EN DASH}Cam.)",
        "Positional Relationship (Cam.-Cam.)",
        "MSR",
        "Motion (Obj.)",
    )
    return [
        {
            "id": number,
            "images": [jpeg(10 * number), jpeg(10 * number + 100), jpeg(250)][: 2 + number % 2],
            "question_type": types[number % 4],
            "question": f"Where is cup {number}?\n{OPTIONS}",
            "answer": "ABCD"[number % 4],
            "thought": "Because.",
        }
        for number in range(count)
    ]


def test_mmsi_bench(tmp_path: Path) -> None:
    tasks = load_tasks(f"mmsi-bench:{Path(write(tmp_path / 'MMSI_Bench.parquet', mmsi_rows())).parent}", "image_qa")
    check_task_source(tasks, "image_qa")
    assert [task.id for task in tasks][:3] == [
        "mmsi-bench/positional-relationship-cam-cam/0",
        "mmsi-bench/positional-relationship-cam-cam/1",
        "mmsi-bench/msr/2",
    ]
    assert [len(task.images) for task in tasks] == [2, 3, 2, 3]
    assert [shade(image) for image in tasks[1].images] == [10, 110, 250]
    assert tasks[0].choices == ("Left of it", "Right, of it", "Above it", "Below it")
    assert tasks[0].prompt.startswith(f"Where is cup 0?\n{OPTIONS}\nAnswer with"), "the question is as it was"
    assert not any("Because" in str(task.meta) + task.prompt for task in tasks)
    check_golden(tasks[1], ["B", "(b)", "``B``", "Right, of it", "The answer is B."], ["A", "Left of it"])
    many = list(load_tasks(f"mmsi-bench:{write(tmp_path / 'b' / 'x.parquet', mmsi_rows(40), 40)}", "image_qa"))
    assert abs(share(many, 40) - 0.25) < 0.04


SPAR = (
    ("position_matching", "select", "Which box?\nA. left\nB. right\nC. up\nD. down", "C"),
    ("depth_prediction_oc_mv", "fill", "How deep is it in metres?", "2.5"),
    ("view_change_infer", "fill", "How does the camera move?", "move_right:0.3,rotate_left:20"),
    ("obj_spatial_relation_oo", "select", "Where? A. near B. far", "far"),
)


def spar_rows(count: int = 4) -> list[dict[str, Any]]:
    return [
        {
            "id": f"scene_{number}",
            "image": [cell(20 * number), cell(1)][: 1 + number % 2],
            "question": question,
            "answer": answer,
            "task": task,
            "format_type": form,
            "img_type": "multi_view" if number % 2 else "single_view",
        }
        for number in range(count)
        for task, form, question, answer in SPAR[number % 4 : number % 4 + 1]
    ]


def test_spar_bench(tmp_path: Path) -> None:
    rows = spar_rows()
    write(tmp_path / "data" / "test-00000-of-00002.parquet", rows[:2])
    write(tmp_path / "data" / "test-00001-of-00002.parquet", rows[2:])
    tasks = load_tasks(f"spar-bench:{tmp_path}", "image_qa")
    check_task_source(tasks, "image_qa")
    assert [task.id for task in tasks] == [f"spar-bench/{row[0]}/scene_{place}" for place, row in enumerate(SPAR)]
    assert [task.answer_type for task in tasks] == ["choice", "mra", "moves", "choice"]
    assert [len(task.images) for task in tasks] == [1, 2, 1, 2]
    assert shade(tasks[3].images[0]) == 60
    assert tasks[0].choices == ("left", "right", "up", "down")
    assert "thousandths" in tasks[0].prompt
    assert tasks[3].answer == "B", "the reference may be the option's text"
    check_golden(tasks[0], ["C", "up"], ["A", "left"])
    check_golden(tasks[1], ["2.5", "2.5 m"], ["9", "0"])
    check_golden(
        tasks[2],
        ["move_right:0.3,rotate_left:20"],
        ["move_left:3,rotate_right:90,move_up:1,rotate_up:5,move_forward:2"],
    )
    assert judge(tasks[1], "2.0") == 0.6, "an error of 0.2 is below 0.25, 0.3, ... 0.5"
    empty, swapped = judge(tasks[2], ""), judge(tasks[2], "rotate_left:20,move_right:0.3")
    assert (empty, swapped) == (0.0, 1.0)


def test_mmstar(tmp_path: Path) -> None:
    rows = [
        {
            "index": number,
            "question": f"What is it?\n{OPTIONS}" if number != 2 else "Say a letter.",
            "image": cell(number),
            "answer": "ABCD"[number % 4],
            "category": "coarse perception" if number % 2 else "math",
            "l2_category": "image scene and topic",
            "meta_info": {"source": "MMBench", "split": "val", "image_path": "a.jpg"},
        }
        for number in range(40)
    ]
    tasks = load_tasks(f"mmstar:{Path(write(tmp_path / 'mmstar.parquet', rows)).parent}", "image_qa")
    check_task_source(tasks[:4], "image_qa")
    assert tasks[1].id == "mmstar/coarse-perception/1"
    assert tasks[1].meta == {"kind": "coarse-perception", "fine": "image-scene-and-topic"}
    check_golden(tasks[1], ["B", "B: Right, of it"], ["C", "Left of it"])
    assert tasks[2].choices == (), "options that cannot be read leave letters to judge"
    check_golden(tasks[2], ["C"], ["A"])
    assert abs(share(list(tasks), 40) - 0.25) < 0.04


def mme_rows(pictures: int) -> list[dict[str, Any]]:
    kinds = ["existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR"]
    kinds += ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
    return [
        {
            "question_id": f"{kind}/{picture:04}.png" if kind != "OCR" else f"{picture:04}.png",
            "image": cell(picture),
            "question": f"Is there a {thing}? Please answer yes or no.",
            "answer": answer,
            "category": kind,
        }
        for kind in kinds
        for picture in range(pictures)
        for thing, answer in (("cup", "Yes"), ("dog", "No"))
    ]


def test_mme(tmp_path: Path) -> None:
    tasks = load_tasks(f"mme:{write(tmp_path / 'test-0.parquet', mme_rows(20), 200)}", "image_qa")
    check_task_source(tasks[:4], "image_qa")
    assert [task.id for task in tasks[:3]] == [
        "mme/existence/0000.png-1",
        "mme/existence/0000.png-2",
        "mme/existence/0001.png-1",
    ]
    assert [task.answer for task in tasks[:2]] == ["yes", "no"]
    check_golden(tasks[0], ["Yes", "yes.", "YES"], ["No", "yes and no", "know", "It is yes"])
    check_golden(tasks[1], ["No", "no."], ["Yes", "not sure", "know", "none", "north"])
    totals = [benchmark_figures(guess(list(tasks), seed)) for seed in range(12)]
    mean = {name: float(np.mean([float(total[name] or 0) for total in totals])) for name in ("mme_total", "cognition")}
    assert abs(mean["mme_total"] - 1050) < 60, mean
    assert abs(mean["cognition"] - 300) < 30, mean


def test_infovqa(tmp_path: Path) -> None:
    for split, answers in (("validation", ["14 %", "fourteen"]), ("test", None)):
        row = {
            "questionId": 7,
            "question": "How much?",
            "answers": answers,
            "answer_type": ["text"],
            "data_split": split,
        }
        rows = [{**row, "questionId": 7 + number, "image": cell(50 * number)} for number in range(2)]
        write(tmp_path / "InfographicVQA" / f"{split}-00000-of-00002.parquet", rows[:1])
        write(tmp_path / "InfographicVQA" / f"{split}-00001-of-00002.parquet", rows[1:])
    tasks = load_tasks(f"infovqa:{tmp_path}", "image_qa")
    check_task_source(tasks, "image_qa")
    assert [task.id for task in tasks] == ["infovqa/validation/7", "infovqa/validation/8"], "of one split"
    assert shade(tasks[1].images[0]) == 50
    check_golden(tasks[0], ["14 %", "Fourteen", "<answer>14 %</answer>"], ["96 dogs", "fifty"])
    assert judge(tasks[0], "14") == 0, "an edit distance of half of the length scores 0, not 0.5"
    hidden = load_tasks(f"infovqa:{tmp_path},split=test", "image_qa")[0]
    assert (hidden.id, judge(hidden, "14 %")) == ("infovqa/test/7", None)
    assert share(tasks, 5) == 0


def vista(pid: int, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "pid": str(pid),
        "question": "How long is it?",
        "image": f"images/{pid}.jpg",
        "decoded_image": cell(pid),
    }
    row |= {"choices": None, "unit": None, "precision": None, "question_type": "free_form", "answer_type": "text"}
    return row | {"query": "Hint: ...", "metadata": {"grade": "high school"}} | more


def test_mathvista(tmp_path: Path) -> None:
    rows = [
        vista(1, choices=["3", "5", "5", "8"], answer="5", question_type="multi_choice", answer_type="integer"),
        vista(2, answer="1.2", answer_type="float", precision=1.0, unit="cm"),
        vista(3, answer="3", answer_type="integer"),
        vista(4, answer="[2, 4, 6]", answer_type="list"),
        vista(5, answer="0", answer_type="float", precision=2.0),
    ]
    write(tmp_path / "data" / "testmini-00000-of-00001-x.parquet", rows)
    for part in range(2):
        write(
            tmp_path / "data" / f"test-0000{part}-of-00002-x.parquet",
            [vista(6 + part, answer="", answer_type="integer")],
        )
    tasks = load_tasks(f"mathvista:{tmp_path}", "image_qa")
    check_task_source(tasks, "image_qa")
    assert [task.id for task in tasks] == [
        "mathvista/choice/1",
        "mathvista/float/2",
        "mathvista/integer/3",
        "mathvista/list/4",
        "mathvista/float/5",
    ]
    assert tasks[0].answer == "B"
    check_golden(tasks[0], ["B", "(B) 5"], ["A", "8", "C"])
    assert "(Unit: cm)" in tasks[1].prompt
    assert "1 decimal place." in tasks[1].prompt
    check_golden(tasks[1], ["1.2", "1.24", "1.16 cm", "\\boxed{1.2}"], ["1.3", "1.26", "1.14", "12"])
    check_golden(tasks[2], ["3", "3.0", "The answer is 3."], ["3.7", "4", "30"])
    check_golden(tasks[3], ["[2, 4, 6]", "[2,4,6]", "2, 4, 6"], ["[2, 4]", "[6, 4, 2]"])
    check_golden(tasks[4], ["0", "0.004"], ["0.3", "1"])
    hidden = load_tasks(f"mathvista:{tmp_path},split=test", "image_qa")
    assert [(task.id, judge(task, "3")) for task in hidden] == [(f"mathvista/integer/{pid}", None) for pid in (6, 7)]


def test_chance_of_mathvista(tmp_path: Path) -> None:
    chosen = vista(1, choices=["a cat", "a dog", "a cow"], answer="a cat", question_type="multi_choice")
    rows = [{**(chosen if n < 54 else vista(1, answer="x")), "pid": str(n)} for n in range(100)]
    tasks = load_tasks(f"mathvista:{write(tmp_path / 'testmini-0.parquet', rows, 100)}", "image_qa")
    assert abs(share(list(tasks), 40) - 0.179) < 0.03


def test_a_group_of_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = load_tasks(f"mmsi-bench:{write(tmp_path / 'x.parquet', mmsi_rows(8))}", "image_qa")
    row_picture._column.cache_clear()
    read: list[int] = []
    original = parquet._read_group

    def noted(file: str, number: int, columns: Sequence[str] | None) -> Any:
        read.append(number)
        return original(file, number, columns)

    monkeypatch.setattr(parquet, "_read_group", noted)
    assert shade(tasks[7].images[1]) == 170
    assert set(read) == {3}, "no other row group is decoded"
    copy = pickle.loads(pickle.dumps(tasks))
    assert copy[7] == tasks[7]


def test_played_in_the_environment(tmp_path: Path) -> None:
    env = gym.make("adagym/ImageQA-v0", tasks=f"mmsi-bench:{write(tmp_path / 'x.parquet', mmsi_rows())}")
    observation, _ = env.reset(options={"task": "mmsi-bench/positional-relationship-cam-cam/1"})
    assert [picture.shape for picture in observation["images"]] == [(30, 40, 3)] * 3
    call = '{"name": "crop_image", "parameters": {"bbox_2d": [0, 0, 9, 9], "target_image": 3}}'
    observation, *_ = env.step(f"<think>x</think><tool_call>{call}</tool_call>")
    assert observation["images"][0].shape == (9, 9, 3)
    _, reward, terminated, _, info = env.step("<think>x</think><response>\\boxed{B}</response>")
    assert (float(reward) > 4, terminated, info["reward_parts"]["accuracy"]) == (True, True, 1.0)


@pytest.mark.parametrize("name", ["infovqa", "mathvista", "mme", "mmsi-bench", "mmstar", "spar-bench"])
def test_what_cannot_be_used(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load_tasks(f"{name}:{tmp_path / 'gone'}", "image_qa")
    file = write(tmp_path / "x.parquet", [{"question": "What?"}])
    with pytest.raises(DataError, match="has no column"):
        load_tasks(f"{name}:{file}", "image_qa")
    with pytest.raises(UsageError, match="family `image_qa`, not `vstar`"):
        load_tasks(f"{name}:{file}", "vstar")
    if name in ("infovqa", "mathvista"):
        with pytest.raises(UsageError, match="`split` is one of"):
            load_tasks(f"{name}:{file},split=dev", "image_qa")


def test_rows_that_cannot_be_used(tmp_path: Path) -> None:
    rows = mmsi_rows(4)
    rows[0]["answer"], rows[1]["question"], rows[2]["images"], rows[3]["images"] = "Z9", "", [], [b"no picture"] * 2
    tasks = load_tasks(f"mmsi-bench:{write(tmp_path / 'x.parquet', rows)}", "image_qa")
    for place, message in ((0, "names none of them"), (1, "has no question"), (2, "no list of pictures")):
        with pytest.raises(DataError, match=message):
            tasks[place]
    with pytest.raises(DataError, match=r"row 3 of .*none of the known formats"):
        tasks[3].images[0].load()
