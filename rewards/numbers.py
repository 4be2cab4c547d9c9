"""Answers that are numbers: right within a tolerance, or the better the nearer."""

from __future__ import annotations

import math

from adagym.rewards.extraction import final_answer
from adagym.rewards.quantities import Quantity, common_sizes, read_quantity
from adagym.types import Task, Trajectory

TOLERANCE = 1e-4
"""Relative difference at which a number is still right; ``task.meta["tolerance"]`` replaces it."""


def number_is_right(task: Task, answer: str) -> bool | None:
    """Whether an answer's number equals the reference's within ``TOLERANCE``.

    A percent sign and a word such as ``million`` multiply. Where only one of the two numbers has one, it may also be a
    unit: ``42%`` equals 42 and 0.42, ``3.2 million`` equals 3.2 and 3200000. Units count if both numbers have one that
    is known: ``500 cm`` equals ``5 m``, and neither equals ``5 kg``; ``$5`` is not ``5 €``. With
    ``task.meta["decimals"]`` both numbers are rounded to so many decimal places and must then be the same.

    Returns:
        None if the task's reference is not a number.
    """
    gold = read_quantity(task.answer)
    if gold is None:
        return None
    given = read_quantity(final_answer(answer))
    sizes = None if given is None else common_sizes(given, gold)
    if given is None or sizes is None:
        return False
    plain = given.value * sizes[0], gold.value * sizes[1]
    pairs = [(plain[0] * _factor(given), plain[1] * _factor(gold))]
    if given.scaled != gold.scaled:
        pairs.append(plain)
    decimals = task.meta.get("decimals")
    if decimals is not None:
        return any(round(left, int(decimals)) == round(right, int(decimals)) for left, right in pairs)
    tolerance = float(task.meta.get("tolerance", TOLERANCE))
    return any(math.isclose(left, right, rel_tol=tolerance, abs_tol=1e-9) for left, right in pairs)


def regression_score(task: Task, answer: str) -> float | None:
    """1 minus the relative error, not below 0: ``max(0, 1 - |answer - reference| / |reference|)``.

    A reference of 0 is met exactly or not at all. Units are converted as in :func:`number_is_right`, and percent signs
    do not count.

    Returns:
        0 to 1; None if the task's reference is not a number.
    """
    error = _relative_error(task, answer)
    return None if error is None else max(0.0, 1.0 - error)


def mean_relative_accuracy(task: Task, trajectory: Trajectory) -> float | None:
    """Share of the ten tolerances 0.50, 0.45, ..., 0.05 that the relative error is below (MRA of VSI-Bench).

    Strictly below, as VSI-Bench's paper and Video-R1 have it; VSI-Bench's code also takes an error equal to it.

    Returns:
        0 to 1; None after an infrastructure failure, or if the task's reference is not a number.
    """
    if trajectory.outcome == "infra_failure" or task.answer_type not in ("number", "regression", "mra"):
        return None
    return mra_score(task, trajectory.answer or "")


def mra_score(task: Task, answer: str) -> float | None:
    """The mean relative accuracy of one answer (see :func:`mean_relative_accuracy`).

    A reference of 0, by which VSI-Bench's code divides, is met exactly or not at all.

    Returns:
        0 to 1; None if the task's reference is not a number.
    """
    error = _relative_error(task, answer)
    if error is None:
        return None
    # In twentieths, which are exact, and rounded: neither is 0.05 * 3 equal to 0.15, nor 1 - 0.95 to 0.05.
    return sum(round(error * 20, 9) < twentieths for twentieths in range(1, 11)) / 10


def read_number(text: str) -> float | None:
    """Read the one number in a text: ``1,234``, ``42%`` (as 42), ``$5``, ``-3/4``, ``about 7 cm``, ``5 million``.

    Returns:
        None if there is no number, or more than one.
    """
    found = read_quantity(text)
    return None if found is None else found.value * found.scale


def _factor(quantity: Quantity) -> float:
    return quantity.scale * (0.01 if quantity.percent else 1.0)


def _relative_error(task: Task, answer: str) -> float | None:
    """Error over the size of the reference; infinite without a number, None without a reference."""
    gold, given = read_quantity(task.answer), read_quantity(final_answer(answer))
    if gold is None:
        return None
    sizes = None if given is None else common_sizes(given, gold)
    if given is None or sizes is None:
        return math.inf
    said, wanted = given.value * given.scale * sizes[0], gold.value * gold.scale * sizes[1]
    if wanted == 0:
        return 0.0 if said == 0 else math.inf
    return abs(said - wanted) / abs(wanted)
