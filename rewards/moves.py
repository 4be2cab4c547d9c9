"""Answers that say how a camera moved, as in SPAR-Bench's ``view_change_infer``: ``move_right:0.3,rotate_left:20``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from adagym.rewards.extraction import final_answer
from adagym.types import Task

LONGEST = 400
"""A longer text is not read; all ten moves take half of it."""

AXES = {
    "move_right": ("move x", 1),
    "move_left": ("move x", -1),
    "move_up": ("move y", 1),
    "move_down": ("move y", -1),
    "move_forward": ("move z", 1),
    "move_backward": ("move z", -1),
    "rotate_right": ("rotate x", 1),
    "rotate_left": ("rotate x", -1),
    "rotate_up": ("rotate y", 1),
    "rotate_down": ("rotate y", -1),
}
"""Move to what it changes, and in which sense."""

_UNIT = r"(?:\s?(?:metres?|meters?|m|degrees?|deg|°))?"
_MOVE = re.compile(rf"\s*(\w+)\s*[:=]\s*([-+]?\d{{1,9}}(?:\.\d{{0,9}})?){_UNIT}\s*", re.IGNORECASE)
_LOWEST, _HIGHEST = 1, 10
"""The tolerances 0.05 to 0.50, in twentieths."""


def moves_score(task: Task, answer: str) -> float | None:
    """Mean relative accuracy per movement, over all movements that the answer or the reference names.

    A movement is one axis: ``move_left:0.3`` is ``move_right:-0.3``. A missing or superfluous one scores 0, and so does
    the wrong direction. The rule for one is VSI-Bench's (:func:`adagym.rewards.numbers.mra_score`). SPAR-Bench's code
    counts movements that neither names as right, which gives most of the score to an answer that names nothing, and
    divides by the answer instead of the reference.

    Returns:
        0 to 1; None if the task's reference names no movement.
    """
    gold = read_moves(task.answer)
    if not gold:
        return None
    given = read_moves(final_answer(answer))
    if given is None:
        return 0.0
    scores = [_accuracy(given.get(axis, Fraction()), gold.get(axis, Fraction())) for axis in {**gold, **given}]
    return sum(scores) / len(scores)


def read_moves(text: str) -> Mapping[str, Fraction] | None:
    """How far a text moves along each axis, and nothing for those along which it does not.

    Args:
        text: Moves as in ``AXES`` with numbers, set off by commas, semicolons, line breaks or "and". What is said of
            one axis adds up.

    Returns:
        None if the text holds anything else.
    """
    if len(text) > LONGEST:
        return None
    found: dict[str, Fraction] = {}
    for part in re.split(r"[,;\n]|\band\b", text.strip().strip(".{}\"'")):
        read = _MOVE.fullmatch(part)
        axis = AXES.get(read[1].lower()) if read else None
        if read is None or axis is None:
            return None
        found[axis[0]] = found.get(axis[0], Fraction()) + axis[1] * Fraction(read[2])
    return {axis: far for axis, far in found.items() if far}


def _accuracy(given: Fraction, gold: Fraction) -> float:
    """Share of the ten tolerances that the relative error is below; fractions, since 0.03 / 0.3 is not 0.1."""
    if gold == 0:
        return 0.0
    error = abs(given - gold) / abs(gold) * 20
    return sum(error < twentieths for twentieths in range(_LOWEST, _HIGHEST + 1)) / _HIGHEST
