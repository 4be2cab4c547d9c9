"""Video-MME (arXiv 2405.21075) from its own files: 2,700 questions about 900 videos, each with four options.

Read are the Parquet files (``videomme/test-*.parquet``), or JSON in either form: a list of questions, or the official
template, a list of videos with their ``questions``. Videos are ``data/VIDEOID.mp4`` and subtitles
``subtitle/VIDEOID.srt``, unpacked from the archives; where the template has no ``videoID``, its ``video_id`` is taken.

The benchmark's figure is the plain accuracy; groups are its durations. Chance is 25 %. Avoided here: the prompt speaks
of subtitles only where there are some (lmms-eval's always does), "And ..." does not answer A, and subtitles are read
whatever markup they have (lmms-eval drops every line without one particular font tag).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from adagym.envs.tasks.records import Record, found_file, plain_options, read_json, read_records, switch
from adagym.envs.tasks.video_records import VideoRecords, kept, named_video
from adagym.errors import DataError
from adagym.types import Task

_COLUMNS = ("question_id", "question", "options", "answer", "duration")
_OTHERS = ("video_id", "videoID", "domain", "sub_category", "task_type")
_TIMES = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3})\s*-->\s*(\d+):(\d\d):(\d\d)[,.](\d{3})[^\n]*")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")


class VideoMME(VideoRecords):
    """All questions in order.

    Args:
        family: ``video_qa``.
        folder: Holds the benchmark's files.
        duration: ``short``, ``medium`` or ``long``: only questions about such videos. None takes all.
        subtitles: ``true`` puts the subtitles, with their times, before the question. Videos without any are asked
            about without, as in the benchmark.
        present_only: ``true`` leaves out the questions whose video is missing.

    Raises:
        MissingExtra: The questions are Parquet files and pyarrow is not installed.
        UsageError: An option is of no use.
        DataError: The questions are missing or of another form; when a task is read, its subtitles are not text.
    """

    name = "video-mme"
    videos = "videos_chunked_*.zip of lmms-lab/Video-MME and unpack them into `data`"

    def __init__(
        self,
        family: str,
        folder: str | Path,
        duration: str | None = None,
        subtitles: bool | str = False,
        present_only: bool | str = False,
    ) -> None:
        path = found_file(folder, "videomme/test*.parquet", "test*.parquet", "*.parquet", "*.json", "*.jsonl")
        self._root = Path(folder) if Path(folder).is_dir() else path.parent
        self._subtitles = switch(subtitles, "subtitles")
        records = kept(_records(path), "duration", duration, "duration")
        super().__init__(family, records, path, present_only)

    def _task(self, index: int, record: Record) -> Task:
        question = str(record["question"])
        path = self._root / "subtitle" / f"{_stem(record)}.srt"
        said = self._subtitles and path.is_file()
        if said:
            question = f"{_told(path)}\n\n{question}"
        return self._choice(
            f"video-mme/{record['duration']}/{record['question_id']}",
            question,
            plain_options(record["options"]),
            record["answer"],
            str(self._video(record)),
            meta=self._meta(
                kind=record.get("task_type"),
                domain=record.get("domain"),
                sub_category=record.get("sub_category"),
                duration=record["duration"],
                subtitles=said,
            ),
        )

    def _video(self, record: Record) -> Path:
        return named_video([self._root / "data", self._root / "videos", self._root], _stem(record))


def read_subtitles(path: Path) -> list[tuple[float, float, str]]:
    """Read an ``.srt`` file.

    Returns:
        Beginning and end in seconds, and the text without markup in one line; empty ones left out.

    Raises:
        DataError: The file cannot be read or holds no time.
    """
    try:
        text = path.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror or error}. Fetch it again.") from error
    marks = list(_TIMES.finditer(text))
    if text.strip() and not marks:
        raise DataError(f"`{path}` holds no time such as 00:00:01,000 --> 00:00:02,500. Fetch it again.")
    found = []
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        lines = text[mark.end() : following.start() if following else len(text)].strip().splitlines()
        if following and lines and lines[-1].strip().isdigit():
            lines = lines[:-1]  # the number of the next one
        line = " ".join(html.unescape(_MARKUP.sub("", " ".join(lines))).split())
        if line:
            found.append((_seconds(mark.groups()[:4]), _seconds(mark.groups()[4:]), line))
    return found


def _seconds(parts: Sequence[str]) -> float:
    hours, minutes, seconds, thousandths = map(int, parts)
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000


def _told(path: Path) -> str:
    lines = [f"{start:.1f}-{end:.1f} s: {text}" for start, end, text in read_subtitles(path)]
    return "\n".join(["The subtitles of the video:", *lines])


def _records(path: Path) -> Sequence[Record]:
    """The questions, whichever form the file has."""
    if path.suffix == ".json":
        value = read_json(path)
        if isinstance(value, list) and value and isinstance(value[0], dict) and "questions" in value[0]:
            return list(_of_videos(value, path))
    return read_records(path, _COLUMNS, _OTHERS)


def _of_videos(videos: Sequence[Record], path: Path) -> Iterator[Record]:
    for number, video in enumerate(videos):
        try:
            shared = {key: value for key, value in video.items() if key != "questions"}
            found = [{**shared, **question} for question in video["questions"]]
        except (AttributeError, KeyError, TypeError) as error:
            raise DataError(f"Video {number} of `{path}` has no list of `questions`. Fetch the file again.") from error
        yield from found


def _stem(record: Record) -> str:
    return str(record.get("videoID") or record["video_id"])
