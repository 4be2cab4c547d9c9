"""Which benchmarks a folder holds, by the files in it and their columns, and what of them is missing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from adagym.envs.tasks.benchmark_forms import BESIDE, FORMS, Form
from adagym.envs.tasks.json_rows import first_row
from adagym.envs.tasks.parquet import ParquetRows
from adagym.errors import DataError, UsageError
from adagym.pictures import PictureFile
from adagym.types import Task

DEPTH = 6
"""Folders are looked into so deep below the one that is given."""
MOST = 100_000
"""So many files and folders are looked at."""
TABLES = (".json", ".jsonl", ".parquet", ".tsv")
SAMPLE = 200
"""Tasks of which the pictures and videos are looked for."""

_ALIKE = 0.7
"""Share of a form's columns from which on a table is said to lack the others."""
_LARGE = 200_000_000
"""Bytes of a JSON file above which one single object is not read just to look at it."""


@dataclass(frozen=True)
class Found:
    """Data of one benchmark."""

    benchmark: str
    path: Path
    """The folder or file that a task source is given."""
    spec: str
    """The task source; empty if no source reads the data."""
    family: str
    tasks: int | None
    """How many there are; None if the source does not open."""
    missing: tuple[str, ...]
    """What is not there or wrong, in words; empty if nothing is."""


@dataclass(frozen=True)
class Survey:
    """What a folder holds."""

    found: tuple[Found, ...]
    unknown: tuple[tuple[Path, str], ...]
    """Tables of no known benchmark, and what can be said of them."""
    cut: bool
    """Whether the folder holds more than was looked at."""


def survey(root: Path) -> Survey:
    """Look through a folder.

    Raises:
        DataError: There is no such folder or file.
    """
    if not root.exists():
        raise DataError(f"`{root}` does not exist; give a folder that benchmarks were fetched into.")
    entries = list(islice(_walk(root, DEPTH), MOST + 1))
    places: dict[tuple[str, Path, str], Form] = {}
    unknown: list[tuple[Path, str]] = []
    for path in entries[:MOST]:
        columns = (path.as_posix(),) if path.is_dir() else _columns(path)
        form = _folder_form(path) if path.is_dir() else _form(path, columns)
        place = None if form is None else _place(form, path, root)
        if form is not None and place is not None:
            places.setdefault((form.source or form.benchmark, *place), form)
        elif not path.is_dir() and path.name not in BESIDE:
            unknown.append((path, _likeness(path, columns)))
    found = [item for (_, home, options), form in places.items() for item in _opened(form, home, options)]
    return Survey(tuple(found), tuple(unknown), len(entries) > MOST)


def _walk(root: Path, depth: int) -> Iterator[Path]:
    """Tables and the folders of VSP below a folder, by name; hidden ones are passed over."""
    if root.is_file():
        yield root
        return
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if _folder_form(path) is not None:
                yield path
            elif depth > 0:
                yield from _walk(path, depth - 1)
        elif path.suffix.lower() in TABLES:
            yield path


def _columns(path: Path) -> tuple[str, ...]:
    """The columns of a table, or the keys of its first object; none if it cannot be read."""
    try:
        if path.suffix.lower() == ".parquet":
            return tuple(ParquetRows(path).columns())
        if path.suffix.lower() == ".tsv":
            with path.open("rb") as file:
                return tuple(file.readline(100_000).decode("utf-8", "replace").strip().split("\t"))
        if path.suffix.lower() == ".json" and path.stat().st_size > _LARGE:
            with path.open("rb") as file:
                if file.read(100).lstrip()[:1] == b"{":
                    return ()
    except (DataError, OSError):
        return ()
    row = first_row(path) or {}
    # Perception Test has an object with videos in place of a list.
    inner = next(iter(row.values()), None)
    return tuple(inner) if isinstance(inner, Mapping) and "mc_question" in inner else tuple(row)


def _form(path: Path, columns: Sequence[str]) -> Form | None:
    """The form with the most columns of those that a table is of."""
    fitting = [
        form
        for form in FORMS
        if set(form.columns) <= set(columns) and not set(form.absent) & set(columns) and _layout(form, path)
    ]
    return max(fitting, key=lambda form: len(form.columns), default=None)


