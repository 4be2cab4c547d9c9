"""``adagym build``: data that comes with adagym, made again or made larger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
