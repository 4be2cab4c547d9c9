"""What readers of video benchmarks share: where a question's video is, and how many of the videos are there."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from adagym.envs.tasks.media import inside
from adagym.envs.tasks.records import Record, Records, check_family, letter_of, lettered_prompt, switch
from adagym.errors import DataError, UsageError
from adagym.types import Task
from adagym.video.index import INDEX

VIDEO = "video_qa"
"""The task family."""

ENDINGS = (".mp4", ".MP4", ".mkv", ".webm", ".avi", ".mov", ".m4v")
"""What a video's file may end in where a benchmark gives only its name; the first is assumed if none is there."""


class VideoRecords(Records):
    """Tasks about videos, each of which is opened when its task is played.

    Args:
        family: ``video_qa``.
        records: The benchmark's questions.
        where: The file they are from, for messages.
        present_only: Leave out the questions whose video is not there. The others keep their ids.

    Raises:
        UsageError: The family is another one.
        DataError: There is no question, or ``present_only`` leaves none.
    """

    name: ClassVar[str]
    """The source's name."""
    videos: ClassVar[str]
    """Where the videos are fetched, for messages."""

    def __init__(self, family: str, records: Sequence[Record], where: str | Path, present_only: bool | str) -> None:
        check_family(family, VIDEO, self.name)
        only = switch(present_only, "present_only")
        super().__init__(records, where)
        self._places: Sequence[int] = range(len(records))
        if only:
            lacking = dict.fromkeys(self.missing())
            self._places = [place for place in self._places if self._path_of(place) not in lacking]
            if not self._places:
                raise DataError(f"None of the videos is there; the first is {next(iter(lacking))}. {self._advice}")

    def __len__(self) -> int:
        return len(self._places)

    def _at(self, index: int) -> Task:
        return super()._at(self._places[index])

    def missing(self, count: int | None = None) -> list[Path]:
        """The videos of the first ``count`` tasks (None: of all) that are not there, each once."""
        return [path for path in self._paths(count) if not path.exists()]

    def require_videos(self, count: int | None = None) -> None:
        """Check that the videos of the first ``count`` tasks are there, without opening one.

        Raises:
            DataError: Some are missing; says how many, which is the first, and what to do.
        """
        missing = self.missing(count)
        if missing:
            asked = len(self._paths(count))
            raise DataError(
                f"{len(missing)} of {asked} videos of `{self.name}` are missing, the first is {missing[0]}. "
                f"{self._advice} With the option present_only=true only questions whose videos are there are asked."
            )

    @property
    def _advice(self) -> str:
        return f"Fetch {self.videos}."

    def _paths(self, count: int | None) -> list[Path]:
        paths = dict.fromkeys(self._path_of(place) for place in self._places[:count])
        return [path for path in paths if path is not None]

    def _path_of(self, place: int) -> Path | None:
        with self._reading(place):
            return self._video(self._records[place])

    @abstractmethod
    def _video(self, record: Record) -> Path | None:
        """The file or folder of frames of a question; where it should be, if it is not there. None if it needs none."""

    def _meta(self, **facts: Any) -> dict[str, Any]:
        """Facts about a task, with where its video is fetched; those that are None are left out."""
        return {**{key: value for key, value in facts.items() if value is not None}, "videos": self.videos}

    def _choice(
        self,
        task_id: str,
        question: str,
        choices: Sequence[str],
        answer: object,
        video: str | None,
        **others: Any,
    ) -> Task:
        """A question with options. ``answer`` is what :func:`letter_of` reads, or None where it is withheld."""
        if not question.strip() or len(choices) < 2:
            raise DataError(f"`{task_id}` has no question with at least two options. Fetch `{self._path}` again.")
        return Task(
            **{
                "id": task_id,
                "family": VIDEO,
                "prompt": lettered_prompt(question.strip(), choices),
                "video": video,
                "choices": tuple(choices),
                "answer": "" if answer is None else letter_of(answer, choices, f"`{task_id}`"),
                "answer_type": "choice",
                **others,
            }
        )


def named_video(folders: Sequence[Path], name: str) -> Path:
    """Where a video is: the first of the folders' files of this name, with its ending or without.

    A folder of the file's name counts too, if ``adagym build frames`` wrote it.

    Returns:
        The path; where it should be, if none is there.

    Raises:
        DataError: The name leads out of the folder.
    """
    ends = ("",) if name.endswith(ENDINGS) else ENDINGS
    candidates = [Path(inside(folder, f"{name}{end}")) for folder in folders for end in ends]
    return next((path for path in candidates if path.is_file() or (path / INDEX).is_file()), candidates[0])


def part(reference: str, start: float | None, end: float | None) -> str:
    """The reference of the part of a video between two times in seconds; the whole where one is missing.

    Raises:
        DataError: The part ends before it begins.
    """
    if start is None or end is None:
        return reference
    if not 0 <= start < end:
        raise DataError(f"`{reference}` is to be cut from {start} to {end} s. Fetch the questions again.")
    return f"part:{_plain(start)}-{_plain(end)}:{reference}"


def _plain(seconds: float) -> str:
    """A number without exponent."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def kept(records: Sequence[Record], option: str, value: str | None, key: str) -> Sequence[Record]:
    """The records whose ``key`` has the value that an option asks for; all if it asks for none.

    Raises:
        UsageError: None has; names those that there are.
    """
    if value is None:
        return records
    found = [record for record in records if str(record[key]) == value]
    if not found:
        there = ", ".join(sorted({str(record[key]) for record in records}))
        raise UsageError(f"No question has `{option}` {value!r}; there are {there}.")
    return found
