"""LongVideo-Reason (arXiv 2507.07966) from its own files: questions about long videos, options in their text.

Read are ``SPLIT.jsonl`` (``train, val, test, openended``) or ``data/SPLIT*.parquet``, with ``videos, problem`` and
``answer``. Videos are looked for in ``longvila_videos``, beside the questions, and in ``videos``. Questions without
options, those of ``openended``, are scored by ROUGE.

The benchmark's figure is the plain accuracy. Chance is one over the number of options, 25 % with four. Avoided here:
each question is a task with a number of its own, so that several about one video all count (the original keeps one
result per video), and an answer is compared by its letter rather than as a formula.
"""

from __future__ import annotations

from pathlib import Path

from adagym.envs.tasks.records import Record, found_file, inline_options, one_of, read_records
from adagym.envs.tasks.video_records import VIDEO, VideoRecords, named_video
from adagym.errors import DataError
from adagym.rewards.choices import read_choice
from adagym.rewards.extraction import unwrapped
from adagym.types import Task

SPLITS = ("train", "val", "test", "openended")
_COLUMNS = ("videos", "problem", "answer")
_GUIDE = "Answer in a sentence or two."


class LongVideoReason(VideoRecords):
    """All questions of a split in order.

    Args:
        family: ``video_qa``.
        folder: Holds the benchmark's files; or one file.
        split: ``train``, ``val``, ``test`` or ``openended``.
        present_only: ``true`` leaves out the questions whose video is missing.

    Raises:
        MissingExtra: The questions are Parquet files and pyarrow is not installed.
        UsageError: There is no such split.
        DataError: The questions are missing or of another form.
    """

    name = "longvideo-reason"
    videos = "the archives of LongVideo-Reason/longvideo_eval_videos and unpack them into `longvila_videos`"

    def __init__(self, family: str, folder: str | Path, split: str = "test", present_only: bool | str = False) -> None:
        self._split = one_of(split, SPLITS, "split")
        path = found_file(folder, f"{split}.jsonl", f"data/{split}*.parquet", f"{split}*.parquet", f"{split}.json")
        self._root = Path(folder) if Path(folder).is_dir() else path.parent
        super().__init__(family, read_records(path, _COLUMNS), path, present_only)

    def _task(self, index: int, record: Record) -> Task:
        question, options = inline_options(str(record["problem"]).replace("<video>", "").strip())
        answer = unwrapped(str(record["answer"]))
        task_id, video = f"longvideo-reason/{self._split}/{index}", str(self._video(record))
        meta = self._meta(video=_name(record))
        if options:
            letters = read_choice(answer, options) or ()
            letter = letters[0] if len(letters) == 1 else answer
            return self._choice(task_id, question, options, letter, video, split=self._split, meta=meta)
        if not question or not answer:
            raise DataError(f"`{task_id}` has no question with an answer. Fetch `{self._path}` again.")
        return Task(
            id=task_id,
            family=VIDEO,
            prompt=f"{question}\n{_GUIDE}",
            video=video,
            answer=answer,
            answer_type="free_form",
            split=self._split,
            meta=meta,
        )

    def _video(self, record: Record) -> Path:
        folders = [self._root / "longvila_videos", self._root, self._root / "videos"]
        return named_video(folders, _name(record))


def _name(record: Record) -> str:
    """The path that a record names, below one of the folders."""
    videos = record["videos"]
    name = str(videos[0] if isinstance(videos, list | tuple) else videos)
    return name.removeprefix("./").removeprefix("longvila_videos/")
