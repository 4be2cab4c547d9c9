"""MVBench (arXiv 2311.17005) from its own files: 20 tasks of 200 questions with 3 to 5 options.

Read are ``json/TASK.json`` (or ``TASK.json``, or Parquet files in a folder ``TASK``), with ``video, question``,
``candidates, answer`` and for some tasks ``start, end``. Videos are looked for in the folder's ``video`` and in the
folder itself, in both published layouts: whole videos, of which the part from ``start`` to ``end`` is shown, and
parts that were cut already (``*_segment``), whose files are named ``VIDEO_START_END``. The videos of
``episodic_reasoning`` may be folders of frames, 3 per second; those of ``fine_grained_pose`` have been withdrawn and
are often missing.

The benchmark's figure is the mean over its tasks, see ``evals/scorers/mvbench.py``. Chance is one over the number of
options, 20 to 33 % by task and about 27 % over all. Avoided here: an empty answer is wrong (the original's substring
test counts it right, and lmms-eval leaves it out of the denominator), and the article "a" is not option A.
"""

from __future__ import annotations

import glob
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from adagym.envs.tasks.media import inside
from adagym.envs.tasks.records import Record, read_records, some_of
from adagym.envs.tasks.video_records import ENDINGS, VideoRecords, part
from adagym.errors import DataError
from adagym.types import Task

_STAR = ("star/Charades_segment", "star/Charades_v1_480")
_CLEVRER = ("clevrer/video_validation",)
_PERCEPTION = ("perception/videos",)

FOLDERS: Mapping[str, tuple[str, ...]] = {
    "action_antonym": ("ssv2_video_mp4", "ssv2_video"),
    "action_count": _PERCEPTION,
    "action_localization": ("sta/sta_video_segment", "sta/sta_video"),
    "action_prediction": _STAR,
    "action_sequence": _STAR,
    "character_order": _PERCEPTION,
    "counterfactual_inference": _CLEVRER,
    "egocentric_navigation": ("vlnqa",),
    "episodic_reasoning": ("tvqa/video_fps3_hq_segment", "tvqa/frames_fps3_hq"),
    "fine_grained_action": ("Moments_in_Time_Raw/videos",),
    "fine_grained_pose": ("nturgbd_convert", "nturgbd"),
    "moving_attribute": _CLEVRER,
    "moving_count": _CLEVRER,
    "moving_direction": _CLEVRER,
    "object_existence": _CLEVRER,
    "object_interaction": _STAR,
    "object_shuffle": _PERCEPTION,
    "scene_transition": ("scene_qa/video",),
    "state_change": _PERCEPTION,
    "unexpected_action": ("FunQA_test/test",),
}
"""Task to the folders its videos may be in, as they are published now and as they were first."""

_ROOTS = ("video", "", "video/data0613", "data0613")
"""Below the folder given; the last two are an archive of videos that were added later."""
_BOUNDS = re.compile(r"(.+)_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)$")
_COLUMNS = ("video", "question", "candidates", "answer")


class MVBench(VideoRecords):
    """All questions, task by task.

    Args:
        family: ``video_qa``.
        folder: Holds the benchmark's files.
        task: Tasks, joined by hyphens, or a sequence of them; None takes those that are there.
        present_only: ``true`` leaves out the questions whose video is missing.

    Raises:
        MissingExtra: The questions are Parquet files and pyarrow is not installed.
        UsageError: There is no such task.
        DataError: A task's file is missing or of another form.
    """

    name = "mvbench"
    videos = "the archives in `video` of OpenGVLab/MVBench and unpack them there"

    def __init__(
        self,
        family: str,
        folder: str | Path,
        task: str | Sequence[str] | None = None,
        present_only: bool | str = False,
    ) -> None:
        self._root = Path(folder)
        files = {name: _questions(self._root, name) for name in some_of(task, tuple(FOLDERS), "task")}
        absent = [name for name, path in files.items() if path is None]
        if absent and (task is not None or len(absent) == len(files)):
            raise DataError(
                f"`{folder}` holds no json/{absent[0]}.json, no {absent[0]}.json and no {absent[0]}/*.parquet. "
                "Give the folder of OpenGVLab/MVBench."
            )
        records = [
            {**record, "task": name, "number": number}
            for name, path in files.items()
            if path is not None
            for number, record in enumerate(read_records(path, _COLUMNS, ("start", "end")))
        ]
        super().__init__(family, records, folder, present_only)

    def _task(self, index: int, record: Record) -> Task:
        choices, answer = [str(option).strip() for option in record["candidates"]], str(record["answer"]).strip()
        path = self._video(record)
        frames = path.is_dir() or not path.name.endswith(ENDINGS)
        start, end = record.get("start"), record.get("end")
        reference = f"frames:{path},fps=3" if frames else str(path)
        return self._choice(
            f"mvbench/{record['task']}/{record['number']}",
            str(record["question"]),
            choices,
            choices.index(answer) if answer in choices else answer,
            reference if _is_piece(path, start, end) else part(reference, start, end),
            meta=self._meta(kind=record["task"], start=start, end=end),
        )

    def _video(self, record: Record) -> Path:
        """An already cut part if there is one; else the video."""
        name, start, end = str(record["video"]), record.get("start"), record.get("end")
        folders = [
            Path(inside(self._root, f"{root}/{folder}".lstrip("/")))
            for folder in FOLDERS[record["task"]]
            for root in _ROOTS
        ]
        paths = [Path(inside(folder, name)) for folder in folders]
        found = [path for path in paths if path.exists()]
        if start is not None and end is not None:
            found = [piece for path in paths for piece in _pieces(path, start, end)] + found
        return found[0] if found else paths[0]


def _questions(root: Path, task: str) -> Path | None:
    for path in (root / "json" / f"{task}.json", root / f"{task}.json"):
        if path.is_file():
            return path
    return root / task if any((root / task).glob("*.parquet")) else None


def _pieces(path: Path, start: float, end: float) -> list[Path]:
    """Files ``NAME_START_END`` beside where a video should be, with these bounds however they are written."""
    name = _name(path)
    others = sorted(path.parent.glob(f"{glob.escape(name)}_*_*"))
    return [other for other in others if _is_piece(other, start, end) and _BOUNDS.sub(r"\1", _name(other)) == name]


def _is_piece(path: Path, start: float | None, end: float | None) -> bool:
    """Whether a file's name ends in the bounds, so that it was cut already."""
    found = _BOUNDS.match(_name(path))
    if found is None or start is None or end is None:
        return False
    return math.isclose(float(found[2]), start, abs_tol=1e-3) and math.isclose(float(found[3]), end, abs_tol=1e-3)


def _name(path: Path) -> str:
    """The name without a video's ending; names of folders may have points."""
    return path.stem if path.name.endswith(ENDINGS) else path.name
