"""``adagym eval --suite``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from adagym.errors import UsageError

if TYPE_CHECKING:
    from adagym.cli.eval import Eval
    from adagym.evals.suite import Row


def run_suite(options: Eval) -> int:
    """Play a suite with a progress line per entry, and print one table.

    Raises:
        UsageError: An option does not go with a suite, or cannot be used.
    """
    from contextlib import ExitStack

    from rich.console import Console

    from adagym.cli.tally import Tally, judge_run, say
    from adagym.evals.runner import OnEpisode
    from adagym.evals.suite import SuiteConfig, play_suite
    from adagym.evals.suites import SuiteEntry, open_suite

    _check(options)
    suite = open_suite(options.suite or "")
    console = Console()
    config = SuiteConfig(options.agent, options.data, options.n, options.seed, options.repeats, options.protocol)
    with ExitStack() as shown:

        def on_entry(entry: SuiteEntry) -> OnEpisode:
            shown.pop_all().close()  # the entry before
            return shown.enter_context(Tally(console, entry.name)).add

        rows = play_suite(
            suite,
            config,
            options.out,
            resume=options.resume,
            n_envs=options.n_envs,
            retries=options.retries,
            budget=options.budget(),
            on_entry=on_entry,
        )
    console.print(_table(f"{options.agent} on {suite.name}", rows))
    for note in _notes(rows):
        say(console, note)
    played = [row for row in rows if "skipped" not in row]
    for row in played if options.judge is not None else ():
        judge_run(console, options.out / row["name"], options.judge or "")
    say(console, f"{len(played)} of {len(rows)} played. Written to {options.out}")
    return 0


def _check(options: Eval) -> None:
    """A suite says itself what is played and how."""
    given = [name for name in ("env", "tasks") if getattr(options, name) is not None]
    given += sorted(options.given())
    if given:
        raise UsageError(
            f"A suite says itself what is played and how; leave out {', '.join(given)}. "
            "--protocol replaces the protocol of every entry."
        )


def _table(title: str, rows: list[Row]) -> Any:
    from rich.table import Table

    from adagym.evals.table import accuracy, text

    table = Table("entry", title=title)
    table.add_column("accuracy", no_wrap=True)
    for heading in ("n", "chance", "calls", "infra", "seconds"):
        table.add_column(heading, justify="right")
    for row in rows:
        if "skipped" in row:
            table.add_row(row["name"], "-", "0", text(row["chance"]))
            continue
        figures = (text(row["calls_per_sample"]), text(row["infra_failures"]), f"{row['seconds']:.0f}")
        table.add_row(row["name"], accuracy(row), text(row["n"]), text(row["chance"]), *figures)
    return table


def _notes(rows: list[Row]) -> Iterator[str]:
    """Why an entry was not played, or not to its end."""
    for row in rows:
        if "skipped" in row:
            yield f"{row['name']} is skipped: {row['skipped']}"
        elif row["stopped_by"] is not None:
            yield f"{row['name']} was stopped by {row['stopped_by']} after {row['n']} of {row['planned']} episodes"
