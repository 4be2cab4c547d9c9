"""Time to import adagym's environments, beside importing Gymnasium alone.

Each import runs in a fresh interpreter, in turns; the time of an empty interpreter is subtracted.

Example: python benchmarks/import_time.py --json runs/import_time.json
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from adagym.evals.figures import publish

STATEMENTS = {
    "empty": "pass",
    "gymnasium": "import gymnasium",
    "adagym": "import adagym",
    "adagym_envs": "import adagym.envs",
    "adagym_cli": "import adagym.cli",
}


@dataclass(frozen=True)
class Options:
    """Measure import times."""

    repeats: int = 9
    """Fresh interpreters per statement, after one that warms the disk cache."""
    json: Path | None = None
    """Write the figures to this file."""


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    started = time.perf_counter()
    seconds: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(options.repeats + 1):
        for name, statement in STATEMENTS.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    figures = {f"{name}_ms": 1000 * (medians[name] - medians["empty"]) for name in STATEMENTS if name != "empty"}
    figures["ratio_vs_gymnasium"] = figures["adagym_envs_ms"] / figures["gymnasium_ms"]
    publish("Import time", figures, seed=0, seconds=time.perf_counter() - started, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
