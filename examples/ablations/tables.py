"""Prints the tables of docs/ablations.md from the figures that the other scripts wrote.

Example: python examples/ablations/tables.py docs/ablations
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import benefit
import definitions
import mix
import new_tool
import stages
import tyro
import weights

SHARE = "_success"
COLUMNS: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "stages": (
        stages.ARMS,
        {"navigation": "navigation_success", "verification": "verification_success"},
    ),
    "new_tool": (
        new_tool.ARMS,
        {
            "navigation": "navigation_success",
            "A* calls, navigation": "navigation_calls_AStar",
            "verification": "verification_success",
            "A* calls, verification": "verification_calls_AStar",
        },
    ),
    "definitions": (
        definitions.ARMS,
        {"same tools": "same_success", "renamed tools": "renamed_success", "unseen task": "unseen_success"},
    ),
    "weights": ({"TC": "tc", **weights.ARMS}, {"navigation": "success", "calls": "calls"}),
    "benefit": (
        benefit.ARMS,
        {
            "path told": "told_success",
            "calls, path told": "told_calls",
            "path not told": "untold_success",
            "calls, path not told": "untold_calls",
        },
    ),
    "mix": (
        {f"{kind}, {arm}": f"{a}_{k}" for kind, k in mix.KINDS.items() for arm, a in mix.ARMS.items()},
        {
            "answer told": "told_success",
            "calls, answer told": "told_calls",
            "answer not told": "untold_success",
            "calls, answer not told": "untold_calls",
        },
    ),
}
"""Name of the figures to its rows (label to arm) and columns (label to the rest of the figure's name)."""


def table(name: str, figures: Mapping[str, Any]) -> str:
    """One table in Markdown; every cell is a mean over seeds with its 95 % interval."""
    rows, columns = COLUMNS[name]
    lines = [f"| arm | {' | '.join(columns)} |", f"|---{'|---' * len(columns)}|"]
    for label, arm in rows.items():
        cells = [_cell(figures, f"{arm}_{rest}") for rest in columns.values()]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figures: Mapping[str, Any], key: str) -> str:
    mean, low, high = (figures[f"{key}{end}"] for end in ("", "_lo", "_hi"))
    if key.endswith(SHARE):
        return f"{100 * mean:.1f} % [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{mean:.2f} [{max(low, 0.0):.2f}, {high:.2f}]"


def main(folder: tyro.conf.Positional[Path]) -> None:
    """Print every table whose figures the folder holds."""
    for name in COLUMNS:
        path = folder / f"{name}.json"
        if path.is_file():
            print(f"<!-- {name} -->\n{table(name, json.loads(path.read_text('utf-8')))}\n")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
