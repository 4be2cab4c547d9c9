"""Whether episodes are the same through everything that plays them, turn by turn.

Episodes are drawn in six families, with malformed calls, calls that fail and too many turns among their actions. Each
is played by plain ``env.step`` and in every other way that needs no virtual environment of its own. Observations
(hashes of text and pictures), rewards and flags are compared. The exit code is 1 if anything differs.

Example: python benchmarks/parity.py --json runs/parity.json
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import tyro
from parity_players import WAYS
from rich.console import Console

from adagym.errors import UsageError
from adagym.evals.figures import publish
from adagym.testing.parity import compare, play_env, scripts, table
from adagym.tools.backends import close_backends


@dataclass(frozen=True)
class Options:
    """Play the same episodes in every way."""

    per_family: int = 17
    """Episodes in each of the six families."""
    seed: int = 0
    """Draws tasks, seeds and actions."""
    ways: tuple[str, ...] = ()
    """Only those whose names begin so; all if left out."""
    json: Path | None = None
    """Write the figures to this file."""


def main(options: Options) -> int:
    """Compare, print and write the figures.

    Raises:
        UsageError: No way begins as asked.
    """
    chosen = {name: way for name, way in WAYS.items() if not options.ways or name.startswith(options.ways)}
    if not chosen:
        raise UsageError(f"No way to play begins with {options.ways}; there are: {', '.join(WAYS)}.")
    started = time.perf_counter()
    drawn = scripts(options.per_family, options.seed)
    expected = play_env(drawn)
    reports = []
    for name, way in chosen.items():
        reports.append(compare(name, way.player, drawn, way.excepted, expected))
        for difference in reports[-1].differences[:3]:
            print(f"{name}: {difference}")
        close_backends()
    Console().print(table(reports))
    figures = {f"differences_{_key(report.name)}": float(len(report.differences)) for report in reports}
    figures |= {"differences": sum(figures.values()), "episodes": float(len(drawn))}
    figures["turns"] = float(reports[0].turns)
    publish("Parity", figures, seed=options.seed, seconds=time.perf_counter() - started, path=options.json)
    return int(figures["differences"] > 0)


def _key(name: str) -> str:
    return "_".join(name.lower().replace(",", "").replace("-", "_").split())


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Options, description=__doc__)))
