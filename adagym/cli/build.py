"""``adagym build``: data that comes with adagym, made again or made larger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.video.extract import Extraction


@dataclass(frozen=True)
class BuildGUI:
    """Render pages of UI kits with random content and note what they show, for the task source `gui:DIR`.

    Needs Chromium and `pip install 'adagym[gui]'`. A kit is the unpacked folder of an npm package under the MIT
    licence; the pages that come with adagym are of gentelella 4.2.0 and startbootstrap-sb-admin-2 4.1.4
    (`npm pack NAME@VERSION`, then `tar xzf`).

    Example: adagym build gui --kit gentelella sb-admin-2 --n 160 --out screens
    """

    out: Path
    """Folder for the pictures and records; empty or new."""
    kit: tuple[Path, ...]
    """Folders of the kits."""
    n: int = 160
    """Number of pages."""
    seed: int = 0
    """Source of everything random."""
    browser: str | None = None
    """The Chromium to use; by default it is looked for."""
    pack: bool = False
    """Whether the records are put into one compressed file."""

    def run(self) -> int:
        """Render, saying which page is done."""
        from adagym.envs.tasks.gui.builder import build, open_kit
        from adagym.envs.tasks.gui.pages import Page, pack_pages
        from adagym.errors import UsageError

        if self.n < 1 or self.seed < 0:
            raise UsageError(f"n must be at least 1 and the seed not negative: {self.n}, {self.seed}.")
        if not self.kit:
            raise UsageError("Name the folder of at least one kit with --kit.")
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise UsageError(f"`{self.out}` is not an empty folder; choose another one with --out.")

        def tell(page: Page) -> None:
            print(f"{page.name}  {page.size[0]}x{page.size[1]}  {page.theme}  {len(page.elements)} texts", flush=True)

        pages = build([open_kit(kit) for kit in self.kit], self.out, self.n, self.seed, self.browser, tell)
        if self.pack:
            pack_pages(self.out, pages)
        print(f"{len(pages)} pages in {self.out}")
        return 0


@dataclass(frozen=True)
class BuildFrames:
    """Write frames of videos as JPEG files: a folder for each video, with an index of when each frame is shown.

    A folder has its video's name and place, so that task sources find it where they look for the video: with
    `adatooler:FILE,media=OUT`, or in a benchmark's folder from which the video was taken away. A folder is there whole
    or not at all: the same command goes on where a killed run stopped. Videos that cannot be read are listed at the
    end, and the exit code is then 1.

    Example: adagym build frames videos --frames 64 --side 448 --out frames
    """

    source: tyro.conf.Positional[Path]
    """A video, or a folder that is searched for videos to the bottom."""
    out: Path
    """Folder for the folders of frames."""
    frames: int | None = None
    """Most frames of a video. Default: 64, or 4096 with --fps."""
    fps: float | None = None
    """Frames per second of video. Default: as many as --frames allows, at even distances."""
    side: int | None = None
    """Longest side in pixels; larger frames are shrunk. Default: the video's own size."""
    quality: int = 92
    """Quality of the JPEG files, 1 to 100."""

    def run(self) -> int:
        """Extract with a progress bar, and say what was done and what could not be."""
        from rich.console import Console

        from adagym.video import FrameBudget
        from adagym.video.budget import MOST
        from adagym.video.extract import Extraction, find_videos, is_done

        most = self.frames if self.frames is not None else MOST if self.fps is not None else 64
        extraction = Extraction(FrameBudget(most, self.fps), self.side, self.quality)
        root = self.source if self.source.is_dir() else self.source.parent
        places = {video: self.out / video.relative_to(root) for video in find_videos(self.source)}
        waiting = {video: folder for video, folder in places.items() if not is_done(folder, extraction)}
        console = Console()
        written, bad = _extract_all(waiting, extraction, console)
        done = len(places) - len(waiting)
        console.print(
            f"{written} frames of {len(waiting) - len(bad)} videos in {self.out}"
            + (f"; {done} were there before" if done else ""),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        if bad:
            _list_bad(bad, root, console)
        return int(bool(bad))


def _extract_all(
    waiting: Mapping[Path, Path], extraction: Extraction, console: Console
) -> tuple[int, Mapping[Path, str]]:
    """Extract the videos that wait; return the number of frames, and what is wrong with the videos that are bad."""
    from adagym.cli.progress import StepBar
    from adagym.errors import DataError, UsageError
    from adagym.video.extract import extract

    written = 0
    bad: dict[Path, str] = {}
    if not waiting:
        return written, bad
    with StepBar(console, "videos", len(waiting)) as advance:
        for video, folder in waiting.items():
            try:
                written += extract(video, folder, extraction)
            except DataError as error:
                bad[video] = str(error)
            except OSError as error:
                raise UsageError(f"`{folder}` cannot be written: {error.strerror or error}.") from error
            advance(f"{written} frames, {len(bad)} bad")
    return written, bad


def _list_bad(bad: Mapping[Path, str], root: Path, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("video", "why", title=f"{len(bad)} videos could not be read")
    for video, why in bad.items():
        table.add_row(Text(str(video.relative_to(root))), Text(why))
    console.print(table)