def _folder_form(path: Path) -> Form | None:
    """The form of a folder that is a benchmark's by its name alone."""
    return next((form for form in FORMS if path.as_posix().endswith("/" + form.columns[0]) and path.is_dir()), None)


def _layout(form: Form, path: Path) -> tuple[int, str] | None:
    """How many folders above a table the source's folder is, and which options it needs."""
    for pattern, options in form.layouts:
        if path.match(pattern):
            return len(PurePosixPath(pattern).parts), options
    return None


def _place(form: Form, path: Path, root: Path) -> tuple[Path, str] | None:
    layout = _layout(form, path)
    if layout is None:
        return None
    levels, options = layout
    home = path.parents[levels - 1]
    if options == "." or not home.is_relative_to(root):
        return path, ""
    return home, options


def _likeness(path: Path, columns: Sequence[str]) -> str:
    """What can be said of a table that is of no form: which one it is nearest to."""
    if not columns:
        return "no table with named columns"
    shares = {form: len({*form.columns} & {*columns}) / len(form.columns) for form in FORMS}
    form = max(shares, key=lambda form: shares[form])
    lacking = [name for name in form.columns if name not in columns]
    if shares[form] >= _ALIKE and lacking:
        return f"like {form.benchmark}, without {', '.join(lacking)}"
    if shares[form] == 1:
        where = " or ".join(pattern for pattern, _ in form.layouts)
        return f"like {form.benchmark}, which is expected as {where}"
    return f"columns {', '.join(columns[:8])}{', ...' if len(columns) > 8 else ''}"


def _opened(form: Form, home: Path, options: str) -> Iterator[Found]:
    """Open the source for each of its families, and look what is missing."""
    from adagym.envs.tasks import load_tasks  # the registry there names this package's modules

    if not form.source:
        yield Found(form.benchmark, home, "", "", None, (form.note.format(path=home),))
        return
    spec = f"{form.source}:{home}{options}"
    failed: list[Found] = []
    opened = False
    for family in form.families:
        try:
            tasks = load_tasks(spec, family)
        except UsageError as error:
            failed.append(Found(form.benchmark, home, spec, family, None, (str(error),)))
            continue
        opened = True
        yield Found(form.benchmark, home, spec, family, len(tasks), tuple(_missing(tasks)))
    if not opened:  # data of two families may hold tasks of one alone
        yield from failed[:1]


def _missing(tasks: Sequence[Task]) -> Iterator[str]:
    """What is wrong with a source's tasks: rows left out, rows that cannot be read, files that are not there."""
    for reason, count in getattr(tasks, "left_out", {}).items():
        yield f"rows left out for {reason}: {count}"
    step = max(1, len(tasks) // SAMPLE)
    absent: dict[str, None] = {}
    broken: list[str] = []
    for index in range(0, len(tasks), step):
        try:
            task = tasks[index]
        except UsageError as error:
            broken.append(str(error))
            continue
        absent |= dict.fromkeys(path for path in _files(task) if not os.path.exists(path))
    looked = len(range(0, len(tasks), step))
    if broken:
        yield f"rows of {looked} looked at that cannot be read: {len(broken)}; {broken[0]}"
    if absent:
        yield f"pictures or videos of {looked} tasks looked at: {len(absent)}, the first is {next(iter(absent))}"


def _files(task: Task) -> Iterator[str]:
    """The files that a task's pictures and video are read from, as far as that can be told without opening them."""
    for image in task.images:
        if isinstance(image, PictureFile):
            yield image.path
    reference = task.video
    while reference and reference.startswith("part:"):
        reference = reference.split(":", 2)[-1]
    if reference and reference.startswith("frames:"):
        yield from _frames(reference.removeprefix("frames:"))
    elif reference and not reference.startswith("made:"):
        yield reference


def _frames(rest: str) -> Iterator[str]:
    files, _, _ = rest.rpartition(",fps=") if ",fps=" in rest else (rest, "", "")
    value: Any = json.loads(files) if files.startswith("[") else files
    yield from value if isinstance(value, list) else [value]
