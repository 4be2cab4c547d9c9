"""A page for every benchmark script: what it measures in its own words, and the figures that are kept of it.

The figures of ``benchmarks/NAME.py`` are kept in ``docs/benchmarks/NAME.json``, as its ``--json`` writes them. On the
pages stand those and no others.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from charts import bars, figure
from made import Made, fenced, row, table
from measured import LAYOUTS, Chart, Grid, Layout

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "benchmarks"

FACTS = ("versions", "cpu", "seed", "seconds", "command")
"""What is kept beside the figures."""


def scripts() -> dict[str, str]:
    """Every benchmark that writes figures, and its docstring; the other files in the folder are parts of these."""
    found = {}
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^    json: Path \| None", text, re.MULTILINE):
            found[path.stem] = ast.get_docstring(ast.parse(text)) or ""
    return found


def kept(folder: Path = KEPT) -> dict[str, dict[str, Any]]:
    """The figures in a folder.

    Raises:
        ValueError: A file belongs to no script, or was not written by one.
    """
    known, found = scripts(), {}
    for path in sorted(folder.glob("*")):
        if path.suffix != ".json" or path.stem not in known:
            raise ValueError(f"`{path.name}` is not NAME.json of a script of `benchmarks/`: {', '.join(known)}.")
        found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in FACTS if name not in found[path.stem]]
        if missing:
            raise ValueError(f"`{path.name}` lacks {', '.join(missing)}; write it anew by `{_command(path.stem)}`.")
    return found


def pages(folder: Path = KEPT) -> Iterator[Made]:
    """The pages of all scripts.

    Args:
        folder: Where the figures are.
    """
    figures = kept(folder)
    for name, said in scripts().items():
        yield Made(f"benchmarks/{name}.md", _page(name, said, figures.get(name)), LAYOUTS[name].title)


def overview(folder: Path = KEPT) -> str:
    """The table that leads to the pages, with each one's chief figures."""
    figures = kept(folder)
    rows = [
        row(f"[{LAYOUTS[name].title}](benchmarks/{name}.md)", _sentence(said), _chief(LAYOUTS[name], figures.get(name)))
        for name, said in scripts().items()
    ]
    return table(row("Benchmark", "Measures", "Chief figures"), *rows)


def _page(name: str, said: str, figures: Mapping[str, Any] | None) -> str:
    words = said.partition("\nExample: ")[0]
    parts = [
        f"# {LAYOUTS[name].title}",
        f"What `benchmarks/{name}.py` measures, in its own words:",
        textwrap.dedent(words),
    ]
    more = ", ".join(f"[{title}](../{page})" for page, title in _mentions(name).items())
    parts += [f"More is said in: {more}."] if more else []
    if figures is None:
        return "\n\n".join(
            [
                *parts,
                "## Figures",
                "Not measured: no figures are kept. To keep some, from the root of the repository:",
                fenced(_command(name), "bash"),
            ]
        )
    parts += ["## Figures", fenced(figures["command"], "bash"), _conditions(name, figures)]
    measured = {key: value for key, value in figures.items() if key not in FACTS}
    parts += [drawn for chart in LAYOUTS[name].charts if (drawn := _chart(chart, measured))]
    for grid in LAYOUTS[name].grids:
        parts += _grid(grid, measured)
    if measured:
        parts += ["### Further figures"] if LAYOUTS[name].grids else []
        parts.append(
            table(row("Figure", "Value"), *(row(f"`{key}`", figure(value)) for key, value in measured.items()))
        )
    return "\n\n".join(parts)


def _conditions(name: str, figures: Mapping[str, Any]) -> str:
    versions = dict(figures["versions"])
    python = versions.pop("python", "")
    others = ", ".join(f"{package} {version}" for package, version in versions.items())
    return (
        f"On {figures['cpu']}, with seed {figures['seed']}, in {figures['seconds']:.0f} seconds; Python {python}, "
        f"{others}. These and no other figures are in [`{name}.json`]({name}.json)."
    )


def _grid(grid: Grid, measured: dict[str, Any]) -> list[str]:
    """The table of those figures, which are taken out of the given ones."""
    cells: dict[str, dict[str, Any]] = {}
    for key in list(measured):
        if found := re.fullmatch(grid.pattern, key):
            cells.setdefault(found["row"], {})[found["column"]] = measured.pop(key)
    columns = list(dict.fromkeys(column for line in cells.values() for column in line))
    head = row("", *(_words(column) or "value" for column in columns))
    lines = [
        row(f"`{name}`", *(figure(line[column]) if column in line else "" for column in columns))
        for name, line in cells.items()
    ]
    return [f"### {grid.title}", table(head, *lines)] if cells else []


def _chart(chart: Chart, measured: Mapping[str, Any]) -> str:
    rows: dict[str, dict[str, float]] = {}
    for key, value in measured.items():
        if found := re.fullmatch(chart.pattern, key):
            groups = found.groupdict()
            rows.setdefault(_words(groups["row"]), {})[_words(groups.get("column", ""))] = value
    return bars(chart.title, rows, chart.mark) if rows else ""


def _chief(layout: Layout, figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "not measured"
    return "<br>".join(said.format(figure(figures[name])) for name, said in layout.chief.items() if name in figures)


def _mentions(name: str) -> dict[str, str]:
    """Pages written by hand that name the script, and their titles."""
    found = {}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if f"benchmarks/{name}.py" in text:
            found[path.relative_to(ROOT / "docs").as_posix()] = text.partition("\n")[0].removeprefix("# ")
    return found


def _command(name: str) -> str:
    return f"python benchmarks/{name}.py --json docs/benchmarks/{name}.json"


def _sentence(said: str) -> str:
    """What a docstring says first."""
    return " ".join(said.partition("\n\n")[0].split())


def _words(name: str) -> str:
    return name.replace("_", " ").strip()
