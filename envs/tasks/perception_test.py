"""Perception Test (arXiv 2305.13786), its multiple-choice questions from its own files: three options each.

Read are the annotations ``mc_question_SPLIT.json`` (also ``mc_question_SPLIT_annotations.json``), which map a video
to its ``metadata`` and ``mc_question``, or Parquet files with a row per question. Videos are ``videos/VIDEO.mp4``.
Where the folder holds ``cut_frame_mapping_SPLIT.json``, a video ends before the frame named there, as it would give
the answer away; the videos of the test split are published already cut. Answers of the test split are withheld: such
tasks have no accuracy.

The benchmark's figure is the plain accuracy; groups are its areas. Chance is 33.3 %. Avoided here: "a" is not read as
option A, and no fourth option is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from adagym.envs.tasks.records import Record, found_file, one_of, plain_options, read_json, read_records
from adagym.envs.tasks.video_records import VideoRecords, named_video, part
from adagym.errors import DataError
from adagym.types import Task

SPLITS = ("train", "valid", "test")
OPTIONS = 3
_COLUMNS = ("video_name", "question", "question_id", "options", "area", "reasoning", "tag")


class PerceptionTest(VideoRecords):
    """All questions of a split, video by video.

    Args:
        family: ``video_qa``.
        folder: Holds the benchmark's files; or one file.
        split: ``train``, ``valid`` or ``test``.
        present_only: ``true`` leaves out the questions whose video is missing.

    Raises:
        MissingExtra: The questions are Parquet files and pyarrow is not installed.
        UsageError: There is no such split.
        DataError: The questions are missing or of another form.
    """

    name = "perception-test"
    videos = "the videos that github.com/google-deepmind/perception_test links and unpack them into `videos`"

    def __init__(self, family: str, folder: str | Path, split: str = "valid", present_only: bool | str = False) -> None:
        self._split = one_of(split, SPLITS, "split")
        path = found_file(
            folder,
            f"mc_question_{split}.json",
            f"mc_question_{split}_annotations.json",
            *(("mc_question_val/*.parquet", "validation*.parquet") if split == "valid" else ()),
            f"{split}*.parquet",
        )
        self._root = Path(folder) if Path(folder).is_dir() else path.parent
        found = list(_of_videos(path)) if path.suffix == ".json" else read_records(path, _COLUMNS, ("answer_id",))
        cuts = self._root / f"cut_frame_mapping_{split}.json"
        self._cuts: Mapping[str, Any] = read_json(cuts) if split != "test" and cuts.is_file() else {}
        super().__init__(family, found, path, present_only)

    def _task(self, index: int, record: Record) -> Task:
        name, options = str(record["video_name"]), plain_options(record["options"])
        task_id = f"perception-test/{record['area']}/{name}-{record['question_id']}"
        if len(options) != OPTIONS:
            raise DataError(f"`{task_id}` has {len(options)} options, not {OPTIONS}. Fetch `{self._path}` again.")
        answer = record.get("answer_id")
        reference = str(self._video(record))
        return self._choice(
            task_id,
            str(record["question"]),
            options,
            None if answer is None else int(answer),
            part(reference, 0.0, self._end(name, record)),
            split=self._split,
            meta=self._meta(kind=record["area"], reasoning=record["reasoning"], tags=_tags(record["tag"])),
        )

    def _end(self, name: str, record: Record) -> float | None:
        """When a video is cut, in seconds; None where it is shown whole."""
        frame = int(self._cuts.get(name, -1))
        if frame <= 0:
            return None
        rate = record.get("frame_rate")
        if not rate:
            raise DataError(
                f"The video `{name}` is to be cut at frame {frame}, and `{self._path}` does not say how many frames it "
                "has per second. Give the JSON annotations."
            )
        # Half a frame less, so that the frame itself is out.
        return (frame - 0.5) / float(rate)

    def _video(self, record: Record) -> Path:
        name = str(record["video_name"])
        return named_video([self._root / "videos", self._root / self._split / "videos", self._root], name)


def _of_videos(path: Path) -> Iterator[Record]:
    """The questions of the annotations, in the order of the file."""
    value = read_json(path)
    try:
        for name, video in value.items():
            rate = video.get("metadata", {}).get("frame_rate")
            for item in video.get("mc_question", ()):
                yield {**item, "video_name": name, "question_id": item["id"], "frame_rate": rate}
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"`{path}` does not map videos to their `mc_question` ({type(error).__name__}: {error}). "
            "Give the annotations of the multiple-choice questions."
        ) from error


def _tags(value: object) -> list[str]:
    return [str(tag) for tag in value] if isinstance(value, list | tuple) else [str(value)]
