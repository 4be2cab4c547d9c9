"""SPAR-Bench (arXiv 2503.22976): 7,207 questions about space over one picture or several, in 20 tasks.

``data/test-*.parquet`` has ``id, image`` (a list), ``question, answer, task, format_type, img_type``. Eleven tasks have
options, which are part of the question; eight ask for a number and are scored by mean relative accuracy;
``view_change_infer`` asks for moves such as ``move_right:0.3,rotate_left:20``. lmms-eval takes an empty answer for
right, swaps answer and reference where it scores moves, and reads the last number of an answer in some tasks and the
first in others. Here an answer is a letter or the option's words, one number, or moves; nothing else is right.
"""

from __future__ import annotations

from pathlib import Path

from adagym.envs.tasks.image_records import FAMILY, inline_task
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import ASK_LETTER, Record, Records, check_family, found_file
from adagym.envs.tasks.row_picture import pictures_of
from adagym.errors import DataError
from adagym.types import AnswerType, LazyImage, Task

COLUMNS = ("id", "question", "answer", "task", "format_type", "img_type")
LEVELS = {
    "low": tuple(
        f"{what}_prediction_{between}{views}"
        for what in ("depth", "distance")
        for between in ("oc", "oo")
        for views in ("", "_mv")
    ),
    "middle": ("view_change_infer", "position_matching", "camera_motion_infer"),
    "high": (
        "distance_infer_center_oo",
        "distance_infer_center_oo_mv",
        "obj_spatial_relation_oo",
        "obj_spatial_relation_oo_mv",
        "obj_spatial_relation_oc_mv",
        "spatial_imagination_oc",
        "spatial_imagination_oc_mv",
        "spatial_imagination_oo",
        "spatial_imagination_oo_mv",
    ),
}
"""The tasks of each level; those of the first ask for numbers."""
MOVES_TASK = "view_change_infer"

_NUMBER = "Answer with one number."
_WORDS = "Answer with a word or a short phrase."
_MOVES = "Answer with the moves alone, such as move_right:0.3,rotate_left:20."
_SCALE = "Coordinates are in thousandths of the picture's width and height, from its top left corner."
_IN_THOUSANDTHS = ("position_matching", "camera_motion_infer")


class SPARBench(Records):
    """Rows in order. The paper gives a chance level of 32.74 %, the mean over the tasks.

    With four options a guess is right in a quarter of the cases; for numbers and moves, chance is what the most
    frequent answers get, so it depends on the data.

    Args:
        family: ``image_qa``.
        folder: Holds ``test-*.parquet``, perhaps in ``data``; or one file. The smaller SPAR-Bench-Tiny is read too.

    Raises:
        MissingExtra: pyarrow is not installed.
        DataError: The file is missing or has other columns; when a task is read, its row cannot be used.
    """

    def __init__(self, family: str, folder: str | Path) -> None:
        check_family(family, FAMILY, "spar-bench")
        path = found_file(folder, "data/test-*.parquet", "test-*.parquet", "*.parquet")
        ParquetRows(path, ("image",))  # refuses files without pictures before one is asked for
        super().__init__(ParquetRows(path, COLUMNS), path)

    def _task(self, index: int, record: Record) -> Task:
        kind = str(record["task"])
        name = f"spar-bench/{kind}/{record['id']}"
        pictures = pictures_of(self._path, "image", index)
        meta = {"kind": kind, "pictures": str(record["img_type"])}
        if record["format_type"] == "select":
            guide = f"{_SCALE} {ASK_LETTER}" if kind in _IN_THOUSANDTHS else ASK_LETTER
            return inline_task(name, record, pictures, meta, guide)
        return _filled(name, record, pictures, meta)


def _filled(name: str, record: Record, pictures: tuple[LazyImage, ...], meta: dict[str, str]) -> Task:
    """A task without options."""
    question, answer = str(record["question"] or "").strip(), str(record["answer"] or "").strip()
    if not question or not answer:
        raise DataError(f"`{name}` has no {'answer' if question else 'question'}. Fetch the file again.")
    kind = record["task"]
    answer_type: AnswerType = "moves" if kind == MOVES_TASK else "mra" if kind in LEVELS["low"] else "text"
    guide = {"moves": _MOVES, "mra": _NUMBER}.get(answer_type, _WORDS)
    return Task(
        id=name,
        family=FAMILY,
        prompt=f"{question}\n{guide}",
        images=pictures,
        answer=answer,
        answer_type=answer_type,
        meta=meta,
    )
