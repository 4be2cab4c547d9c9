"""Every registered task source passes the contract kit, on the smallest files in its benchmark's form."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from adagym.envs.tasks import SOURCES, load_tasks
from adagym.testing import check_task_source

FAMILIES = ("vsp_navigation", "vsp_verification")


def benchmark_folder(folder: Path, family: str) -> Path:
    """The smallest folder in the benchmark's layout: one map, one picture."""
    maps = folder / {"vsp_navigation": "task-main/maps/level2", "vsp_verification": "task4/maps/level_step3"}[family]
    files = {
        "table/0.txt": "| | Col 1 | Col 2 |\n| Row 1 | @ | _ |\n| Row 2 | # | * |\n",
        "text/0.txt": "SF\nHG\n",
        "question/0.txt": "RD",
        "answer/0.txt": "Y",
    }
    for name, content in files.items():
        path = maps / name
        path.parent.mkdir(parents=True)
        path.write_text(content)
    (maps / "img").mkdir()
    Image.new("RGB", (128, 128)).save(maps / "img" / "0.png")
    return folder


def scored_folder(folder: Path, family: str) -> Path:
    """Scores of five generated tasks, as ``adagym benefit`` leaves them."""
    spec = "vsp-generated:sides=4,n=5"
    scores = [{"id": task.id, "index": i, "benefit": i / 4} for i, task in enumerate(load_tasks(spec, family))]
    (folder / "config.json").write_text(json.dumps({"family": family, "tasks": spec}))
    (folder / "benefit.jsonl").write_text("".join(f"{json.dumps(score)}\n" for score in scores))
    return folder


def png(side: int) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((side, side), 80).save(stream, "PNG")
    return stream.getvalue()


def vspo_file(folder: Path, family: str) -> Path:
    """One row of AdaEval-VSPO."""
    kind = "navigation" if family == "vsp_navigation" else "verify"
    row = {"idx": "0", "image": {"bytes": png(64)}, "text": "R", "answer": "Yes", "task_type": kind}
    parquet.write_table(pyarrow.Table.from_pylist([{**row, "gym_map": '[["S", "G"]]'}]), folder / "vspo.parquet")
    return folder / "vspo.parquet"


def jigsaw_coco_file(folder: Path) -> Path:
    """Two rows of AdaEval-Jigsaw-COCO: one with two options, one with three."""
    rows = [
        {
            "idx": f"COCO_test_{count}",
            "question_image": {"bytes": png(64), "path": "q.jpg"},
            "choice_images": [{"bytes": png(32), "path": "c.jpg"}] * count,
            "question_text": "Which one is the missing part?",
            "correct_answer": "AB"[count - 2],
        }
        for count in (2, 3)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "test.parquet")
    return folder


def blink_file(folder: Path) -> Path:
    """Two rows of BLINK's Jigsaw."""
    rows = [
        {
            "idx": f"val_Jigsaw_{number}",
            "prompt": "Which one is the missing part? (A) the second image (B) the third image",
            **{f"image_{place}": {"bytes": png(32), "path": None} for place in (1, 2, 3)},
            "image_4": None,
            "choices": ["the second image", "the third image"],
            "answer": f"({'AB'[number]})",
        }
        for number in range(2)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "val-00000-of-00001.parquet")
    return folder


def guichat_file(folder: Path) -> Path:
    """Two rows of AdaEval-web_guichat."""
    rows = [{"image": {"bytes": png(32), "path": None}, "question": f"What is {n}?", "answer": str(n)} for n in (1, 2)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "validation.parquet")
    return folder


def webmmu_file(folder: Path) -> Path:
    """Two rows of WebMMU's questions."""
    rows = [
        {
            "image": {"bytes": png(32), "path": None},
            "question": "What?",
            "ground_truth": answer,
            "question_type": "Functional",
        }
        for answer in ("The menu [1, 2, 30, 40]", "Home")
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "english.parquet")
    return folder


def vstar_folder(folder: Path) -> Path:
    """One question of V* bench."""
    record = {"target_object": ["cup"], "bbox": [[1, 2, 3, 4]], "question": "What?", "options": ["a cup", "a dog"]}
    (folder / "direct_attributes").mkdir()
    (folder / "direct_attributes" / "sa_1.json").write_text(json.dumps(record))
    (folder / "direct_attributes" / "sa_1.jpg").write_bytes(png(32))
    return folder


