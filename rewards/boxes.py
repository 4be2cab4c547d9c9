"""Answers that are a place on a picture: a box by its overlap with the reference, or a point inside it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from adagym.rewards.extraction import final_answer
from adagym.types import Task

THRESHOLD = 0.5
"""Least intersection over union at which a box is right; ``task.meta["iou"]`` replaces it."""
LONGEST = 1000
"""A longer text is not read as a place."""

_NUMBER = r"[-+]?\d{1,9}(?:\.\d{0,9})?"
_GROUP = re.compile(rf"[\[(<]\s*({_NUMBER}(?:\s*,\s*{_NUMBER}){{1,3}})\s*,?\s*[\])>]")
_BARE = re.compile(rf"(?:<box>)?\s*({_NUMBER}(?:(?:\s*,\s*|\s+){_NUMBER}){{1,3}})\s*(?:</box>)?")


def box_is_right(task: Task, answer: str) -> bool | None:
    """Whether an answer shows the place: ``[x1, y1, x2, y2]`` with enough overlap, or a point ``[x, y]`` inside.

    Enough is an intersection over union of at least ``THRESHOLD``. The right column and the bottom row are not part of
    a box. An empty or inverted box is wrong, and so is an answer with two places.

    Returns:
        None if the task's reference is not a box.
    """
    gold = read_place(task.answer)
    if gold is None or len(gold) != 4 or _area(gold) == 0:
        return None
    given = read_place(answer)
    if given is None:
        return False
    if len(given) == 2:
        return gold[0] <= given[0] < gold[2] and gold[1] <= given[1] < gold[3]
    return overlap(given, gold) >= float(task.meta.get("iou", THRESHOLD))


def read_place(text: str) -> tuple[float, ...] | None:
    """Read the one box (four numbers) or point (two) in a text, for example ``[10, 20, 30, 40]`` or ``(15, 25)``.

    Without brackets the text must hold the numbers alone. ``<box>10 20 30 40</box>`` is read too.

    Returns:
        None if there is no place, or more than one.
    """
    text = final_answer(text)
    if len(text) > LONGEST:
        return None
    found = _GROUP.findall(text)
    alone = _BARE.fullmatch(text)
    if not found and alone:
        found = [alone[1]]
    if len(set(found)) != 1:
        return None
    place = tuple(float(number) for number in re.split(r"[\s,]+", found[0]))
    return place if len(place) in (2, 4) else None


def overlap(left: Sequence[float], right: Sequence[float]) -> float:
    """Intersection over union of two boxes ``[x1, y1, x2, y2]``, in [0, 1]."""
    shared = _area((*map(max, left[:2], right[:2]), *map(min, left[2:], right[2:])))
    union = _area(left) + _area(right) - shared
    return shared / union if union > 0 else 0.0


def _area(box: Sequence[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
