"""Suites: lists of benchmarks with the protocol each is played by, as JSON files in this folder."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from adagym.errors import UnknownName, UsageError
from adagym.registry import Registry

HERE = Path(__file__).parent


@dataclass(frozen=True)
class SuiteEntry:
    """One benchmark of a suite."""

    name: str
    """Unique within the suite; names its run folder."""
    env: str
    """Environment id."""
    protocol: str
    """A name of :data:`adagym.evals.protocols.PROTOCOLS`."""
    tasks: str | None = None
    """Task source of what is drawn; None for data, which is looked for by ``benchmark``."""
    benchmark: str | None = None
    """Name under which :func:`adagym.envs.tasks.recognise.survey` finds the data."""
    options: str = ""
    """Which part of the data is meant: options as in ``Found.spec`` after the folder, such as ``,size=8k``."""
    n: int | None = None
    """The first so many tasks; None for all."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the environment that differ from the protocol's."""
    chance: float | None = None
    """Accuracy to expect of chance; None if it is not known."""
    chance_of: str = ""
    """What that chance is."""


@dataclass(frozen=True)
class Suite:
    """Benchmarks that are played together."""

    name: str
    summary: str
    entries: tuple[SuiteEntry, ...]


SUITES: Registry[Callable[[], Suite]] = Registry("suite")
SUITES.register(
    "adareasoner-8", "adagym.evals.suites:ADAREASONER_8", summary="the eight columns of AdaReasoner's table"
)
SUITES.register("adatooler-12", "adagym.evals.suites:ADATOOLER_12", summary="the twelve benchmarks of AdaTooler-V")
SUITES.register(
    "adagym-procedural", "adagym.evals.suites:ADAGYM_PROCEDURAL", summary="seven families from fixed seeds, no download"
)


def open_suite(spec: str) -> Suite:
    """A suite by name, or from a JSON file of the same form.

    Raises:
        UnknownName: There is no such suite.
        UsageError: The file is missing or malformed.
    """
    return read_suite(Path(spec)) if spec.endswith(".json") else SUITES.load(spec)()


def read_suite(path: Path) -> Suite:
    """Read a suite's file and check it.

    Raises:
        UsageError: It is missing or malformed, or names an environment, protocol or argument that does not exist.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        entries = tuple(SuiteEntry(**entry) for entry in value["entries"])
        suite = Suite(value["name"], value["summary"], entries)
    except OSError as error:
        raise UsageError(f"The suite cannot be read from {path}: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a suite ({type(error).__name__}: {error}); it holds a JSON object with name, summary and "
            "entries, as the files in evals/suites do."
        ) from None
    for entry in suite.entries:
        _check(entry, path)
    names = [entry.name for entry in suite.entries]
    if len({*names}) < len(names):
        raise UsageError(f"{path} has two entries of one name; they would share a run folder.")
    return suite


def _check(entry: SuiteEntry, path: Path) -> None:
    from adagym.envs import ENVS  # here, because the protocols import the environments' base
    from adagym.evals.protocols import PROTOCOLS

    where = f"The entry `{entry.name}` of {path}"
    try:
        env_class = ENVS.load(entry.env)
        PROTOCOLS.entry(entry.protocol)
    except UnknownName as error:
        raise UsageError(f"{where}: {error}") from None
    if not entry.name or Path(entry.name).name != entry.name:
        raise UsageError(f"{where} has a name that cannot be a folder's.")
    if (entry.tasks is None) == (entry.benchmark is None):
        raise UsageError(f"{where} must have either `tasks` or `benchmark`.")
    # An environment hands most of its arguments on to the base of all.
    known = {name for kind in env_class.__mro__ for name in inspect.signature(kind).parameters}
    unknown = sorted(set(entry.changes) - known)
    if unknown:
        raise UsageError(f"{where} changes {', '.join(unknown)}, which `{entry.env}` does not take.")


ADAREASONER_8 = partial(read_suite, HERE / "adareasoner-8.json")
ADATOOLER_12 = partial(read_suite, HERE / "adatooler-12.json")
ADAGYM_PROCEDURAL = partial(read_suite, HERE / "adagym-procedural.json")

__all__ = [
    "ADAGYM_PROCEDURAL",
    "ADAREASONER_8",
    "ADATOOLER_12",
    "HERE",
    "SUITES",
    "Suite",
    "SuiteEntry",
    "open_suite",
    "read_suite",
]
