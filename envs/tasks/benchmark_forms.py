"""What the files of each benchmark look like, as far as it tells them apart. The readers themselves check the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """One form in which a benchmark is published."""

    benchmark: str
    source: str
    """The task source; empty for data that no source reads."""
    families: tuple[str, ...]
    columns: tuple[str, ...]
    """Every table of this form has them."""
    layouts: tuple[tuple[str, str], ...] = (("*", ""),)
    """Where the table is below the source's folder, and the options that this place asks for; ``.`` in place of an
    option means that the file itself is given. The first layout that fits counts."""
    absent: tuple[str, ...] = ()
    """Columns that others have which look alike."""
    note: str = ""
    """What else there is to say."""


_IMAGE, _VIDEO = ("image_qa",), ("video_qa",)
_BOTH = ("image_qa", "video_qa")
_PARTS = (("data/*.parquet", ""), ("*", ""))
_ADATOOLER = (("json/*/*.json", ""), ("json/*.json", ""), ("*", "."))

FORMS: Sequence[Form] = (
    Form(
        "AdaTooler-V, RL or evaluation",
        "adatooler",
        _BOTH,
        ("problem", "problem_type", "data_type", "path", "solution"),
        _ADATOOLER,
    ),
    Form(
        "AdaTooler-V, prepared for verl",
        "adatooler",
        _BOTH,
        ("data_source", "prompt", "images", "reward_model", "extra_info"),
        _ADATOOLER,
        absent=("env_name",),
    ),
    Form("AdaTooler-V, raw rows", "adatooler", _BOTH, ("question", "image", "is_video", "answer"), _ADATOOLER),
    Form(
        "Conversations (ShareGPT)",
        "",
        (),
        ("conversations",),
        (("*", "."),),
        note="to learn from: adagym train sft ENV --data {path} --dialect adatooler",
    ),
    Form(
        "MVBench",
        "mvbench",
        _VIDEO,
        ("video", "question", "candidates", "answer"),
        (("json/*.json", ""), ("*/*.parquet", ""), ("*", "")),
    ),
    Form(
        "Video-MME",
        "video-mme",
        _VIDEO,
        ("question_id", "question", "options", "answer", "duration"),
        (("videomme/*.parquet", ""), ("*", "")),
    ),
    Form("Video-MME", "video-mme", _VIDEO, ("video_id", "duration", "questions"), (("*", ""),)),
    Form(
        "Video-MMMU",
        "video-mmmu",
        _VIDEO,
        ("id", "question", "options", "answer", "question_type"),
        (("*/*.parquet", ""),),
        absent=("dataset",),
    ),
    Form(
        "VSI-Bench",
        "vsi-bench",
        _VIDEO,
        ("dataset", "scene_name", "question_type", "question", "ground_truth", "options"),
        (
            ("*debiased*.parquet", ",config=debiased"),
            ("debiased/*.parquet", ",config=debiased"),
            ("*pruned*.parquet", ",config=pruned"),
            ("pruned/*.parquet", ",config=pruned"),
            ("full/*.parquet", ""),
            ("*", ""),
        ),
    ),
    Form(
        "LongVideo-Reason",
        "longvideo-reason",
        _VIDEO,
        ("videos", "problem", "answer"),
        tuple(
            (f"{folder}{split}*", f",split={split}" if split != "test" else "")
            for split in ("test", "train", "val")
            for folder in ("data/", "")
        ),
    ),
    Form(
        "Perception Test",
        "perception-test",
        _VIDEO,
        ("video_name", "question", "question_id", "options", "area", "reasoning"),
        (("mc_question_val/*.parquet", ""), ("validation*", ""), ("train*", ",split=train"), ("test*", ",split=test")),
    ),
    Form(
        "Perception Test",
        "perception-test",
        _VIDEO,
        ("metadata", "mc_question"),
        (("*valid*", ""), ("*train*", ",split=train"), ("*test*", ",split=test")),
    ),
    Form(
        "Video-Holmes",
        "video-holmes",
        _VIDEO,
        ("video ID", "Question ID", "Question Type", "Question", "Options", "Answer"),
        (("train*", ",split=train"), ("*", "")),
    ),
    Form("MMSI-Bench", "mmsi-bench", _IMAGE, ("id", "images", "question_type", "question", "answer"), _PARTS),
    Form("SPAR-Bench", "spar-bench", _IMAGE, ("id", "image", "question", "answer", "task", "format_type"), _PARTS),
    Form(
        "MME",
        "mme",
        _IMAGE,
        ("question_id", "image", "question", "answer", "category"),
        _PARTS,
        absent=("l2_category", "text"),
    ),
    Form(
        "InfoVQA",
        "infovqa",
        _IMAGE,
        ("questionId", "question", "answers", "image", "data_split"),
        (
            ("InfographicVQA/test-*", ",split=test"),
            ("InfographicVQA/*", ""),
            ("data/test-*", ",split=test"),
            ("data/*", ""),
            ("test-*", ",split=test"),
            ("*", ""),
        ),
    ),
    Form(
        "MathVista",
        "mathvista",
        _IMAGE,
        ("pid", "question", "choices", "answer", "question_type", "answer_type"),
        (("data/testmini-*", ""), ("testmini-*", ""), ("data/test-*", ",split=test"), ("test-*", ",split=test")),
    ),
    Form(
        "MMBench",
        "mmbench",
        _IMAGE,
        ("index", "question", "A", "B", "image", "category"),
        tuple(
            (f"MMBench_{split}.tsv", f",split={split}" if split != "DEV_EN" else "")
            for split in ("DEV_EN", "TEST_EN", "DEV_CN", "TEST_CN")
        ),
    ),
    Form(
        "MMStar",
        "mmstar",
        _IMAGE,
        ("index", "question", "image", "answer", "category", "l2_category"),
        (("data/*.parquet", ""), ("val/*.parquet", ""), ("*", "")),
    ),
    Form("V* bench", "vstar-bench", ("vstar",), ("image", "text", "category", "label", "question_id")),
    Form(
        "V* bench",
        "vstar-bench",
        ("vstar",),
        ("target_object", "bbox", "question", "options"),
        (("direct_attributes/*.json", ""), ("relative_position/*.json", "")),
    ),
    Form(
        "HR-Bench",
        "hr-bench",
        ("vstar",),
        ("index", "question", "image", "A", "B", "C", "D", "answer", "cycle_category"),
        (("hr_bench_8k.parquet", ",size=8k"), ("hr_bench_4k.parquet", ""), ("*.parquet", ".")),
    ),
    Form(
        "BLINK, Jigsaw",
        "blink-jigsaw",
        ("jigsaw",),
        ("idx", "prompt", "image_1", "image_2", "choices", "answer"),
        (
            ("Jigsaw/test-*", ",split=test"),
            ("Jigsaw/val-*", ""),
            ("test-*", ",split=test"),
            ("val-*", ""),
        ),
    ),
    Form(
        "AdaEval, Jigsaw-COCO",
        "jigsaw-coco",
        ("jigsaw",),
        ("idx", "question_image", "choice_images", "question_text", "correct_answer"),
        _PARTS,
    ),
    Form(
        "AdaEval, VSPO",
        "vspo",
        ("vsp_navigation", "vsp_verification"),
        ("idx", "image", "text", "answer", "task_type", "gym_map"),
        _PARTS,
        absent=("level",),
    ),
    Form(
        "AdaEval, VSP",
        "",
        (),
        ("idx", "image", "text", "answer", "task_type", "gym_map", "level"),
        note="no task source reads this form; vsp:DIR reads the folders of VSP itself",
    ),
    Form(
        "GUIChat, AdaEval-web_guichat",
        "guichat",
        ("gui_qa",),
        ("image", "question", "answer", "question_answer_with_box"),
    ),
    Form("GUIChat", "guichat", ("gui_qa",), ("image_id", "task_type", "text"), (("guichat_data.json", ""),)),
    Form("WebMMU, web_qa", "webmmu", ("gui_qa",), ("image", "question", "ground_truth", "question_type")),
    Form(
        "VSP",
        "vsp",
        ("vsp_navigation",),
        ("task-main/maps",),
        (("VSP-main/maze/task-main/maps", ""), ("maze/task-main/maps", ""), ("task-main/maps", "")),
    ),
    Form(
        "VSP",
        "vsp",
        ("vsp_verification",),
        ("task4/maps",),
        (("VSP-main/maze/task4/maps", ""), ("maze/task4/maps", ""), ("task4/maps", "")),
    ),
)
"""All of them. A table is of the form that has the most columns of those whose columns it has."""

BESIDE = ("guichat_images.parquet", "dataset_info.json", "frames.json", "config.json", "summary.json")
"""Files that stand beside data and are not listed as unknown."""
