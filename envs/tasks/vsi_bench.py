"""VSI-Bench (arXiv 2412.14171) from its own files: questions about space in videos that walk through rooms.

Read are ``test-*.parquet`` or ``test.jsonl``, or the files of a newer configuration. Six question types have options
(three of them are one task, the direction between objects at three levels), four ask for a number. Videos are
``DATASET/SCENE.mp4``.

Numbers are scored by the mean relative accuracy (answer type ``mra``). The benchmark's figure is the mean of eight task
scores, see ``evals/scorers/vsi_bench.py``. Chance for options is one over their number: 50, 33 and 25 % for the three
levels of direction, 36.1 % for the task; always giving the most frequent answer scores 34.0 over all, by the paper.
Avoided here: ``(A)`` and a sentence that names an option are read (the original compares the first word), the ten
thresholds are fixed, and neither the order of questions nor their number depends on environment variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adagym.envs.tasks.media import inside
from adagym.envs.tasks.records import Record, found_file, one_of, plain_options, read_records, some_of
from adagym.envs.tasks.video_records import VIDEO, VideoRecords, named_video
from adagym.errors import DataError
from adagym.rewards.numbers import read_number
from adagym.types import Task

WITH_OPTIONS = (
    "object_rel_direction_easy",
    "object_rel_direction_medium",
    "object_rel_direction_hard",
    "object_rel_distance",
    "route_planning",
    "obj_appearance_order",
)
WITH_NUMBERS = ("object_abs_distance", "object_counting", "object_size_estimation", "room_size_estimation")

CONFIGS = ("full", "debiased", "pruned")
"""The second and third are parts of the first that were published later."""

_FILES = {
    "full": ("test-*.parquet", "test.parquet", "test.jsonl", "full/*.parquet"),
    "debiased": ("test_debiased*.parquet", "debiased/*.parquet"),
    "pruned": ("test_pruned*.parquet", "pruned/*.parquet"),
}
_COLUMNS = ("id", "dataset", "scene_name", "question_type", "question", "ground_truth")
_GUIDE = "Answer with a number only."


class VSIBench(VideoRecords):
    """All questions in order.

    Args:
        family: ``video_qa``.
        folder: Holds the benchmark's files; or one file.
        task: Question types, joined by hyphens, or a sequence of them; None takes all.
        config: ``full``, ``debiased`` or ``pruned``: which questions.
        present_only: ``true`` leaves out the questions whose video is missing.

    Raises:
        MissingExtra: The questions are Parquet files and pyarrow is not installed.
        UsageError: There is no such question type or configuration.
        DataError: The questions are missing or of another form.
    """

    name = "vsi-bench"
    videos = "the three archives of nyu-visionx/VSI-Bench and unpack them beside the questions"

    def __init__(
        self,
        family: str,
        folder: str | Path,
        task: str | Sequence[str] | None = None,
        config: str = "full",
        present_only: bool | str = False,
    ) -> None:
        types = some_of(task, (*WITH_OPTIONS, *WITH_NUMBERS), "task")
        path = found_file(folder, *_FILES[one_of(config, CONFIGS, "config")])
        self._root = Path(folder) if Path(folder).is_dir() else path.parent
        found = read_records(path, _COLUMNS, ("options",))
        records = found if task is None else [record for record in found if record["question_type"] in types]
        super().__init__(family, records, path, present_only)

    def _task(self, index: int, record: Record) -> Task:
        kind, question = record["question_type"], str(record["question"])
        task_id, video = f"vsi-bench/{kind}/{record['id']}", str(self._video(record))
        meta = self._meta(kind=kind, dataset=record["dataset"], scene=record["scene_name"])
        if kind in WITH_OPTIONS:
            options = plain_options(record["options"])
            return self._choice(task_id, question, options, str(record["ground_truth"]), video, meta=meta)
        if kind not in WITH_NUMBERS:
            raise DataError(f"`{task_id}` is of none of the benchmark's question types.")
        if not question or read_number(str(record["ground_truth"])) is None:
            raise DataError(f"`{task_id}` needs a question and a number as its answer. Fetch `{self._path}` again.")
        return Task(
            id=task_id,
            family=VIDEO,
            prompt=f"{question}\n{_GUIDE}",
            video=video,
            answer=str(record["ground_truth"]),
            answer_type="mra",
            meta=meta,
        )

    def _video(self, record: Record) -> Path:
        folders = [Path(inside(root, str(record["dataset"]))) for root in (self._root, self._root / "videos")]
        return named_video(folders, str(record["scene_name"]))