def hr_file(folder: Path) -> Path:
    """One row of HR-Bench."""
    row = {"index": 0, "question": "What?", "image": base64.b64encode(png(32)).decode(), "category": "single"}
    row |= {"A": "a cup", "B": "a dog", "C": "a cow", "D": "a hen", "answer": "C", "cycle_category": "cycle_0"}
    parquet.write_table(pyarrow.Table.from_pylist([row]), folder / "hr_bench_4k.parquet")
    return folder


STRUCT = {"bytes": png(32), "path": None}
ASKED = {"question": "What? Options: A: a cup, B: a dog", "answer": "B"}
IMAGE_ROWS = {
    "infovqa": (
        "validation-0.parquet",
        {"questionId": "1", "question": "What?", "answers": ["cup"], "data_split": "val", "image": STRUCT},
    ),
    "mathvista": (
        "testmini-0.parquet",
        {"pid": "1", "question": "What?", "choices": ["1", "2"], "unit": None, "precision": None, "answer": "2"}
        | {"question_type": "multi_choice", "answer_type": "integer", "decoded_image": STRUCT},
    ),
    "mme": (
        "test-0.parquet",
        {"question_id": "a.png", "question": "A cup?", "answer": "Yes", "category": "count", "image": STRUCT},
    ),
    "mmsi-bench": ("MMSI_Bench.parquet", {"id": 1, "question_type": "Motion", "images": [png(32)] * 2} | ASKED),
    "mmstar": ("mmstar.parquet", {"index": 1, "category": "math", "l2_category": "geometry", "image": STRUCT} | ASKED),
    "spar-bench": (
        "test-0.parquet",
        {"id": "1", "task": "position_matching", "format_type": "select", "img_type": "multi", "image": [STRUCT]}
        | ASKED,
    ),
}
"""Image benchmark to the name of a file and one row of it."""


def image_file(name: str) -> Callable[[Path, str], str]:
    """Writes one row of an image benchmark; returns the spec."""

    def write(folder: Path, family: str) -> str:
        file, row = IMAGE_ROWS[name]
        parquet.write_table(pyarrow.Table.from_pylist([row]), folder / file)
        return f"{name}:{folder}"

    return write


CHOICES = {"question": "What?", "options": ["A. a cup", "B. a dog", "C. a hen"]}
VIDEO_ROWS = {
    "longvideo-reason": ("test.json", {"videos": "1.mp4", "problem": "What?\nA. a cup\nB. a dog", "answer": "B"}),
    "mvbench": (
        "action_count.json",
        {"video": "1.mp4", "question": "How often?", "candidates": ["1", "2", "3"], "answer": "2"},
    ),
    "perception-test": (
        "valid-0.parquet",
        {"video_name": "1", "question_id": 1, "area": "physics", "reasoning": "", "tag": [], "answer_id": 0} | CHOICES,
    ),
    "video-holmes": (
        "test_Video-Holmes.json",
        {"video ID": "1", "Question ID": 1, "Question Type": "SR", "Question": "Who?", "Answer": "B"}
        | {"Options": {"A": "a cup", "B": "a dog"}},
    ),
    "video-mme": (
        "test-0.parquet",
        {"video_id": "1", "question_id": "1-1", "answer": "B", "duration": "short"} | CHOICES,
    ),
    "video-mmmu": ("{}/test-0.parquet", {"id": "dev_Art_1", "answer": "B", "question_type": "perception"} | CHOICES),
    "vsi-bench": (
        "test.jsonl",
        {"id": 1, "dataset": "scannet", "scene_name": "1", "question_type": "route_planning", "ground_truth": "B"}
        | CHOICES,
    ),
}
"""Video benchmark to the name of a file and one row of it."""


def video_file(name: str) -> Callable[[Path, str], str]:
    """Writes one row of a video benchmark; returns the spec."""

    def write(folder: Path, family: str) -> str:
        file, row = VIDEO_ROWS[name]
        for config in ("Perception", "Comprehension", "Adaptation") if "{}" in file else ("",):
            path = folder / file.format(config)
            path.parent.mkdir(exist_ok=True)
            if path.suffix == ".parquet":
                parquet.write_table(pyarrow.Table.from_pylist([row]), path)
            else:
                path.write_text(json.dumps([row] if path.suffix == ".json" else row))
        return f"{name}:{folder}"

    return write


