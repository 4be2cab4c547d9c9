"""``adagym doctor``."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

State = Literal["ok", "note", "missing", "broken"]
STYLES: dict[State, str] = {"ok": "green", "note": "cyan", "missing": "yellow", "broken": "red"}

DEVELOPER_EXTRA = "dev"
"""Not offered to users by its pip line."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    what: str
    state: State
    detail: str


@dataclass(frozen=True)
class Doctor:
    """Show versions, installed extras, the terminal, threads, and whether the embedded model loads.

    Missing extras are listed with their pip line. The exit code is 1 only if something installed is broken. With --data
    the report is about a folder of benchmarks instead.

    Example: adagym doctor
    """

    data: Path | None = None
    """Say which benchmarks this folder holds, how to play them, and what of them is missing."""

    def run(self) -> int:
        """Print the report."""
        if self.data is not None:
            from adagym.cli.doctor_data import report

            return report(self.data)
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        from adagym.evals.figures import cpu, versions

        console = Console()
        table = Table("what", "state", "detail")
        findings = [Finding(name, "ok", found) for name, found in versions().items()]
        findings += [Finding("processor", "note", cpu()), _threads(), *_extras()]
        findings += [_terminal(console.color_system, console.size.width, console.size.height, console.encoding)]
        findings += [_embedded_model()]
        for finding in findings:
            table.add_row(finding.what, Text(finding.state, STYLES[finding.state]), Text(finding.detail))
        console.print(table)
        return int(any(finding.state == "broken" for finding in findings))


def _threads() -> Finding:
    from adagym.evals.figures import usable_cores

    setting = os.environ.get("OMP_NUM_THREADS", "not set")
    return Finding("threads", "note", f"OMP_NUM_THREADS {setting}, {usable_cores()} usable cores")


def _terminal(colours: str | None, width: int, height: int, encoding: str) -> Finding:
    detail = f"{width}x{height}, colours {colours or 'none'}, {encoding}"
    if not sys.stdout.isatty():
        return Finding("terminal", "note", f"not interactive: {detail}")
    return Finding("terminal", "ok" if colours == "truecolor" else "note", detail)


def _extras() -> Iterator[Finding]:
    for extra, packages in requirements().items():
        missing = [package for package in packages if not _installed(package)]
        if not missing:
            yield Finding(f"extra {extra}", "ok", ", ".join(packages))
        elif extra != DEVELOPER_EXTRA:
            yield Finding(f"extra {extra}", "missing", f"no {', '.join(missing)}; run: pip install 'adagym[{extra}]'")


def requirements() -> dict[str, list[str]]:
    """The packages of each of adagym's extras, from the installed metadata."""
    extras: dict[str, list[str]] = {}
    for line in requires("adagym") or ():
        match = re.match(r"""([\w.-]+).*\bextra\s*==\s*["']([\w-]+)["']""", line)
        if match:
            extras.setdefault(match[2], []).append(match[1])
    return extras


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _embedded_model() -> Finding:
    from adagym.errors import MissingExtra
    from adagym.evals.spec import make_agent

    started = time.perf_counter()
    try:
        make_agent("tiny").close()
    except MissingExtra as error:
        return Finding("embedded model", "missing", str(error))
    except Exception as error:  # whatever breaks a model's loading is what this command is asked to report
        return Finding("embedded model", "broken", f"{type(error).__name__}: {error}")
    return Finding("embedded model", "ok", f"loads in {time.perf_counter() - started:.1f} s")
