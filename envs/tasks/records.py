"""What readers of benchmarks share: records from JSON or Parquet, options with and without letters, prompts, answers.

A reader is a :class:`Records` that makes one task of one record. Nothing is opened but the table of questions;
pictures and videos are read when a task is played.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from adagym.envs.tasks.json_rows import JsonRows
from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.parquet import ParquetRows
from adagym.errors import DataError, UsageError
from adagym.rewards.choices import LETTERS
from adagym.types import Task

Record = Mapping[str, Any]
N = TypeVar("N", int, float)

ASK_LETTER = "Answer with the letter of the right option."

_LABEL = re.compile(r"\s*\(?([A-Za-z])\s*[.):]\s*")
_INLINE = re.compile(r"(?<![^\s,;])\(?([A-Z])[.):](?=\s|$)\s*")
_OPTIONS_WORD = re.compile(r"\s*\b(?:options|choices)\s*:?\s*$", re.IGNORECASE)


class Records(LazyTasks):
    """Tasks made one by one from records, in their order.

    Args:
        records: The records; may be lazy.
        where: The file or folder they are from, for messages.

    Raises:
        DataError: There is no record.
    """

    def __init__(self, records: Sequence[Record], where: str | Path) -> None:
        if not len(records):
            raise DataError(f"`{where}` holds no question that was asked for. Check the file and the options.")
        self._records = records
        self._path = str(where)

    def __len__(self) -> int:
        return len(self._records)

    def _at(self, index: int) -> Task:
        with self._reading(index):
            return self._task(index, self._records[index])

    @contextmanager
    def _reading(self, index: int) -> Iterator[None]:
        """Blame the record for whatever one of another form leads to."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"Question {index} of `{self._path}` cannot be read ({type(error).__name__}: {error}). "
                "Give the file of the benchmark that this source reads."
            ) from error

    @abstractmethod
    def _task(self, index: int, record: Record) -> Task:
        """Make the task of a record."""


def check_family(family: str, wanted: str, source: str) -> str:
    """Return the family if it is the one that a source holds tasks of.

    Raises:
        UsageError: It is another one.
    """
    if family != wanted:
        raise UsageError(f"`{source}` holds tasks of the family `{wanted}`, not `{family}`.")
    return family


def one_of(value: str, known: Sequence[str], option: str) -> str:
    """Return an option's value if it is known.

    Raises:
        UsageError: It is not.
    """
    if value not in known:
        raise UsageError(f"`{option}` is one of {', '.join(known)}, not {value!r}.")
    return value


def some_of(value: str | Sequence[str] | None, known: Sequence[str], option: str) -> tuple[str, ...]:
    """Values joined by hyphens, or a sequence of them; None is all.

    Raises:
        UsageError: One is not known, or the sequence is empty.
    """
    if value is None:
        return tuple(known)
    given = value.split("-") if isinstance(value, str) else value
    if not given:
        raise UsageError(f"`{option}` names none; choose some of {', '.join(known)}.")
    return tuple(one_of(item, known, option) for item in given)


def number(value: float | str, kind: Callable[[Any], N], option: str) -> N:
    """Read a number that may be written as text, as ``int`` or ``float``.

    Raises:
        UsageError: It is none.
    """
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"`{option}` is not a number: {value!r}.") from None


def switch(value: bool | str, option: str) -> bool:
    """Read ``true`` or ``false``.

    Raises:
        UsageError: It is neither.
    """
    text = str(value).lower()
    if text not in ("true", "false"):
        raise UsageError(f"`{option}` is true or false, not {value!r}.")
    return text == "true"


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        DataError: The file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror or error}. Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"`{path}` is not JSON: {error}. Fetch the file again.") from error


