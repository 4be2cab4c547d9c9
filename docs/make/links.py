"""Checks the built site: every link and picture that stays on the site exists, and so does the place in its page.

Example: python docs/make/links.py build/docs
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


class Page(HTMLParser):
    """What a page names and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep ids, and targets of links and sources."""
        for key, value in attrs:
            if value and (key == "id" or (key == "name" and tag == "a")):
                self.names.add(value)
            elif value and key in ("href", "src"):
                self.links.append(value)


def broken(site: Path) -> Iterator[str]:
    """A sentence for every link that leads nowhere."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            # The page for unknown addresses is served anywhere, so that its links begin at the root.
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            address, place = urldefrag(link)
            target = path if not address else (path.parent / unquote(urlsplit(address).path)).resolve()
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path.relative_to(site.resolve())}: {link} leads nowhere."
            elif place and target in pages and unquote(place) not in pages[target].names:
                yield f"{path.relative_to(site.resolve())}: {link} names a place that the page does not have."


def main() -> int:
    """Check the folder that is given and print what is broken."""
    site = Path(sys.argv[1])
    wrong = sorted(set(broken(site)))
    print(*wrong, f"{len(list(site.rglob('*.html')))} pages, {len(wrong)} broken links.", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
