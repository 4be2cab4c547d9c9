"""The forms in which AdaTooler-V's data come, each read into one and the same record.

* The JSON of its reinforcement learning (``adatooler_v_rl.json``; with ``delta_s`` in the file of that name) and of its
  evaluation, which is that of Video-R1.
* The Parquet file that its script ``prepare_train.py`` makes for verl.
* The rows which that script starts from.

A row that cannot be a task is not guessed at: :class:`Unusable` says why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adagym.envs.tasks.json_rows import Row
from adagym.envs.tasks.records import inline_options, plain_options
from adagym.rewards.choices import read_choice
from adagym.rewards.extraction import unwrapped
from adagym.rewards.numbers import read_number
from adagym.types import AnswerType

RL_KEYS = ("problem", "problem_type", "data_type", "path", "solution")
"""What a row of the JSON files has."""
PREPARED_KEYS = ("data_source", "prompt", "images", "reward_model", "extra_info")
"""Columns of the prepared Parquet file."""
RAW_KEYS = ("question", "image", "is_video", "answer")
"""Columns of the rows it is made of."""

TYPES: Mapping[str, AnswerType] = {
    "multiple choice": "choice",
    "numerical": "number",
    "ocr": "ocr",
    "free form": "free_form",
    "regression": "regression",
}
"""Its problem types, in small letters and without hyphens, to ours."""

_GUIDELINES = "\n\nGuidelines: Understand the given visual information"
"""How the text begins that the script puts after every question; it explains tools that may not be offered."""
_LABEL = re.compile(r"\s*\(?[A-Z][.):]\s*\S")


class Unusable(ValueError):
    """A row that cannot be a task; the message says why, in words that serve to count."""


@dataclass(frozen=True)
class Record:
    """One question, whichever form it came in."""

    problem: str
    """The question, with ``<image>`` where the file has it."""
    answer: str
    answer_type: AnswerType
    choices: tuple[str, ...]
    """Texts of the options, without their letters."""
    listed: bool
    """Whether the options are still to be put under the question."""
    paths: tuple[str, ...]
    """Pictures, or frames of a video in order, or the one video."""
    is_video: bool
    name: str
    """What the file calls it."""
    source: str
    """The data set that it was taken from; may be empty."""
    problem_type: str = ""
    benefit: float | None = None
    """Tool Benefit Score."""
    evaluates: bool = False
    """Whether it is for evaluation."""


Reader = Callable[[Row], Record]


def reader_of(keys: Sequence[str] | Mapping[str, Any]) -> Reader | None:
    """The function that reads rows with these keys; None if they are of no known form."""
    for wanted, reader in ((RL_KEYS, read_rl), (PREPARED_KEYS, read_prepared), (RAW_KEYS, read_raw)):
        if all(key in keys for key in wanted):
            return reader
    return None


def read_rl(row: Row) -> Record:
    """A row of the JSON files.

    Raises:
        Unusable: It cannot be a task.
    """
    paths = _paths(row["path"])
    problem, solution = _text(row["problem"], "problem"), _answer(row["solution"])
    choices = _options(row.get("options"))
    answer, kind, choices, listed = _judged(problem, solution, choices, _text(row["problem_type"], "problem_type"))
    return Record(
        problem,
        answer,
        kind,
        choices,
        listed,
        paths,
        _is_video(row["data_type"]),
        str(row.get("problem_id", "")),
        str(row.get("data_source") or ""),
        str(row["problem_type"]),
        _benefit(row.get("delta_s")),
        paths[0].removeprefix("./").startswith("Evaluation/"),
    )


def read_prepared(row: Row) -> Record:
    """A row of the prepared Parquet file.

    Raises:
        Unusable: It cannot be a task.
    """
    extra, reward = row["extra_info"] or {}, row["reward_model"] or {}
    said = [turn.get("content") for turn in row["prompt"] or () if turn.get("role") == "user"]
    problem = _text(said[0] if said else None, "prompt").rpartition(_GUIDELINES)
    images = [item.get("image") if isinstance(item, Mapping) else item for item in row["images"] or ()]
    question = problem[0] or problem[2]
    answer, kind, choices, listed = _judged(
        question, _answer(reward.get("ground_truth")), (), str(extra.get("problem_type") or "")
    )
    return Record(
        question,
        answer,
        kind,
        choices,
        listed,
        _paths(images),
        bool(extra.get("is_video")),
        str(extra.get("qid") or ""),
        str(row["data_source"] or ""),
        str(extra.get("problem_type") or ""),
        _benefit(extra.get("Tool_Benefit_Score")),
        extra.get("split") in ("val", "test"),
    )


def read_raw(row: Row) -> Record:
    """A row that the script starts from; its paths are below ``videos/`` or ``images/``.

    Raises:
        Unusable: It cannot be a task.
    """
    problem, is_video = _text(row["question"], "question"), bool(row["is_video"])
    answer, kind, choices, listed = _judged(problem, _answer(row["answer"]), (), str(row.get("problem_type") or ""))
    paths = _paths(row["image"])
    return Record(
        problem,
        answer,
        kind,
        choices,
        listed,
        tuple(f"{'videos' if is_video else 'images'}/{path}" for path in paths),
        is_video,
        str(row.get("qid") or ""),
        str(row.get("data_source") or ""),
        str(row.get("problem_type") or ""),
    )


def _judged(
    problem: str, solution: str, choices: tuple[str, ...], said: str
) -> tuple[str, AnswerType, tuple[str, ...], bool]:
    """The answer, its type, the options, and whether these are to be put under the question."""
    listed = bool(choices)
    choices = choices or inline_options(problem)[1]
    key = " ".join(said.replace("-", " ").casefold().split())
    if key and key not in TYPES:
        raise Unusable(f"the problem type {said!r}")
    kind = TYPES[key] if key else _guessed(solution, choices)
    if kind == "choice":
        letters = read_choice(solution, choices)
        if not letters:
            raise Unusable("an answer that is none of the options")
        return ", ".join(sorted(set(letters))), kind, choices, listed
    if kind in ("number", "regression") and read_number(solution) is None:
        if kind == "regression":
            raise Unusable("an answer that is not a number")
        # A formula, for which the original compares texts too.
        kind = "text"
    return solution, kind, (), False


def _guessed(solution: str, choices: tuple[str, ...]) -> AnswerType:
    """The type of a row that does not say it: options in the question, or a number, or words."""
    if choices and read_choice(solution, choices):
        return "choice"
    return "free_form" if read_number(solution) is None else "number"


def _options(value: object) -> tuple[str, ...]:
    """Options without their letters, which must be in order where there are some."""
    if value in (None, "", []):
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unusable("options that are not a list of texts")
    plain = plain_options(value)
    if plain == tuple(map(str.strip, value)) and all(_LABEL.match(item) for item in value):
        raise Unusable("options whose letters are not A, B, C, ... in order")
    return plain


def _paths(value: object) -> tuple[str, ...]:
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) and path.strip() for path in paths):
        raise Unusable("no path of a picture or video")
    return tuple(paths)


def _is_video(value: object) -> bool:
    if value not in ("image", "video"):
        raise Unusable(f"the data type {value!r:.40}")
    return value == "video"


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unusable(f"no {what}")
    return value.strip()


def _answer(value: object) -> str:
    """The text of a reference, which may be a list of letters, and stand in a tag."""
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return _text(unwrapped(value) if isinstance(value, str) else None, "answer")


def _benefit(value: object) -> float | None:
    """The score; None where the file has none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not -1 <= value <= 1:
        raise Unusable("a Tool Benefit Score outside of -1 to 1")
    return float(value)