def read_records(path: str | Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Sequence[Record]:
    """The records of a Parquet file, a folder of Parquet files, a JSON list or JSON lines.

    Args:
        path: ``*.json``, ``*.jsonl``, ``*.parquet``, or a folder of the last.
        columns: What every record must have. Of Parquet nothing else is read.
        optional: Further columns of Parquet files, read where they are there.

    Raises:
        MissingExtra: It is Parquet and pyarrow is not installed.
        DataError: Nothing is there, it cannot be read, or a record lacks a column.
    """
    path = Path(path)
    if path.suffix in (".json", ".jsonl"):
        rows = JsonRows(path)
        for number, row in enumerate(rows):
            missing = [name for name in columns if name not in row]
            if missing:
                raise DataError(
                    f"Question {number} of `{path}` has no {', '.join(map(repr, missing))}; it has {', '.join(row)}. "
                    "Give the file of the benchmark that this source reads."
                )
        return rows
    if not optional:
        return ParquetRows(path, columns)
    there = ParquetRows(path).columns()
    return ParquetRows(path, (*columns, *(name for name in optional if name in there)))


def found_file(folder: str | Path, *patterns: str) -> Path:
    """The path itself if it is a file, or what the first pattern that matches finds in the folder.

    Of several files that match one pattern the first by name is meant, except for Parquet, which may be in parts: then
    it is the pattern, which :class:`~adagym.envs.tasks.parquet.ParquetRows` understands. A folder may hold the parts of
    other splits as well.

    Raises:
        DataError: Nothing matches; names what was looked for.
    """
    folder = Path(folder)
    if folder.is_file():
        return folder
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if found:
            parts = len(found) > 1 and found[0].suffix == ".parquet"
            return found[0].parent / Path(pattern).name if parts else found[0]
    state = "holds none of" if folder.is_dir() else "does not exist; it should hold one of"
    raise DataError(f"`{folder}` {state} {', '.join(patterns)}. Give the folder into which the benchmark was fetched.")


def plain_options(options: Sequence[Any]) -> tuple[str, ...]:
    """Options without the letters before them, if each one begins with its own: ``A. red`` and ``B. blue``."""
    texts = [str(option).strip() for option in options]
    labels = [_LABEL.match(text) for text in texts]
    lettered = all(
        label and label[1].upper() == letter and label.end() < len(text)
        for label, letter, text in zip(labels, LETTERS, texts, strict=False)
    )
    if not lettered:
        return tuple(texts)
    return tuple(text[label.end() :] for label, text in zip(labels, texts, strict=True) if label)


def inline_options(text: str) -> tuple[str, tuple[str, ...]]:
    """Take a question apart whose options are in its text, as ``(A) red``, ``A. red`` or ``A: red, B: blue``.

    The longest row of letters from A on is meant, the last one of several. Where options have lines of their own, what
    follows the last one's line is left out.

    Returns:
        The question, and the options; none if there are not at least two.
    """
    marks = list(_INLINE.finditer(text))
    rows: list[list[re.Match[str]]] = []
    for start, mark in enumerate(marks):
        if mark[1] == "A":
            row = [mark]
            for other in marks[start + 1 :]:
                if len(row) < len(LETTERS) and other[1] == LETTERS[len(row)]:
                    row.append(other)
            rows.append(row)
    row = max(reversed(rows), key=len, default=[])
    if len(row) < 2:
        return text.strip(), ()
    ends = [mark.start() for mark in row[1:]] + [len(text)]
    options = [text[mark.end() : end].strip().rstrip(",;") for mark, end in zip(row, ends, strict=True)]
    if "\n" in text[row[0].start() : row[1].start()]:
        options[-1] = options[-1].partition("\n")[0].strip()
    return _OPTIONS_WORD.sub("", text[: row[0].start()]).strip(), tuple(options)


def lettered_prompt(question: str, choices: Sequence[str], guide: str = ASK_LETTER) -> str:
    """The question, its options in lines of their own, and how to answer."""
    options = "".join(f"\n({letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
    return f"{question}{options}\n{guide}"


def letter_of(answer: object, choices: Sequence[str], where: str) -> str:
    """The letter of the right option, given as ``B``, ``b.`` or ``(B)``, as a number from 0, or as the option's text.

    A letter is never taken for the text of an option. Of several options with the text the first is meant.

    Raises:
        DataError: It names none of the options.
    """
    letters = LETTERS[: len(choices)]
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(letters):
        return letters[answer]
    text = str(answer).strip()
    bare = text.strip(" ().:").upper()
    if len(bare) == 1 and bare in letters:
        return bare
    same = [letter for letter, choice in zip(letters, choices, strict=True) if text and choice.strip() == text]
    if same:
        return same[0]
    raise DataError(
        f"{where} has {len(choices)} options and the answer {text[:60]!r}, which names none of them. "
        "Give the file of the benchmark that this source reads."
    )
