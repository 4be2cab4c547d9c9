"""``adagym doctor --data``: which benchmarks a folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.envs.tasks.recognise import Found, Survey

_UNKNOWN = 20
"""Files of no known benchmark that are listed."""


def report(folder: Path) -> int:
    """Print what was recognised and what was not.

    Returns:
        The exit code: 1 if data were recognised that cannot be opened.

    Raises:
        DataError: There is no such folder.
    """
    from rich.console import Console

    from adagym.envs.tasks.recognise import survey

    console = Console()
    with console.status(f"looking through {folder}"):
        seen = survey(folder)
    if seen.found:
        _show(seen.found, console)
    else:
        console.print(f"No benchmark was recognised in {folder}.", markup=False, highlight=False, soft_wrap=True)
    _show_unknown(seen, console)
    return int(any(item.spec and item.tasks is None for item in seen.found))


def _show(found: Sequence[Found], console: Console) -> None:
    from rich.table import Column, Table
    from rich.text import Text

    env_ids = _env_ids()
    missing = Column("missing", overflow="fold")  # paths are to be copied, so nothing of them is left out
    table = Table("benchmark", "environment", "tasks", missing, title="Benchmarks", show_lines=True)
    for item in found:
        state = Text("nothing", "green")
        if item.missing:
            state = Text("\n".join(item.missing), "cyan" if not item.spec else "yellow" if item.tasks else "red")
        table.add_row(
            Text(item.benchmark),
            Text(env_ids.get(item.family, "-")),
            "-" if item.tasks is None else str(item.tasks),
            state,
        )
    console.print(table)
    specs = dict.fromkeys((item.benchmark, item.spec) for item in found if item.spec)
    if specs:
        console.print("\nTask sources, for --tasks:")
    for benchmark, spec in specs:
        console.print(Text(f"  {benchmark}: ").append(spec, "bold"), soft_wrap=True)


def _show_unknown(seen: Survey, console: Console) -> None:
    from rich.text import Text

    if seen.unknown:
        console.print(f"\n{len(seen.unknown)} files of no known benchmark:", highlight=False)
    for path, said in seen.unknown[:_UNKNOWN]:
        console.print(Text(f"  {path}: {said}"), soft_wrap=True)
    if len(seen.unknown) > _UNKNOWN:
        console.print(f"  ... and {len(seen.unknown) - _UNKNOWN} more", highlight=False)
    if seen.cut:
        console.print("The folder holds more than was looked at; name a part of it.")


def _env_ids() -> dict[str, str]:
    """Task family to the environment that plays it."""
    from adagym.cli.sources import env_class
    from adagym.envs import ENVS

    return {env_class(name).family: name for name in ENVS.names()}
