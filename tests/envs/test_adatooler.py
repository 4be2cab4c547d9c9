"""AdaTooler-V's data, from small files of exactly its schemas."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from adagym.envs.tasks.adatooler import AdaTooler
from adagym.errors import DataError, UsageError
from adagym.rewards.accuracy import RULES
from adagym.testing import check_task_source
from adagym.types import Task
from adagym.video import open_video

GUIDELINES = "\n\nGuidelines: Understand the given visual information and the user query. Use `crop_image`."


def row(**changes: Any) -> dict[str, Any]:
    base = {
        "problem": "Which one is it?",
        "problem_id": 7,
        "problem_type": "multiple choice",
        "data_type": "image",
        "path": "./images/1.png",
        "options": ["A. red", "B. blue", "C. A. green"],
        "solution": "<answer>B</answer>",
        "data_source": "Chart/PlotQA",
    }
    return {**base, **changes}


def rl_file(folder: Path, rows: list[dict[str, Any]], name: str = "adatooler_v_rl.json") -> Path:
    (folder / name).write_text(json.dumps(rows))
    return folder / name


@pytest.fixture
def media(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number in (1, 2, 3):
        Image.new("RGB", (10 * number, 20), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    return tmp_path


def score(task: Task, answer: str) -> float:
    value = RULES[task.answer_type](task, answer)
    assert value is not None
    return float(value)


def test_a_row_of_the_rl_file(media: Path) -> None:
    (task,) = AdaTooler("image_qa", rl_file(media, [row(delta_s=-0.375)]))
    assert (task.id, task.split, task.tool_benefit) == ("adatooler/Chart/PlotQA/adatooler_v_rl-0", "train", -0.375)
    assert task.choices == ("red", "blue", "A. green")
    assert task.prompt.startswith("Which one is it?\n(A) red\n(B) blue\n(C) A. green\nAnswer with the letter")
    assert (task.answer, task.answer_type) == ("B", "choice")
    assert task.meta == {"problem_type": "multiple choice", "problem_id": "7"}
    assert task.images[0].load().shape == (20, 10, 3)


def test_without_delta_s_there_is_no_benefit(media: Path) -> None:
    rows = [row(), row(delta_s=None), row(delta_s=float("nan")), row(delta_s=0)]
    assert [task.tool_benefit for task in AdaTooler("image_qa", rl_file(media, rows))] == [None, None, None, 0.0]


@pytest.mark.parametrize(
    ("changes", "right", "part", "wrong"),
    [
        ({"solution": "<answer>A, C</answer>"}, "C and A", None, "A,A"),
        ({"solution": ["C", "A"]}, "A, C", None, "A"),
        ({"problem_type": "numerical", "solution": "<answer>3.50</answer>"}, "3.5", None, "3.6"),
        ({"problem_type": "numerical", "solution": r"<answer>2\sqrt{3}</answer>"}, r"2\sqrt{3}", None, "2"),
        ({"problem_type": "regression", "solution": "<answer>4</answer>"}, "4 m", "3", "9"),
        ({"problem_type": "OCR", "solution": "<answer>EXIT 12</answer>"}, "EXIT 12", "EXIT 13", None),
        ({"problem_type": "free-form", "solution": "<answer>a red cat</answer>"}, "A red cat.", "a red dog", "boat"),
    ],
)
def test_right_wrong_empty_and_hostile_answers(
    media: Path, changes: dict[str, Any], right: str, part: str | None, wrong: str | None
) -> None:
    options = row()["options"] if changes.get("problem_type") is None else []
    (task,) = AdaTooler("image_qa", rl_file(media, [row(**{"options": options, **changes})]))
    assert score(task, right) == pytest.approx(1)
    if part is not None:
        assert 0.2 < score(task, part) < 1
    if wrong is not None:
        assert score(task, wrong) == 0
    assert score(task, "") == 0
    assert score(task, "<answer>" * 500 + "\0\ud800") == 0


def test_a_guesser_is_right_by_chance(media: Path) -> None:
    letters = random.Random(3).choices("ABCD", k=400)
    options = ["A. one", "B. two", "C. three", "D. four"]
    rows = [row(options=options, solution=f"<answer>{letter}</answer>") for letter in letters]
    rng = random.Random(1)
    tasks = AdaTooler("image_qa", rl_file(media, rows))
    hits = sum(score(task, rng.choice("ABCD")) for task in tasks)
    assert hits / len(tasks) == pytest.approx(1 / 4, abs=0.06)


def test_several_pictures_are_all_kept_and_named(media: Path) -> None:
    paths = [f"images/{number}.png" for number in (3, 1, 2)]
    rows = [
        row(path=paths, problem="<image><image><image>\nWhich?"),
        row(path=paths, problem="Is <image> like <image> or like <image>?"),
        row(path=paths, problem="Is <image> like the others?"),
        row(path=paths[:1], problem="<video>Which? <image>"),
    ]
    tasks = AdaTooler("image_qa", rl_file(media, rows))
    assert [image.load().shape[1] for image in tasks[0].images] == [30, 10, 20]
    firsts = [task.prompt.partition("\n")[0] for task in tasks]
    assert firsts == ["Which?", "Is img_1 like img_2 or like img_3?", "Is  like the others?", "Which?"]


def test_each_family_plays_its_rows(media: Path) -> None:
    file = rl_file(media, [row(), row(data_type="video", path="./Video/a.mp4"), row()])
    assert [task.id[-1] for task in AdaTooler("image_qa", file)] == ["0", "2"]
    (task,) = AdaTooler("video_qa", file)
    assert (task.video, task.images, task.id[-1]) == (str(media / "Video" / "a.mp4"), (), "1")
    with pytest.raises(UsageError, match="image_qa and video_qa, not `vstar`"):
        AdaTooler("vstar", file)


def test_the_evaluation_file(media: Path) -> None:
    one = row(path="./Evaluation/VSI/s.mp4", data_type="video", problem_type="regression", solution="2.5")
    del one["data_source"], one["options"]
    (task,) = AdaTooler("video_qa", rl_file(media, [one], "eval_vsibench.json"))
    assert (task.id, task.split) == ("adatooler/eval_vsibench/eval_vsibench-0", "test")
    assert (task.answer, task.answer_type) == ("2.5", "regression")
    assert task.video == str(media / "Evaluation" / "VSI" / "s.mp4")


def prepared(media: Path, images: list[str], **changes: Any) -> dict[str, Any]:
    extra = {"split": "train", "index": 3, "qid": "q-3", "is_video": False, "images": images, "problem_type": "OCR"}
    text = f"{'<image>' * len(images)}What is written?{GUIDELINES}"
    return {
        "data_source": "TIGER-Lab/PixelReasoner-RL-Data",
        "prompt": [{"role": "system", "content": "Tools."}, {"role": "user", "content": text}],
        "images": [{"image": path} for path in images],
        "ability": "visual_reasoning",
        "reward_model": {"style": "rule", "ground_truth": "STOP"},
        "extra_info": {**extra, "Tool_Benefit_Score": 0.5, **changes},
    }


def test_the_prepared_parquet(media: Path) -> None:
    paths = [str(media / "images" / f"{number}.png") for number in (1, 2)]
    rows = [prepared(media, paths), prepared(media, paths, is_video=True, problem_type="free-form")]
    parquet.write_table(pyarrow.Table.from_pylist(rows), media / "train.parquet")
    (task,) = AdaTooler("image_qa", media / "train.parquet")
    assert task.prompt == "What is written?\nAnswer with the text exactly as it is written there."
    assert (task.answer, task.answer_type, task.tool_benefit) == ("STOP", "ocr", 0.5)
    assert (task.meta["problem_id"], len(task.images)) == ("q-3", 2)
    (film,) = AdaTooler("video_qa", media)
    assert film.answer_type == "free_form"
    assert film.video is not None
    assert open_video(film.video).size == (10, 20)
    with pytest.raises(DataError, match="The frames of a video have one size"):
        open_video(film.video).frames([0, 1])


def test_the_raw_rows(media: Path) -> None:
    (media / "videos").mkdir()
    rows: list[dict[str, Any]] = [
        {"question": "Which?\n(A) red\n(B) blue", "image": ["1.png", "2.png"], "is_video": False, "answer": "A"},
        {"question": "How many?", "image": ["1.png"], "is_video": False, "answer": "12"},
        {"question": "What happens?", "image": ["f/0.jpg"], "is_video": True, "answer": "He falls."},
    ]
    rows = [{**values, "qid": str(number)} for number, values in enumerate(rows)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), media / "raw.parquet", row_group_size=1)
    tasks = AdaTooler("image_qa", media / "raw.parquet")
    check_task_source(tasks, "image_qa")
    assert [task.answer_type for task in tasks] == ["choice", "number"]
    assert [len(task.images) for task in tasks] == [2, 1]
    assert tasks[0].choices == ("red", "blue")
    assert tasks[0].prompt.count("(A)") == 1  # the options stand in the question already
    (film,) = AdaTooler("video_qa", media / "raw.parquet")
    assert (film.answer_type, film.video) == ("free_form", f'frames:["{media}/videos/f/0.jpg"]')


def test_a_folder_of_files_and_its_media(media: Path) -> None:
    for category, source in (("Chart", "PlotQA"), ("OCR", "STVQA")):
        (media / "json" / category).mkdir(parents=True)
        rl_file(media / "json" / category, [row(data_source=source)] * 2, f"{source}.json")
    (media / "notes.json").write_text('{"an": "other"}')
    tasks = AdaTooler("image_qa", media)
    check_task_source(tasks, "image_qa")
    names = [task.id.removeprefix("adatooler/") for task in tasks]
    assert names[1:3] == ["PlotQA/json.Chart.PlotQA-1", "STVQA/json.OCR.STVQA-0"]
    alone = AdaTooler("image_qa", media / "json" / "OCR" / "STVQA.json", media=str(media))
    assert alone[0].images[0].load().shape == (20, 10, 3)


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "images/../../x.png", "a\0b", ["images/1.png", "../x"]])
def test_nothing_outside_of_the_media_is_opened(media: Path, path: object) -> None:
    tasks = AdaTooler("image_qa", rl_file(media, [row(path=path)]))
    with pytest.raises(DataError, match=r"is not inside of .* media=DIR"):
        tasks[0]


def test_absolute_paths_inside_of_the_media_are_fine(media: Path) -> None:
    tasks = AdaTooler("image_qa", rl_file(media, [row(path=str(media / "images" / ".." / "images" / "2.png"))]))
    assert tasks[0].images[0].load().shape == (20, 20, 3)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"problem_type": "essay"}, "the problem type 'essay'"),
        ({"data_type": "audio"}, "the data type 'audio'"),
        ({"solution": "<answer></answer>"}, "no answer"),
        ({"solution": "<answer>D</answer>"}, "an answer that is none of the options"),
        ({"options": ["B. x", "A. y"]}, "options whose letters are not A, B, C, ... in order"),
        ({"options": "A. x"}, "options that are not a list of texts"),
        ({"problem": " "}, "no problem"),
        ({"path": []}, "no path of a picture or video"),
        ({"delta_s": 1.5}, "a Tool Benefit Score outside of -1 to 1"),
        ({"problem_type": "regression", "solution": "much", "options": []}, "an answer that is not a number"),
    ],
)
def test_rows_that_cannot_be_tasks_are_counted(media: Path, changes: dict[str, Any], reason: str) -> None:
    tasks = AdaTooler("image_qa", rl_file(media, [row(), row(**changes), row()]))
    assert [task.id[-1] for task in tasks] == ["0", "2"]
    assert dict(tasks.left_out) == {reason: 1}
    with pytest.raises(DataError, match="can be a task of `image_qa`: 1 rows with"):
        AdaTooler("image_qa", rl_file(media, [row(**changes)]))


def test_files_of_another_form(media: Path) -> None:
    with pytest.raises(DataError, match=r"has question, and not problem, problem_type"):
        AdaTooler("image_qa", rl_file(media, [{"question": "?"}]))
    with pytest.raises(DataError, match="does not exist; give a JSON or Parquet file"):
        AdaTooler("image_qa", media / "none")
    with pytest.raises(DataError, match="holds no data of AdaTooler-V"):
        AdaTooler("image_qa", media / "images")
    with pytest.raises(DataError, match="holds no question"):
        AdaTooler("video_qa", rl_file(media, [row()]))
