"""``adagym report``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Report:
    """Show runs as one HTML file: figures beside the published ones, tool use, and every transcript with its pictures.

    The file needs no network and no other file. Runs that cannot be compared are marked with the reasons.

    Example: adagym report runs/expert runs/random --out report.html
    """

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """Folders that `adagym eval` wrote, or folders of them."""
    out: Path = Path("report.html")
    """The file to write."""
    episodes: int = 1000
    """Transcripts per run, wrong ones first; tables and plots count all episodes."""
    size: float = 64
    """Most megabytes of the file, about; transcripts that do not fit are left out, and the file says so."""
    side: int = 1024
    """Pictures are shrunk to so many pixels on the longer side."""

    def run(self) -> int:
        """Write the file with a progress bar."""
        from rich.console import Console

        from adagym.cli.progress import StepBar
        from adagym.errors import UsageError
        from adagym.evals.report import Limits, find_runs, write_report

        if not self.folders:
            raise UsageError("There is no run to report; give at least one folder that `adagym eval` wrote.")
        console = Console()
        limits = Limits(self.episodes, self.size, self.side)
        with StepBar(console, "report", len(find_runs(self.folders)) + 1) as step:
            done = write_report(self.folders, self.out, limits, step)
        runs = "1 run" if done.runs == 1 else f"{done.runs} runs"
        console.print(
            f"{runs}, {done.transcripts} of {done.episodes} transcripts, {done.pictures} pictures, "
            f"{done.bytes / 1e6:.1f} MB. Written to {self.out}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return 0
