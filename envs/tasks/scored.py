"""The tasks of another source with their Tool Benefit Scores, from a folder that ``adagym benefit`` wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from adagym.errors import DataError, UsageError
from adagym.types import Task

CONFIG = "config.json"
BENEFITS = "benefit.jsonl"
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


class Scored(Sequence[Task]):
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
        from adagym.envs.tasks import load_tasks  # the registry there names this module

        if keep not in KEEP:
            raise UsageError(f"`keep` is one of {', '.join(KEEP)}, not {keep!r}.")
        price = _price(cost)
        config = _config(Path(folder) / CONFIG)
        if config["family"] != family:
            raise DataError(f"`{folder}` holds scores of {config['family']}, and the environment plays {family}.")
        self._path = Path(folder) / BENEFITS
        self._spec = config["tasks"]
        self._source = load_tasks(self._spec, family)
        rows = [_charged(row, price) for row in _rows(self._path)]
        self._rows = [row for row in rows if KEEP[keep](row.benefit)]
        if not self._rows:
            raise UsageError(f"No task in `{self._path}` is kept by keep={keep}; `keep` is one of {', '.join(KEEP)}.")
        for row in (self._rows[0], max(self._rows, key=lambda row: row.index)):
            self._task(row)  # another source shows at once

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Task: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Task]: ...

    def __getitem__(self, index: int | slice) -> Task | Sequence[Task]:
        if isinstance(index, slice):
            return [self._task(row) for row in self._rows[index]]
        return self._task(self._rows[index])

    def _task(self, row: Row) -> Task:
        task = self._source[row.index] if row.index < len(self._source) else None
        if task is None or task.id != row.id:
            raise DataError(
                f"Task {row.index} of `{self._spec}` is {None if task is None else task.id}, and `{self._path}` scores "
                f"{row.id} there: the source has changed since. Score it again with `adagym benefit`."
            )
        return replace(task, tool_benefit=row.benefit)


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


def _config(path: Path) -> Mapping[str, str]:
    """Family and task source of the folder."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        found = {"family": value["family"], "tasks": value["tasks"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"`{path}` is not the configuration of a benefit run ({type(error).__name__}: {error}); "
            "give a folder that `adagym benefit` wrote."
        ) from error
    if not all(isinstance(item, str) for item in found.values()):
        raise DataError(f"`{path}` must name the family and the task source as texts; it says {found}.")
    return found


def _rows(path: Path) -> list[Row]:
    """All lines, in the order of the source."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"`{path}` cannot be read ({error}); let `adagym benefit` finish with --resume.") from error
    return sorted((_row(path, number, line) for number, line in enumerate(lines, 1)), key=lambda row: row.index)


def _row(path: Path, number: int, line: str) -> Row:
    try:
        value = json.loads(line)
        row = Row(value["id"], value["index"], value["benefit"], value.get("calls"))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"Line {number} of `{path}` is not a score ({type(error).__name__}: {error}).") from error
    sound = isinstance(row.id, str) and isinstance(row.index, int) and row.index >= 0
    sound = sound and (row.calls is None or isinstance(row.calls, int | float))
    if not sound or not (row.benefit is None or (isinstance(row.benefit, int | float) and -1 <= row.benefit <= 1)):
        raise DataError(f"Line {number} of `{path}` needs an id, an index and a benefit from -1 to 1, not {line:.200}.")
    return row
