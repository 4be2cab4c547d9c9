"""What mkdocs calls while it builds the site: adds the pages that are made, and mends links out of this folder."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import bench_pages
import reference
import reward_pages
import tool_pages
import worlds
from made import Made
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]

PROJECT = {
    "CONTRIBUTING.md": "Contributing",
    "CHANGELOG.md": "Changelog",
    "SECURITY.md": "Security",
    "THIRD_PARTY.md": "Third-party work",
}
"""Files of the repository's root that are pages of the site too, below ``project/``."""

BEGINNINGS: dict[str, Callable[[], str]] = {
    "index.md": lambda: worlds.gallery("worlds/", "worlds/pictures/"),
    "benchmarks.md": bench_pages.overview,
}
"""Pages written by hand to what is shown before their first section."""


@lru_cache(maxsize=1)
def made() -> tuple[Made, ...]:
    """Everything that is made, once per process."""
    project = (
        Made(f"project/{name}", _inside((ROOT / name).read_text(encoding="utf-8"), "../"), title)
        for name, title in PROJECT.items()
    )
    makers = (worlds, tool_pages, reward_pages, bench_pages, reference)
    return (*(one for maker in makers for one in maker.pages()), *project)


def on_config(config: MkDocsConfig) -> None:
    """Put pages in the place of the folders that the navigation names."""
    config.nav = _filled(list(config.nav or []), config)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add what is made."""
    for one in made():
        files.append(File.generated(config, one.uri, content=one.content))


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Mend links to files outside of this folder, and add what is made to the beginning of pages written by hand."""
    mended = _outside(markdown, page)
    if page.file.src_uri not in BEGINNINGS:
        return mended
    head, line, rest = mended.partition("\n## ")
    return f"{head}\n{BEGINNINGS[page.file.src_uri]()}\n{line}{rest}"


def _filled(item: Any, config: MkDocsConfig) -> Any:
    if isinstance(item, list):
        return [entry for each in item for entry in _entries(each, config)]
    if isinstance(item, dict):
        return {title: _filled(value, config) for title, value in item.items()}
    return item


def _entries(item: Any, config: MkDocsConfig) -> list[Any]:
    """What stands for an item of a list: a folder's pages for a folder, else the item itself."""
    if not (isinstance(item, str) and item.endswith("/")):
        return [_filled(item, config)]
    docs = Path(config.docs_dir)
    written = sorted(path.relative_to(docs).as_posix() for path in (docs / item).glob("*.md"))
    return [*written, *({one.title: one.uri} for one in made() if one.uri.startswith(item) and one.title)]


def _outside(markdown: str, page: Page) -> str:
    """Links to files outside of this folder lead to the pages made of them, or become the files' names."""
    here = (ROOT / "docs" / page.file.src_uri).parent
    up = "../" * page.file.src_uri.count("/")

    def mended(found: re.Match[str]) -> str:
        target, _, place = found[2].partition("#")
        path = (here / target).resolve().relative_to(ROOT).as_posix()
        if path in PROJECT:
            return f"[{found[1]}]({up}project/{path}{'#' + place if place else ''})"
        return found[0] if path.startswith("docs/") else f"{found[1]} (`{path}`)"

    return re.sub(r"\[([^\]]+)\]\(((?:\.\./)+[^)]+)\)", mended, markdown)


def _inside(markdown: str, up: str) -> str:
    """Links from the root into ``docs/`` lead to the pages here."""
    return re.sub(r"\]\(docs/([^)]+)\)", rf"]({up}\1)", markdown)
