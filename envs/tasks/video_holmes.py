"""Video-Holmes (arXiv 2505.21374) from its own files: questions about short suspense films, mostly with six options.

Read is ``test_Video-Holmes.json`` (or ``train_...``), whose keys have spaces: ``video ID``, ``Question ID``,
``Question Type``, ``Question``, ``Options`` (letter to text), ``Answer``. Videos are ``videos_cropped/VIDEO.mp4``,
unpacked from the archive.

The benchmark's figure is the plain accuracy; groups are its seven question types. Chance is one over the number of
options, 16.7 % with six. Avoided here: an answer that cannot be read is wrong (lmms-eval guesses one at random, so that
its figure changes from run to run).
"""

from __future__ import annotations

from pathlib import Path

from adagym.envs.tasks.records import Record, found_file, one_of, read_records
from adagym.envs.tasks.video_records import VideoRecords, kept, named_video
from adagym.errors import DataError
from adagym.rewards.choices import LETTERS
from adagym.types import Task

SPLITS = ("train", "test")
TYPES = ("SR", "IMC", "TCI", "TA", "MHR", "PAR", "CTI")
_COLUMNS = ("video ID", "Question ID", "Question Type", "Question", "Options", "Answer")


class VideoHolmes(VideoRecords):
    """All questions of a split in order.

    Args:
        family: ``video_qa``.
        folder: Holds the benchmark's files; or one file.
        split: ``train`` or ``test``.
        task: One of :data:`TYPES`; None takes all.
        present_only: ``true`` leaves out the questions whose video is missing.

    Raises:
        UsageError: There is no such split or question type.
        DataError: The questions are missing or of another form.
    """

    name = "video-holmes"
    videos = "videos.zip of TencentARC/Video-Holmes and unpack it beside the questions"

    def __init__(
        self,
        family: str,
        folder: str | Path,
        split: str = "test",
        task: str | None = None,
        present_only: bool | str = False,
    ) -> None:
        self._split = one_of(split, SPLITS, "split")
        path = found_file(folder, f"{split}_Video-Holmes.json", f"{split}*.json")
        self._root = Path(folder) if Path(folder).is_dir() else path.parent
        records = kept(read_records(path, _COLUMNS), "task", task, "Question Type")
        super().__init__(family, records, path, present_only)

    def _task(self, index: int, record: Record) -> Task:
        kind, options = str(record["Question Type"]), record["Options"]
        task_id = f"video-holmes/{kind}/{record['video ID']}-{record['Question ID']}"
        letters = list(LETTERS[: len(options)])
        if sorted(options) != letters:
            raise DataError(f"`{task_id}` has the options {', '.join(options)}, not A, B, .... Fetch the file again.")
        return self._choice(
            task_id,
            str(record["Question"]),
            [str(options[letter]) for letter in letters],
            str(record["Answer"]),
            str(self._video(record)),
            split=self._split,
            meta=self._meta(kind=kind, film=record["video ID"]),
        )

    def _video(self, record: Record) -> Path:
        return named_video([self._root / "videos_cropped", self._root / "videos", self._root], str(record["video ID"]))
