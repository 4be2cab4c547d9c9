"""AdaTooler-V's data for reinforcement learning and for evaluation, in any of the forms in which they come.

Four things are done otherwise than by the released script: a row with several pictures keeps all of them, a row says
how its answer is judged, ``delta_s`` arrives at the reward, and a file is only opened if it is under the media folder.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adagym.envs.tasks.adatooler_rows import (
    PREPARED_KEYS,
    RAW_KEYS,
    RL_KEYS,
    Reader,
    Record,
    Unusable,
    reader_of,
)
from adagym.envs.tasks.json_rows import JsonRows, Row, first_row
from adagym.envs.tasks.lazy import Lazy
from adagym.envs.tasks.media import inside
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import Records, lettered_prompt
from adagym.errors import DataError, UsageError
from adagym.pictures import PictureFile
from adagym.types import AnswerType, Task
from adagym.video.folder import SUFFIXES

FAMILIES = ("image_qa", "video_qa")

ASKED: Mapping[AnswerType, str] = {
    "choice": "Answer with the letter of the right option; if several are right, with all their letters.",
    "number": "Answer with a number.",
    "regression": "Answer with a number.",
    "ocr": "Answer with the text exactly as it is written there.",
    "text": "Answer with a word, a number or a formula.",
    "free_form": "Answer in your own words.",
}
"""What the prompt says of the answer. It does not tell how many letters are right."""

_PLACEHOLDER = re.compile(r"<(image|video)>")


@dataclass(frozen=True)
class Place:
    """Where a row is."""

    table: int
    position: int
    """Among the rows that are read from the table."""
    row: int
    """Among all rows of the file."""


class _Rows(Lazy[Row]):
    """Rows of several tables, one after the other."""

    def __init__(self, tables: Sequence[Sequence[Row]], places: Sequence[Place]) -> None:
        self._tables = tables
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def _at(self, index: int) -> Row:
        place = self._places[index]
        return self._tables[place.table][place.position]


class AdaTooler(Records):
    """The questions about pictures, or those about videos.

    A task's group is its data set. How many rows cannot be tasks, and why, is in ``left_out``.

    Args:
        family: ``video_qa`` takes the rows about videos, ``image_qa`` all others.
        folder: A ``*.json``, ``*.jsonl`` or ``*.parquet`` file of any of the forms in
            :mod:`adagym.envs.tasks.adatooler_rows`; or a folder of such, looked through to its ``json/`` too.
        media: The folder under which the pictures and videos are; by default that of the file.

    Raises:
        MissingExtra: A file is Parquet and pyarrow is not installed.
        UsageError: The family is another one.
        DataError: There is no such file, or none of its rows is of the family.
    """

    def __init__(self, family: str, folder: str | Path, media: str | Path | None = None) -> None:
        if family not in FAMILIES:
            raise UsageError(f"`adatooler` holds tasks of the families {' and '.join(FAMILIES)}, not `{family}`.")
        root = Path(folder)
        self._family = family
        self._media = str(media or (root if root.is_dir() else root.parent))
        self._names: list[str] = []
        self._readers: list[Reader] = []
        self._tables: list[Sequence[Row]] = []
        self._places: list[Place] = []
        self.left_out: Counter[str] = Counter()
        """Why rows are no tasks, to how many."""
        for path in adatooler_files(root):
            name = path.name if path == root else path.relative_to(root).as_posix()
            self._names.append(name.rpartition(".")[0].replace("/", "."))
            (self._parquet if path.suffix == ".parquet" else self._json)(path)
        if not self._places and self.left_out:
            raise DataError(f"No row of `{root}` can be a task of `{family}`: {told(self.left_out)}.")
        super().__init__(_Rows(self._tables, self._places), root)

    def _json(self, path: Path) -> None:
        reader = _reader(path, first_row(path) or ())
        verdicts: list[bool] = []

        def keep(row: Row) -> bool:
            verdicts.append(self._takes(reader, row))
            return verdicts[-1]

        self._add(JsonRows(path, keep), reader, [row for row, taken in enumerate(verdicts) if taken])

    def _parquet(self, path: Path) -> None:
        rows = ParquetRows(path)
        reader = _reader(path, rows.columns())
        taken = [number for number, row in enumerate(rows) if self._takes(reader, row)]
        self._add(rows, reader, taken, taken)

    def _add(self, rows: Sequence[Row], reader: Reader, taken: Sequence[int], at: Sequence[int] | None = None) -> None:
        """Keep a file's rows: which are taken, and where the table has them if not one after the other."""
        positions = range(len(taken)) if at is None else at
        number = len(self._tables)
        self._places += [Place(number, position, row) for position, row in zip(positions, taken, strict=True)]
        self._tables.append(rows)
        self._readers.append(reader)

    def _takes(self, reader: Reader, row: Row) -> bool:
        """Whether a row is a task of the family."""
        try:
            return (self._family == "video_qa") == reader(row).is_video
        except Unusable as reason:
            self.left_out[str(reason)] += 1
        except (KeyError, TypeError, AttributeError) as error:
            self.left_out[f"a row of another form ({type(error).__name__}: {error})"] += 1
        return False

    def _task(self, index: int, record: Row) -> Task:
        place = self._places[index]
        found = self._readers[place.table](record)
        files = [inside(self._media, path) for path in found.paths]
        pictures = () if found.is_video else tuple(map(PictureFile, files))
        group = found.source or self._names[place.table]
        return Task(
            id=f"adatooler/{group}/{self._names[place.table]}-{place.row}",
            family=self._family,
            prompt=_prompt(found, len(pictures)),
            images=pictures,
            video=_video(files) if found.is_video else None,
            choices=found.choices,
            answer=found.answer,
            answer_type=found.answer_type,
            split="test" if found.evaluates else "train",
            tool_benefit=found.benefit,
            meta={"problem_type": found.problem_type, "problem_id": found.name},
        )


