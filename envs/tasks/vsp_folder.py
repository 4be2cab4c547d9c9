"""The maze part of the Visual-Spatial-Planning benchmark (arXiv 2407.01863), in its own folders.

``task-main/maps/levelN`` holds navigation on maps of side N, ``task4/maps/level_stepN`` verification of N moves.
The map comes from ``table/`` or ``text/``, the picture shown is the benchmark's own PNG.
"""

from __future__ import annotations

import re
from pathlib import Path

from adagym.envs.lake import MOVES, Lake
from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.vsp_text import NAVIGATION, check_family, prompt_of
from adagym.errors import DataError
from adagym.pictures import PictureFile
from adagym.types import Task

_LETTERS = {"@": "S", "_": "F", "#": "H", "*": "G"}
_LABELS = {"Y": "Yes", "N": "No"}


class VSPFolder(LazyTasks):
    """All items of one family under a folder, levels and then numbers in order.

    Args:
        family: ``vsp_navigation`` or ``vsp_verification``.
        folder: Holds ``task-main`` or ``task4``, perhaps below ``VSP-main/maze`` or ``maze``.

    Raises:
        DataError: The folder or its parts are missing, or a map or label cannot be used; names the file.
    """

    def __init__(self, family: str, folder: str | Path) -> None:
        self.family = check_family(family)
        part = "task-main" if family == NAVIGATION else "task4"
        maps = _find(Path(folder), part)
        pictures = sorted(maps.glob("level*/img/*.png"), key=_order)
        if not pictures:
            raise DataError(f"`{maps}` holds no level*/img/*.png; the benchmark's folders look like level4/img/0.png.")
        self._tasks = [self._read(picture, part) for picture in pictures]

    def __len__(self) -> int:
        return len(self._tasks)

    def _at(self, index: int) -> Task:
        return self._tasks[index]

    def _read(self, picture: Path, part: str) -> Task:
        level = picture.parent.parent
        lake = _read_map(level, picture.stem)
        plan, answer = ("", "") if self.family == NAVIGATION else _read_question(level, picture.stem)
        meta = {
            "rows": list(lake.rows),
            "side": lake.side,
            "shortest": len(lake.shortest_plan() or ""),
            "level": level.name,
        }
        return Task(
            id=f"vsp/{part}/{level.name}/{picture.stem}",
            family=self.family,
            prompt=prompt_of(self.family, plan),
            images=(PictureFile(str(picture)),),
            answer=answer,
            answer_type="plan" if self.family == NAVIGATION else "yes_no",
            meta=meta if self.family == NAVIGATION else {**meta, "plan": plan, "length": len(plan)},
        )


def _find(folder: Path, part: str) -> Path:
    for below in (".", "maze", "VSP-main/maze"):
        maps = folder / below / part / "maps"
        if maps.is_dir():
            return maps
    absent = "is a file, so it has no" if folder.exists() else "does not exist, so it has no"
    state = "has no" if folder.is_dir() else absent
    raise DataError(
        f"`{folder}` {state} {part}/maps. Give the `maze` folder of github.com/UCSB-NLP-Chang/Visual-Spatial-Planning."
    )


def _order(picture: Path) -> tuple[int, int, str]:
    level = re.search(r"\d+", picture.parent.parent.name)
    number = int(picture.stem) if picture.stem.isdigit() else -1
    return (int(level[0]) if level else -1, number, picture.stem)


def _read_map(level: Path, stem: str) -> Lake:
    table, text = level / "table" / f"{stem}.txt", level / "text" / f"{stem}.txt"
    path = table if table.is_file() else text
    lines = _lines(path)
    if path is table:
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")[1:]] for line in lines[1:]]
        strange = {cell for row in rows for cell in row} - set(_LETTERS)
        if strange:
            raise DataError(f"`{path}` holds {sorted(strange)}; a cell is one of {' '.join(_LETTERS)}.")
        lines = ["".join(_LETTERS[cell] for cell in row) for row in rows]
    try:
        return Lake(tuple(lines))
    except DataError as error:
        raise DataError(f"The map in `{path}` cannot be used: {error}") from error


def _read_question(level: Path, stem: str) -> tuple[str, str]:
    question, answer = level / "question" / f"{stem}.txt", level / "answer" / f"{stem}.txt"
    plan, label = "".join(_lines(question)), "".join(_lines(answer))
    if not plan or set(plan) - set(MOVES):
        raise DataError(f"`{question}` holds {plan[:80]!r}; an action sequence consists of L, R, U and D.")
    if label not in _LABELS:
        raise DataError(f"`{answer}` holds {label[:80]!r}; a label is Y or N.")
    return plan, _LABELS[label]


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"`{path}` cannot be read: {error}") from error
