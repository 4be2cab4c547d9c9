"""What the readers of image benchmarks share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from adagym.envs.tasks.records import ASK_LETTER, Record, inline_options, letter_of
from adagym.errors import DataError
from adagym.rewards.choices import LETTERS
from adagym.types import LazyImage, Task

FAMILY = "image_qa"


def inline_task(
    task_id: str, record: Record, pictures: Sequence[LazyImage], meta: Mapping[str, Any], guide: str = ASK_LETTER
) -> Task:
    """A task whose options are part of its question, which is shown as it is.

    The options are read out of the text only to recognise answers in words; where that fails, letters are judged.

    Raises:
        DataError: There is no question, or the answer names no option.
    """
    question, answer = str(record["question"] or "").strip(), str(record["answer"] or "").strip()
    if not question:
        raise DataError(f"`{task_id}` has no question. Fetch the file again.")
    _, choices = inline_options(question)
    letter = answer.strip(" ().:").upper()
    if len(letter) != 1 or letter not in LETTERS:
        letter = letter_of(answer, choices, f"`{task_id}`")
    return Task(
        id=task_id,
        family=FAMILY,
        prompt=f"{question}\n{guide}",
        images=tuple(pictures),
        choices=choices if letter in LETTERS[: len(choices)] else (),
        answer=letter,
        answer_type="choice",
        meta=dict(meta),
    )


def slug(text: object) -> str:
    """A name as part of a task's id: small letters and digits, everything else a hyphen."""
    return re.sub(r"[\W_]+", "-", str(text).casefold()).strip("-") or "other"
