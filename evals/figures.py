"""Measured figures: the one form in which benchmarks, ablations and the demo report what they measured."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

REPORTED_PACKAGES = (
    "adagym",
    "av",
    "gymnasium",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "rapidocr",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
)


def versions(further: Sequence[str] = ()) -> dict[str, str]:
    """Versions of Python and of the installed packages that results depend on.

    Args:
        further: More packages, by the names under which they are installed.
    """
    found = {"python": platform.python_version()}
    for package in (*REPORTED_PACKAGES, *further):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def cpu() -> str:
    """The processor's name and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {usable_cores()} cores"


def usable_cores() -> int:
    """Cores this process may run on (containers and ``taskset`` leave fewer than the machine has)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def command() -> str:
    """How this process was started, as it is typed where it was started."""
    program = Path(sys.argv[0])
    if program.suffix == ".py":
        here = Path.cwd()
        place = program.relative_to(here) if program.is_relative_to(here) else program
        return shlex.join(["python", place.as_posix(), *sys.argv[1:]])
    return shlex.join([program.name, *sys.argv[1:]])


def publish(
    title: str,
    figures: Mapping[str, Any],
    *,
    seed: int,
    seconds: float,
    path: Path | None = None,
    packages: Sequence[str] = (),
) -> None:
    """Print figures as a table and, where a path is given, write them as one flat JSON object.

    What the figures depend on is written beside them: versions, processor, seed, the command, and how long it took.

    Args:
        title: Heading of the table.
        figures: Name to number or text.
        seed: What the measurement was seeded with.
        seconds: How long the whole measurement took.
        path: File to write; its folder is made if needed.
        packages: Further packages whose versions are written, such as what is measured beside.
    """
    table = Table("figure", "value", title=title)
    for name, value in figures.items():
        table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    Console().print(table)
    if path is not None:
        facts = {"versions": versions(packages), "cpu": cpu(), "seed": seed, "seconds": round(seconds, 3)}
        write_json(path, {**figures, **facts, "command": command()})


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(path)