def mmbench_file(folder: Path) -> Path:
    """One question of MMBench."""
    fields = {"index": "1", "question": "What?", "A": "cup", "B": "dog", "answer": "B", "category": "count"}
    fields["image"] = base64.b64encode(png(32)).decode()
    (folder / "MMBench_DEV_EN.tsv").write_text("\t".join(fields) + "\n" + "\t".join(fields.values()) + "\n")
    return folder


def adatooler_file(folder: Path) -> Path:
    """A question about two pictures and one about a video, in AdaTooler-V's form."""
    question = {"problem": "Which?", "problem_type": "multiple choice", "options": ["A. x", "B. y"], "solution": "B"}
    (folder / "1.png").write_bytes(png(32))
    rows = [{**question, "data_type": "image", "path": ["1.png"] * 2}, {**question, "data_type": "video", "path": "1"}]
    (folder / "rl.json").write_text(json.dumps(rows))
    return folder / "rl.json"


def short_folder(folder: Path, family: str) -> Path:
    """Lengths of three generated tasks, as ``adagym build short`` leaves them."""
    spec = "vsp-generated:sides=4,n=3"
    lines = [{"id": task.id, "index": i, "tokens": 300} for i, task in enumerate(load_tasks(spec, family))]
    (folder / "config.json").write_text(json.dumps({"family": family, "tasks": spec}))
    (folder / "lengths.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


SPECS: dict[str, Callable[[Path, str], str]] = {
    "blink-jigsaw": lambda folder, family: f"blink-jigsaw:{blink_file(folder)}",
    "gui": lambda folder, family: "gui:n=14",
    "guichat": lambda folder, family: f"guichat:{guichat_file(folder)}",
    "images": lambda folder, family: "images:side=320,n=5",
    "mmbench": lambda folder, family: f"mmbench:{mmbench_file(folder)}",
    **{name: image_file(name) for name in IMAGE_ROWS},
    **{name: video_file(name) for name in VIDEO_ROWS},
    "jigsaw": lambda folder, family: "jigsaw:n=8",
    "webmmu": lambda folder, family: f"webmmu:{webmmu_file(folder)}",
    "jigsaw-coco": lambda folder, family: f"jigsaw-coco:{jigsaw_coco_file(folder)}",
    "hr-bench": lambda folder, family: f"hr-bench:{hr_file(folder)}",
    "vsp-generated": lambda folder, family: "vsp-generated:sides=4-5,n=30",
    "video": lambda folder, family: "video:n=10",
    "video-clips": lambda folder, family: "video-clips:n=3,kinds=duration",
    "vstar": lambda folder, family: "vstar:side=320,difficulty=easy,n=6",
    "vstar-bench": lambda folder, family: f"vstar-bench:{vstar_folder(folder)}",
    "vsp": lambda folder, family: f"vsp:{benchmark_folder(folder, family)}",
    "vspo": lambda folder, family: f"vspo:{vspo_file(folder, family)}",
    "scored": lambda folder, family: f"scored:{scored_folder(folder, family)}",
    "adatooler": lambda folder, family: f"adatooler:{adatooler_file(folder)}",
    "short": lambda folder, family: f"short:{short_folder(folder, family)}",
}
"""A spec of each task source, given a folder to write in."""


FAMILIES_OF = {
    "adatooler": ("image_qa", "video_qa"),
    "gui": ("gui_qa",),
    "guichat": ("gui_qa",),
    "webmmu": ("gui_qa",),
    "hr-bench": ("vstar",),
    "images": ("image_qa",),
    "mmbench": ("image_qa",),
    **{name: ("image_qa",) for name in IMAGE_ROWS},
    **{name: ("video_qa",) for name in VIDEO_ROWS},
    "video": ("video_qa",),
    "video-clips": ("video_qa",),
    "vstar": ("vstar",),
    "vstar-bench": ("vstar",),
    "blink-jigsaw": ("jigsaw",),
    "jigsaw": ("jigsaw",),
    "jigsaw-coco": ("jigsaw",),
}
"""Task source to its families, where they are not those of frozen-lake maps."""


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name in SOURCES.names() for family in FAMILIES_OF.get(name, FAMILIES)]
)
def test_task_sources(name: str, family: str, tmp_path: Path) -> None:
    check_task_source(load_tasks(SPECS[name](tmp_path, family), family), family)
