"""VSPO, the mazes on which AdaReasoner tests what lies out of its training, from the Parquet files of AdaEval.

A row is a picture with a question; its map is there as JSON. As with the folders of VSP, the question is put in our own
words, and a plan is judged by simulation on the map.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adagym.envs.lake import Lake
from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.row_picture import RowPicture
from adagym.envs.tasks.vsp_text import NAVIGATION, VERIFICATION, check_family, prompt_of
from adagym.errors import DataError
from adagym.rewards.accuracy import read_plan
from adagym.types import Task

COLUMNS = ("idx", "image", "text", "answer", "task_type", "gym_map")
KINDS = {NAVIGATION: "navigation", VERIFICATION: "verify"}
"""Family to what the column ``task_type`` says."""

_LABELS = {"y": "Yes", "yes": "Yes", "n": "No", "no": "No"}


class VSPO(LazyTasks):
    """The rows of one family, in order. A picture is read when it is loaded.

    Args:
        family: ``vsp_navigation`` or ``vsp_verification``.
        folder: Holds the Parquet files, perhaps in ``data``; or one file.

    Raises:
        MissingExtra: pyarrow is not installed.
        DataError: There is no file, one has other columns or none holds the family; when a task is read, its row
            cannot be used.
    """

    def __init__(self, family: str, folder: str | Path) -> None:
        self.family = check_family(family)
        home = Path(folder)
        self._path = home / "data" if (home / "data").is_dir() else home
        ParquetRows(self._path, ("image",))  # refuses files without pictures before one is asked for
        self._rows = ParquetRows(self._path, tuple(name for name in COLUMNS if name != "image"))
        kinds = [row["task_type"] for row in ParquetRows(self._path, ("task_type",))]
        self._places = [place for place, kind in enumerate(kinds) if kind == KINDS[family]]
        if not self._places:
            there = ", ".join(sorted({str(kind)[:40] for kind in kinds})) or "none"
            raise DataError(f"`{self._path}` holds no rows of task_type {KINDS[family]!r}; there are {there}.")

    def __len__(self) -> int:
        return len(self._places)

    def _at(self, index: int) -> Task:
        place = self._places[index]
        row = self._rows[place]
        where = f"row {place} of {self._path}"
        rows = _map(row["gym_map"], where)
        meta: dict[str, Any] = {}
        if rows:
            lake = Lake(rows)
            meta = {"rows": list(rows), "side": lake.side, "shortest": len(lake.shortest_plan() or "")}
        plan, answer = "", ""
        if self.family == VERIFICATION:
            plan, answer = _question(row, where)
            meta |= {"plan": plan, "length": len(plan)}
        elif not rows:
            raise DataError(f"In {where} there is no map to judge a plan by. Fetch the file again.")
        return Task(
            id=f"vspo/{KINDS[self.family]}/{row['idx']}",
            family=self.family,
            prompt=prompt_of(self.family, plan),
            images=(RowPicture(str(self._path), "image", place),),
            answer=answer,
            answer_type="plan" if self.family == NAVIGATION else "yes_no",
            meta=meta,
        )


def _map(cell: object, where: str) -> tuple[str, ...]:
    """The rows of a map; none where the cell holds an empty one."""
    try:
        value = json.loads(str(cell or "[]"))
        rows = tuple("".join(line) for line in value)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"In {where} the map is not a list of rows as JSON: {error}. Fetch the file again.") from error
    try:
        return Lake(rows).rows if rows else ()
    except DataError as error:
        raise DataError(f"In {where} the map cannot be used: {error}") from error


def _question(row: Mapping[str, Any], where: str) -> tuple[str, str]:
    """The moves to judge and the label; the moves stand alone, or at the end of a sentence after a colon."""
    text, label = str(row["text"]), _LABELS.get(str(row["answer"]).strip().lower())
    plan = read_plan(text.rpartition(":")[2].strip(" \n.`\"'"))
    if not plan:
        raise DataError(f"In {where} the text {text[-80:]!r} ends in no sequence of moves. Fetch the file again.")
    if label is None:
        raise DataError(f"In {where} the answer is {str(row['answer'])[:40]!r}; it is Yes or No. Fetch the file again.")
    return plan, label
