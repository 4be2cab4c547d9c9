"""The tasks of another source with their Tool Benefit Scores, from a folder that ``adagym benefit`` wrote."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adagym.envs.tasks.picked import Origin, Picked
from adagym.errors import DataError, UsageError
from adagym.types import Task

ORIGIN = Origin("benefit", "benefit.jsonl", "score", "scores")
KEEP: Mapping[str, Callable[[float | None], bool]] = {
    "scored": lambda benefit: benefit is not None,
    "helpful": lambda benefit: benefit is not None and benefit > 0,
    "unhelpful": lambda benefit: benefit is not None and benefit <= 0,
    "all": lambda benefit: True,
}
"""What ``keep`` may be, and which scores it keeps."""


@dataclass(frozen=True)
class Row:
    """One line of ``benefit.jsonl``, as far as it matters here."""

    id: str
    index: int
    """The task's position in its source."""
    benefit: float | None
    calls: float | None
    """Successful calls per episode with tools."""


def net_benefit(benefit: float, calls: float, cost: float) -> float:
    """A Tool Benefit Score less what the calls cost, at least -1; ours, the paper counts a call as free.

    Where tools change nothing a score is 0, and says nothing for or against a call; a cost settles it.

    Args:
        benefit: The score, in [-1, 1].
        calls: Successful calls per episode with tools.
        cost: Of one call, in units of the score.
    """
    return max(-1.0, benefit - cost * calls)


class Scored(Picked):
    """The scored tasks, in the order of their source; task by task taken from it when it is asked for.

    Args:
        family: Task family of the environment; the folder's must be the same.
        folder: The folder.
        keep: ``scored`` keeps the tasks that have a score, ``helpful`` those with one above 0, ``unhelpful`` those
            with one of 0 or less, ``all`` also those whose episodes could not be scored.
        cost: What a call costs, in units of the score (:func:`net_benefit`); ``keep`` looks at what is left.

    Raises:
        DataError: The folder holds no benefit scores, or scores of other tasks; says which file is to blame.
        UsageError: ``keep`` is none of the above, or keeps nothing, or ``cost`` is no number from 0 to 1.
    """

    def __init__(self, family: str, folder: str | Path, keep: str = "scored", cost: float | str = 0.0) -> None:
        if keep not in KEEP:
            raise UsageError(f"`keep` is one of {', '.join(KEEP)}, not {keep!r}.")
        price = _price(cost)
        super().__init__(family, folder, ORIGIN)
        rows = [_charged(row, price) for row in self._read(_row, "a benefit from -1 to 1")]
        self._rows = [row for row in rows if KEEP[keep](row.benefit)]
        if not self._rows:
            raise UsageError(f"No task in `{self._path}` is kept by keep={keep}; `keep` is one of {', '.join(KEEP)}.")
        self._try_out()

    def _task(self, row: Row) -> Task:
        return replace(super()._task(row), tool_benefit=row.benefit)


def _price(cost: float | str) -> float:
    try:
        price = float(cost)
    except ValueError:
        price = math.nan
    if not 0 <= price <= 1:
        raise UsageError(f"`cost` is what one call costs, a number from 0 to 1, not {cost!r}.")
    return price


def _charged(row: Row, cost: float) -> Row:
    if row.benefit is None or not cost:
        return row
    if row.calls is None:
        raise DataError(
            f"The score of `{row.id}` does not say how many calls it took. Score it again, or leave out cost."
        )
    return replace(row, benefit=net_benefit(row.benefit, row.calls, cost))


def _row(value: Mapping[str, Any]) -> Row | None:
    row = Row(value["id"], value["index"], value["benefit"], value.get("calls"))
    sound = row.benefit is None or (isinstance(row.benefit, int | float) and -1 <= row.benefit <= 1)
    return row if sound and (row.calls is None or isinstance(row.calls, int | float)) else None
