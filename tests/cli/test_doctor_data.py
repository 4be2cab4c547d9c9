"""``adagym doctor --data``: benchmarks recognised by their files and columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from adagym.cli import main
from adagym.envs.tasks import SOURCES
from adagym.envs.tasks.benchmark_forms import FORMS
from adagym.envs.tasks.recognise import Found, survey
from adagym.errors import DataError

Write = Callable[[Path], None]
OPTIONS = ["A. x", "B. y", "C. z"]
RL = {"problem": "?", "problem_type": "multiple choice", "options": OPTIONS, "solution": "B"}
RAW = {"question": "?", "image": ["1.png"], "is_video": False, "answer": "3", "qid": "1"}
PREPARED = {
    "data_source": "d",
    "prompt": [{"role": "user", "content": "<image>?"}],
    "images": [{"image": "1.png"}],
    "reward_model": {"style": "rule", "ground_truth": "3"},
    "extra_info": {"is_video": False, "qid": "q"},
}


def table(name: str, *rows: dict[str, Any]) -> Write:
    """A file with these rows, in the format that its name says."""

    def write(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
        elif path.suffix == ".tsv":
            lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
            path.write_text("\n".join(lines) + "\n")
        else:
            path.write_text(json.dumps(list(rows)))

    return write


def vsp(folder: Path) -> None:
    (folder / "maze" / "task-main" / "maps").mkdir(parents=True)


QA = {"question": "?", "answer": "A"}
IMAGE = {"image": {"bytes": b"\x89PNG", "path": None}}
FOUR = {letter: f"is {letter}" for letter in "ABCD"}

KNOWN: dict[str, tuple[Write, str, int | None]] = {
    "adatooler-rl": (table("rl.json", {**RL, "data_type": "image", "path": "1.png"}), "adatooler:{}/rl.json", 1),
    "adatooler-tree": (table("json/Chart/a.json", {**RL, "data_type": "video", "path": "v.mp4"}), "adatooler:{}", 1),
    "adatooler-prepared": (table("train.parquet", PREPARED), "adatooler:{}/train.parquet", 1),
    "adatooler-raw": (table("raw.parquet", RAW), "adatooler:{}/raw.parquet", 1),
    "mvbench": (
        table(
            "json/action_count.json", {"video": "v.mp4", "question": "?", "candidates": ["2", "3", "4"], "answer": "2"}
        ),
        "mvbench:{}",
        1,
    ),
    "video-mme": (
        table(
            "videomme/test-0.parquet",
            {**QA, "question_id": "001-1", "options": [*OPTIONS, "D. w"], "duration": "short", "videoID": "v"},
        ),
        "video-mme:{}",
        1,
    ),
    "video-mmmu": (
        table(
            "Perception/test-0.parquet",
            {**QA, "id": "validation_Art_1", "options": OPTIONS, "question_type": "multiple-choice"},
        ),
        "video-mmmu:{}",
        None,
    ),
    "vsi-bench": (
        table(
            "test-0.parquet",
            {
                **{"id": 0, "dataset": "scannet", "scene_name": "s", "question_type": "object_counting"},
                **{"question": "How many?", "ground_truth": "4", "options": None},
            },
        ),
        "vsi-bench:{}",
        1,
    ),
    "longvideo-reason": (
        table("data/val.parquet", {"videos": "v.mp4", "problem": "? A. x B. y", "answer": "A"}),
        "longvideo-reason:{},split=val",
        1,
    ),
    "perception-test": (
        table(
            "mc_question_val/validation-0.parquet",
            {
                **{
                    "video_name": "v",
                    "question": "?",
                    "question_id": "0",
                    "options": ["x", "y", "z"],
                    "answer_id": "1",
                },
                **{"area": "physics", "reasoning": "r", "tag": ["t"]},
            },
        ),
        "perception-test:{}",
        1,
    ),
    "video-holmes": (
        table(
            "train_Video-Holmes.json",
            {
                **{"video ID": "v", "Question ID": "0", "Question Type": "SR", "Question": "?"},
                **{"Options": {"A": "x", "B": "y"}, "Answer": "A", "Explanation": ""},
            },
        ),
        "video-holmes:{},split=train",
        1,
    ),
    "mmsi-bench": (
        table("MMSI_Bench.parquet", {**QA, "id": 0, "images": [b"", b""], "question_type": "x", "thought": ""}),
        "mmsi-bench:{}",
        1,
    ),
    "spar-bench": (
        table(
            "data/test-0.parquet",
            {**QA, "id": "0", "image": [IMAGE["image"]], "task": "depth_prediction_oc", "format_type": "fill"}
            | {"img_type": "single_view"},
        ),
        "spar-bench:{}",
        1,
    ),
    "mme": (table("data/test-0.parquet", {**QA, **IMAGE, "question_id": "a.png", "category": "OCR"}), "mme:{}", None),
    "infovqa": (
        table(
            "InfographicVQA/validation-0.parquet",
            {**IMAGE, "questionId": "1", "question": "?", "answers": ["a"], "data_split": "val"},
        ),
        "infovqa:{}",
        1,
    ),
    "mathvista": (
        table(
            "data/testmini-0.parquet",
            {
                **{"pid": "1", "question": "?", "choices": ["x", "y"], "unit": None, "precision": None, "answer": "x"},
                **{"question_type": "multi_choice", "answer_type": "text", "decoded_image": IMAGE["image"]},
            },
        ),
        "mathvista:{}",
        1,
    ),
    "mmbench": (
        table("MMBench_TEST_EN.tsv", {"index": 1, "question": "?", **FOUR, "category": "c", "image": "aGk=" * 30}),
        "mmbench:{},split=TEST_EN",
        1,
    ),
    "mmstar": (
        table("mmstar.parquet", {**QA, **IMAGE, "index": 0, "category": "c", "l2_category": "l"}),
        "mmstar:{}",
        1,
    ),
    "vstar-bench": (
        table(
            "relative_position/sa_1.json",
            {"target_object": ["cup"], "bbox": [[1, 2, 3, 4]], "question": "?", "options": ["a cup", "a dog"]},
        ),
        "vstar-bench:{}",
        None,
    ),
    "hr-bench": (
        table(
            "hr_bench_8k.parquet",
            {"index": 0, "question": "?", "image": "aGk=", **FOUR, "answer": "A", "category": "single"}
            | {"cycle_category": "cycle_0"},
        ),
        "hr-bench:{},size=8k",
        1,
    ),
    "blink-jigsaw": (
        table(
            "Jigsaw/val-00000-of-00001.parquet",
            {
                **{"idx": "val_Jigsaw_1", "prompt": "?", "choices": ["a", "b"], "answer": "(A)"},
                **{f"image_{number}": IMAGE["image"] for number in range(1, 5)},
            },
        ),
        "blink-jigsaw:{}",
        1,
    ),
    "jigsaw-coco": (
        table(
            "data/test.parquet",
            {
                **{"idx": "COCO_test_1", "question_image": IMAGE["image"], "choice_images": [IMAGE["image"]] * 2},
                **{"question_text": "?", "correct_answer": "A"},
            },
        ),
        "jigsaw-coco:{}",
        1,
    ),
    "guichat": (
        table("validation.parquet", {**IMAGE, **QA, "question_answer_with_box": "? A [1, 2, 3, 4]"}),
        "guichat:{}",
        1,
    ),
    "webmmu": (
        table("english.parquet", {**IMAGE, "question": "?", "ground_truth": "a", "question_type": "Functional"}),
        "webmmu:{}",
        1,
    ),
    "vsp": (vsp, "vsp:{}", None),
    "vspo": (
        table(
            "data/navigation_test-0.parquet",
            {**QA, **IMAGE, "idx": "0", "text": "?", "task_type": "navigation", "gym_map": '[["S", "G"]]'},
        ),
        "vspo:{}",
        None,
    ),
}
"""A source, how a folder for it is made, the task source that is told, and the number of tasks if it can be opened."""


@pytest.mark.parametrize("name", KNOWN)
def test_a_benchmark_is_recognised_by_its_columns(name: str, tmp_path: Path) -> None:
    write, spec, tasks = KNOWN[name]
    home = tmp_path / "fetched" / "here"
    home.mkdir(parents=True)
    write(home)
    seen = survey(tmp_path)
    assert seen.unknown == ()
    assert {item.spec for item in seen.found} == {spec.format(home)}
    if tasks is not None:
        assert [item.tasks for item in seen.found] == [tasks], seen.found


def test_every_source_that_reads_a_folder_is_there() -> None:
    generated = {"gui", "images", "jigsaw", "scored", "short", "video", "video-clips", "vsp-generated", "vstar"}
    assert {form.source for form in FORMS} - {""} == set(SOURCES.names()) - generated


def only(folder: Path) -> Found:
    (found,) = survey(folder).found
    return found


def test_missing_media_are_counted(tmp_path: Path) -> None:
    rows = [{**RL, "data_type": "image", "path": [f"{n}.png", f"{n}b.png"]} for n in range(3)]
    rows.append({**RL, "data_type": "image", "path": "1.png", "problem_type": "essay"})
    table("rl.json", *rows)(tmp_path)
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    found = only(tmp_path)
    assert found.tasks == 3
    assert found.missing == (
        "rows left out for the problem type 'essay': 1",
        f"pictures or videos of 3 tasks looked at: 5, the first is {tmp_path / '0b.png'}",
    )


def test_missing_videos_and_frames_are_counted(tmp_path: Path) -> None:
    rows = [{**RL, "data_type": "video", "path": path} for path in ("a.mp4", ["f/1.jpg", "f/2.jpg"], "../out.mp4")]
    table("rl.json", *rows)(tmp_path)
    (tmp_path / "f").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "f" / "2.jpg")
    unreadable, missing = only(tmp_path).missing
    assert unreadable.startswith("rows of 3 looked at that cannot be read: 1; The data names the file '../out.mp4'")
    assert missing == f"pictures or videos of 3 tasks looked at: 2, the first is {tmp_path / 'a.mp4'}"


def test_missing_columns_and_unknown_files_are_told(tmp_path: Path) -> None:
    table("MMStar.parquet", {**QA, **IMAGE, "index": 0, "category": "c"})(tmp_path)
    table("other.json", {"name": "x", "age": 3})(tmp_path)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "dataset_info.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("no table")
    seen = survey(tmp_path)
    assert seen.found == ()
    assert {path.name: said for path, said in seen.unknown} == {
        "MMStar.parquet": "like MMStar, without l2_category",
        "broken.parquet": "no table with named columns",
        "other.json": "columns name, age",
    }


def test_how_deep_and_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "/".join("abcdefg")
    deep.mkdir(parents=True)
    write = table("rl.json", {**RL, "data_type": "image", "path": "1.png"})
    write(deep)
    assert survey(tmp_path).found == ()
    assert len(survey(deep).found) == 1
    for number in range(4):
        table(f"{number}.json", {"a": 1})(tmp_path)
    monkeypatch.setattr("adagym.envs.tasks.recognise.MOST", 3)
    seen = survey(tmp_path)
    assert (len(seen.unknown), seen.cut) == (3, True)
    with pytest.raises(DataError, match="does not exist"):
        survey(tmp_path / "none")


def test_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    rows = [{**RL, "data_type": kind, "path": "x"} for kind in ("image", "video", "image")]
    table("train/rl.json", *rows)(tmp_path)
    table("sft.json", {"conversations": [], "images": []})(tmp_path)
    table("x.jsonl", {"a": 1})(tmp_path)
    assert main(["doctor", "--data", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "adagym/ImageQA-v0" in shown
    assert "adagym/VideoQA-v0" in shown
    assert f"AdaTooler-V, RL or evaluation: adatooler:{tmp_path}/train/rl.json" in shown
    assert "train sft ENV --data" in shown
    assert "1 files of no known benchmark:" in shown
    assert f"{tmp_path}/x.jsonl: columns a" in shown
    (tmp_path / "mme").mkdir()
    table("mme/data/test-0.parquet", {**QA, **IMAGE, "question_id": "a", "category": "OCR"})(tmp_path)
    code = main(["doctor", "--data", str(tmp_path / "mme")])
    assert code == int(only(tmp_path / "mme").tasks is None)
    assert main(["doctor", "--data", str(tmp_path / "none")]) == 2