def adatooler_files(root: Path) -> list[Path]:
    """The data files that a file or folder stands for.

    Raises:
        DataError: There is none.
    """
    if root.is_file():
        return [root]
    found = sorted(path for pattern in _PATTERNS for path in root.glob(pattern) if _is_data(path))
    if not found:
        state = "holds no data of AdaTooler-V" if root.is_dir() else "does not exist"
        raise DataError(f"`{root}` {state}; give a JSON or Parquet file with {_wanted()}, or the folder of such.")
    return found


def told(counts: Mapping[str, int]) -> str:
    """Reasons and how often each, the most frequent first."""
    return "; ".join(f"{count} rows with {reason}" for reason, count in Counter(counts).most_common(5))


_PATTERNS = ("*.json", "*.jsonl", "*.parquet", "json/*.json", "json/*/*.json")


def _is_data(path: Path) -> bool:
    keys = ParquetRows(path).columns() if path.suffix == ".parquet" else first_row(path)
    return keys is not None and reader_of(keys) is not None


def _reader(path: Path, keys: Iterable[str]) -> Reader:
    keys = tuple(keys)
    reader = reader_of(keys)
    if reader is None:
        raise DataError(f"`{path}` has {', '.join(keys) or 'no rows'}, and not {_wanted()}.")
    return reader


def _wanted() -> str:
    return " or ".join(", ".join(keys) for keys in (RL_KEYS, PREPARED_KEYS, RAW_KEYS))


def _video(files: Sequence[str]) -> str:
    """A reference to the video: a file, a folder of frames, or frames in order."""
    suffix = Path(files[0]).suffix.lower()
    moves = suffix not in SUFFIXES or suffix == ".gif"
    return files[0] if len(files) == 1 and moves else f"frames:{json.dumps(files)}"


def _prompt(record: Record, pictures: int) -> str:
    """The question, with the names of the pictures where the file marks their places."""
    question = record.problem
    if len(_PLACEHOLDER.findall(question)) != pictures or re.match(
        r"(?:\s*<image>)*(?!.*<image>)", question, re.DOTALL
    ):
        question = _PLACEHOLDER.sub("", question)  # they only say that there are pictures
    numbers = iter(range(1, pictures + 1))
    question = _PLACEHOLDER.sub(lambda _: f"img_{next(numbers)}", question).strip()
    return lettered_prompt(question, record.choices if record.listed else (), ASKED[record.answer_type])
