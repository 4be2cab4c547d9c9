"""Tasks picked out of another source, by a folder that a command wrote: ``config.json`` and a line for each task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from adagym.envs.tasks.lazy import LazyTasks
from adagym.errors import DataError
from adagym.types import Task

CONFIG = "config.json"


class Row(Protocol):
    """What every line says of a task."""

    @property
    def id(self) -> str:
        """The task's id."""
        ...

    @property
    def index(self) -> int:
        """Its position in its source, from 0."""
        ...


RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True)
class Origin:
    """Which command wrote a folder, for messages."""

    command: str
    """``benefit`` for ``adagym benefit``."""
    results: str
    """The file with a line for each task."""
    line: str
    """What a line is: ``score``."""
    verb: str
    """What a line does to a task: ``scores``."""


class Picked(LazyTasks):
    """Tasks of the source that the folder names, task by task taken from it when one is asked for.

    A subclass sets ``_rows``, in the order of the source, and calls :meth:`_try_out`.

    Args:
        family: Task family of the environment; the folder's must be the same.
        folder: The folder.
        origin: What wrote it.

    Raises:
        DataError: It is not such a folder, or of another family.
    """

    _rows: Sequence[Row]

    def __init__(self, family: str, folder: str | Path, origin: Origin) -> None:
        from adagym.envs.tasks import load_tasks  # the registry there names the modules of subclasses

        config = self._config(Path(folder) / CONFIG, origin)
        if config["family"] != family:
            raise DataError(
                f"`{folder}` holds {origin.line}s of {config['family']}, and the environment plays {family}."
            )
        self._origin = origin
        self._path = Path(folder) / origin.results
        self._spec = config["tasks"]
        self._source: Sequence[Task] = load_tasks(self._spec, family)

    def __len__(self) -> int:
        return len(self._rows)

    def _at(self, index: int) -> Task:
        return self._task(self._rows[index])

    def _task(self, row: Any) -> Task:
        """The task that a row is about.

        Raises:
            DataError: The source has another task there.
        """
        task: Task | None = self._source[row.index] if row.index < len(self._source) else None
        if task is None or task.id != row.id:
            raise DataError(
                f"Task {row.index} of `{self._spec}` is {None if task is None else task.id}, and `{self._path}` "
                f"{self._origin.verb} {row.id} there: the source has changed since. Run "
                f"`adagym {self._origin.command}` again."
            )
        return task

    def _try_out(self) -> None:
        """Take two tasks, so that another source shows at once."""
        for row in (self._rows[0], max(self._rows, key=lambda row: row.index)):
            self._task(row)

    def _read(self, read: Callable[[Mapping[str, Any]], RowT | None], form: str) -> list[RowT]:
        """All lines, in the order of the source.

        Args:
            read: Makes a row of a line; None of one that is not sound.
            form: What a sound one has, for messages.

        Raises:
            DataError: The file cannot be read, or a line of it.
        """
        name = f"adagym {self._origin.command}"
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"`{self._path}` cannot be read ({error}); let `{name}` finish with --resume.") from error
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                row = read(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"Line {number} of `{self._path}` is not a {self._origin.line} ({type(error).__name__}: {error})."
                ) from error
            if row is None or not isinstance(row.id, str) or not isinstance(row.index, int) or row.index < 0:
                raise DataError(f"Line {number} of `{self._path}` needs an id, an index and {form}, not {line:.200}.")
            rows.append(row)
        return sorted(rows, key=lambda row: row.index)

    @staticmethod
    def _config(path: Path, origin: Origin) -> Mapping[str, str]:
        """Family and task source of the folder."""
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            found = {"family": value["family"], "tasks": value["tasks"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"`{path}` is not the configuration of a {origin.command} run ({type(error).__name__}: {error}); "
                f"give a folder that `adagym {origin.command}` wrote."
            ) from error
        if not all(isinstance(item, str) for item in found.values()):
            raise DataError(f"`{path}` must name the family and the task source as texts; it says {found}.")
        return found
