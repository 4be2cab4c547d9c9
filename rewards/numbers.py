"""Answers that are numbers: right within a tolerance, or the better the nearer."""

from __future__ import annotations

import math
import re

from adagym.types import Task, Trajectory

TOLERANCE = 1e-4
"""Relative difference at which a number is still right; ``task.meta["tolerance"]`` replaces it."""
LONGEST = 200
"""A longer text is not read as a number."""

_VALUE = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\d)"
_NUMBER = re.compile(rf"(?<![\w.])([-+]?\s*[$€£¥]?\s*{_VALUE})(?:\s*/\s*([-+]?{_VALUE}))?(\s*\\?%)?")
_LATEX = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")


def number_is_right(task: Task, answer: str) -> bool | None:
    """Whether an answer's number equals the reference's within ``TOLERANCE``.

    Where only one of the two is written with a percent sign, the sign may be a unit or a factor of 0.01.

    Returns:
        None if the task's reference is not a number.
    """
    gold = _read(task.answer)
    if gold is None:
        return None
    given = _read(answer)
    if given is None:
        return False
    tolerance = float(task.meta.get("tolerance", TOLERANCE))
    factors = (1.0,) if given[1] == gold[1] else (1.0, 0.01) if given[1] else (1.0, 100.0)
    return any(math.isclose(given[0] * factor, gold[0], rel_tol=tolerance, abs_tol=1e-9) for factor in factors)


def regression_score(task: Task, answer: str) -> float | None:
    """1 minus the relative error, not below 0: ``max(0, 1 - |answer - reference| / |reference|)``.

    A reference of 0 is met exactly or not at all.

    Returns:
        0 to 1; None if the task's reference is not a number.
    """
    gold, given = read_number(task.answer), read_number(answer)
    if gold is None:
        return None
    return 0.0 if given is None else max(0.0, 1.0 - _relative_error(given, gold))


def mean_relative_accuracy(task: Task, trajectory: Trajectory) -> float | None:
    """Share of the ten tolerances 0.50, 0.45, ..., 0.05 that the relative error is below (MRA of VSI-Bench).

    Strictly below, as VSI-Bench's paper and Video-R1 have it; VSI-Bench's code also takes an error equal to it.

    Returns:
        0 to 1; None after an infrastructure failure, or if the task's reference is not a number.
    """
    gold = read_number(task.answer) if task.answer_type in ("number", "regression") else None
    if trajectory.outcome == "infra_failure" or gold is None:
        return None
    given = read_number(trajectory.answer or "")
    if given is None:
        return 0.0
    error = _relative_error(given, gold)
    # In twentieths, which are exact: 0.05 * 3 is not 0.15.
    return sum(error * 20 < twentieths for twentieths in range(1, 11)) / 10


def read_number(text: str) -> float | None:
    """Read the one number in a text: ``1,234``, ``42%`` (as 42), ``$5``, ``3.0``, ``-3/4``, ``about 7 cm``, ``1e3``.

    Returns:
        None if there is no number, or more than one.
    """
    found = _read(text)
    return None if found is None else found[0]


def _read(text: str) -> tuple[float, bool] | None:
    """The number, and whether a percent sign follows it."""
    if len(text) > LONGEST:
        return None
    matches = list(_NUMBER.finditer(_LATEX.sub(r"\1/\2", text.replace("\N{MINUS SIGN}", "-"))))
    if len(matches) != 1:
        return None
    top, bottom, percent = matches[0].groups()
    value, divisor = _float(top), 1.0 if bottom is None else _float(bottom)
    if divisor == 0 or not math.isfinite(value) or not math.isfinite(divisor):
        return None
    return value / divisor, percent is not None


def _float(text: str) -> float:
    return float(re.sub(r"[\s,$€£¥]", "", text))


def _relative_error(given: float, gold: float) -> float:
    if gold == 0:
        return 0.0 if given == 0 else math.inf
    return abs(given - gold) / abs(gold)
