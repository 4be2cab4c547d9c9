"""What a task's own rule settles for sure, so that no model need be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adagym.rewards.boxes import read_place
from adagym.rewards.choices import read_choice
from adagym.rewards.extraction import final_answer
from adagym.rewards.moves import read_moves
from adagym.rewards.numbers import read_number
from adagym.rewards.texts import references
from adagym.types import Task

WORDS = 3
"""A number in an answer of more words may count something else, as in "five of them, on shelf 2"."""


def settled(task: Task, answer: str, score: float | None) -> bool | None:
    """Whether the rule accepts or refuses an answer for sure.

    An answer that scores 1 is accepted, and an empty one refused. A score below 1 is a refusal for sure where the rule
    read what it looks for: any plan, ``yes`` or ``no``, options, a number with at most a unit, a place, movements.
    Short and free texts (``text``, ``anls``, ``ocr``, ``free_form``) are never refused for sure unless they are empty.

    Args:
        task: What was asked.
        answer: The final answer.
        score: The rule's score of it in [0, 1]; None if the rule cannot tell.

    Returns:
        True if right, False if wrong, None if a judge should look.
    """
    if score == 1:
        return True
    if not answer.strip():
        return False if score is not None or references(task) else None
    if score is None:
        return None
    was_read = _WAS_READ.get(task.answer_type)
    return False if was_read is not None and was_read(task, answer) else None


def _is_number(task: Task, answer: str) -> bool:
    final = final_answer(answer)
    return len(final.split()) <= WORDS and read_number(final) is not None


_WAS_READ: Mapping[str, Callable[[Task, str], bool]] = {
    # A plan is walked on the map, and there is no reference that another could be compared with.
    "plan": lambda task, answer: True,
    "yes_no": lambda task, answer: answer.strip(" \t\n.!\"'").casefold() in ("yes", "no"),
    "choice": lambda task, answer: read_choice(answer, task.choices) is not None,
    "number": _is_number,
    "regression": _is_number,
    "mra": _is_number,
    "moves": lambda task, answer: read_moves(final_answer(answer)) is not None,
    "box": lambda task, answer: read_place(answer) is not None,
}
"""Answer type to whether the rule could read the answer as one of that type."""
