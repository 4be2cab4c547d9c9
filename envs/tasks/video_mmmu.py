"""Video-MMMU (arXiv 2501.13826) from its own files: three questions for each of 300 lectures.

The questions are of perception, of comprehension, and of adaptation, which applies what the lecture teaches, mostly
with up to ten options. Read are the Parquet files of the folders ``Perception``, ``Comprehension`` and
``Adaptation``. Videos are ``DISCIPLINE/ID.mp4``. Their last frame shows the picture of the question of adaptation, so
those of the other two are told to ignore it. For a question of adaptation the picture is also shown by itself,
because the frames shown of a video need not include its last one. ``question_only`` asks the questions of adaptation
without the lecture: with the row's picture, or where it has none, with ``question_only/ID_image.mp4``.

The benchmark's figure is the plain accuracy over the three; ``evals/scorers/video_mmmu.py`` adds each one's, and the
knowledge gained from lectures where ``adaptation`` and ``question_only`` were both played. Chance is one over the
number of options and 0 for open questions, about 14 % over all. Avoided here: an answer that names no option is
wrong, and not a text of its own; an open answer is not right because the reference occurs somewhere in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import Record, plain_options, read_records, some_of
from adagym.envs.tasks.row_picture import RowPicture
from adagym.envs.tasks.video_records import VIDEO, VideoRecords, named_video
from adagym.errors import DataError
from adagym.rewards.numbers import read_number
from adagym.types import Task

CONFIGS = ("perception", "comprehension", "adaptation")
QUESTION_ONLY = "question_only"

DISCIPLINES: Mapping[str, tuple[str, ...]] = {
    "Art": ("Art", "Art_Theory", "Design", "Music"),
    "Business": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
    "Engineering": (
        "Agriculture",
        "Architecture_and_Engineering",
        "Computer_Science",
        "Electronics",
        "Energy_and_Power",
        "Materials",
        "Mechanical_Engineering",
    ),
    "Humanities": ("History", "Literature", "Psychology", "Sociology"),
    "Medicine": (
        "Basic_Medical_Science",
        "Clinical_Medicine",
        "Diagnostics_and_Laboratory_Medicine",
        "Pharmacy",
        "Public_Health",
    ),
    "Science": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
}
"""Folder of videos to its subjects; a question's subject is what stands between the first and last ``_`` of its id."""

_FOLDER_OF = {subject: discipline for discipline, subjects in DISCIPLINES.items() for subject in subjects}
_COLUMNS = ("id", "question", "options", "answer", "question_type")
_IGNORE = "The last frame of the video shows another question; ignore it."
_APPLY = "Watch the lecture and apply what it teaches to this question."
_SHOWN = "The picture that belongs to the question is img_1."
_IN_VIDEO = "The picture that belongs to the question is at the end of the video."
_OPEN = "Answer with the final result only."


class VideoMMMU(VideoRecords):
    """The questions of one configuration after the other.

    Args:
        family: ``video_qa``.
        folder: Holds the benchmark's files.
        config: Of ``perception``, ``comprehension``, ``adaptation`` and ``question_only``, joined by hyphens; None
            takes the first three.
        present_only: ``true`` leaves out the questions whose video is missing.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: There is no such configuration.
        DataError: A configuration's files are missing or of another form.
    """

    name = "video-mmmu"
    videos = "the archives of lmms-lab/VideoMMMU and unpack them into folders named after the disciplines"

    def __init__(
        self,
        family: str,
        folder: str | Path,
        config: str | Sequence[str] | None = None,
        present_only: bool | str = False,
    ) -> None:
        self._root = Path(folder)
        asked = CONFIGS if config is None else some_of(config, (*CONFIGS, QUESTION_ONLY), "config")
        records = [record for name in asked for record in _rows(self._root, name)]
        super().__init__(family, records, folder, present_only)

    def _task(self, index: int, record: Record) -> Task:
        task_id = f"video-mmmu/{record['config']}/{record['id']}"
        options = plain_options(_listed(record["options"]))
        question = str(record["question"])
        path = self._video(record)
        shared: dict[str, Any] = {
            "video": None if path is None else str(path),
            "images": () if record["picture"] is None else (RowPicture(*record["picture"]),),
        }
        meta = self._meta(kind=record["question_type"], subject=_subject(record), config=record["config"])
        before, after = _guides(record)
        if options:
            return self._choice(
                task_id, f"{before}{question}{after}", options, str(record["answer"]), meta=meta, **shared
            )
        if not question.strip():
            raise DataError(f"`{task_id}` has no question. Fetch `{self._path}` again.")
        answers = [str(answer) for answer in _listed(record["answer"])]
        value = read_number(answers[0]) if len(answers) == 1 else None
        # The original rounds to hundredths before it compares.
        tolerance = {} if not value else {"tolerance": max(1e-4, 0.005 / abs(value))}
        return Task(
            id=task_id,
            family=VIDEO,
            prompt=f"{before}{question}{after}\n{_OPEN}",
            answer=answers[0],
            answer_type="text" if value is None else "number",
            meta={**meta, **tolerance, "answers": answers[1:]},
            **shared,
        )

    def _video(self, record: Record) -> Path | None:
        name = str(record["id"])
        if record["config"] != QUESTION_ONLY:
            folder = _FOLDER_OF[_subject(record)]
            return named_video([self._root / folder, self._root / "videos" / folder], name)
        if record["picture"] is not None:
            return None
        return named_video([self._root / "question_only", self._root / "videos" / "question_only"], f"{name}_image")


def _rows(root: Path, config: str) -> Iterator[dict[str, Any]]:
    name = "adaptation" if config == QUESTION_ONLY else config
    path = next((root / there for there in (name.capitalize(), name) if (root / there).is_dir()), None)
    if path is None:
        raise DataError(f"`{root}` holds no folder `{name.capitalize()}`. Give the folder of lmms-lab/VideoMMMU.")
    pictured = _pictured(path) if name == "adaptation" else {}
    for row, record in enumerate(read_records(path, _COLUMNS)):
        if _subject(record) not in _FOLDER_OF:
            raise DataError(f"Row {row} of `{path}` has the id {record['id']!r}, which names no subject.")
        yield {**record, "config": config, "picture": (str(path), "image", row) if pictured.get(row) else None}


def _pictured(path: Path) -> dict[int, bool]:
    """Row to whether it has a picture; read once, a row group at a time."""
    if "image" not in ParquetRows(path).columns():
        return {}
    cells = (row["image"] for row in ParquetRows(path, ("image",)))
    return {row: bool(cell.get("bytes") if isinstance(cell, Mapping) else cell) for row, cell in enumerate(cells)}


def _subject(record: Record) -> str:
    return str(record["id"]).partition("_")[2].rpartition("_")[0]


def _guides(record: Record) -> tuple[str, str]:
    """What stands before and after the question."""
    where = _IN_VIDEO if record["picture"] is None else _SHOWN
    if record["config"] == QUESTION_ONLY:
        return f"{where}\n", ""
    return (f"{_APPLY} {where}\n", "") if record["config"] == "adaptation" else ("", f"\n{_IGNORE}")


def _listed(value: object) -> list[Any]:
    """A list, also one written as a text; a single value is a list of one, none an empty one."""
    if value is None:
        return []
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            return [value]
    return list(value) if isinstance(value, list | tuple) else [value]
