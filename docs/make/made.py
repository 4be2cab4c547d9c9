"""What the programs here hand to the site: pages and pictures that exist only while it is built."""

from __future__ import annotations

import html
import io
import textwrap
from dataclasses import dataclass

from PIL import Image

from adagym.types import Array

MOST_SIDE = 640
"""Longest side of a picture on a page, in pixels; larger ones are made smaller."""


@dataclass(frozen=True)
class Made:
    """One file of the site."""

    uri: str
    """Where it is in the docs folder, for example ``worlds/Jigsaw-v0.md``."""
    content: str | bytes
    title: str = ""
    """Name in the navigation; empty for what is not a page."""


def png(picture: Array, most_side: int = MOST_SIDE) -> bytes:
    """A picture as a PNG file, made smaller if it is large."""
    image = Image.fromarray(picture)
    image.thumbnail((most_side, most_side))
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def verbatim(text: str, kind: str = "") -> str:
    """Text as HTML on one line, so that Markdown finds nothing in it to read."""
    escaped = html.escape(text).replace("`", "&#96;").replace("\n", "&#10;")
    return f'<pre class="verbatim {kind}">{escaped}</pre>'


def figure(source: str, caption: str) -> str:
    """A picture with a caption, as HTML on one line."""
    shown = html.escape(caption)
    return f'<figure><img src="{source}" alt="{shown}" loading="lazy"><figcaption>{shown}</figcaption></figure>'


def fenced(text: str, language: str) -> str:
    """A code block."""
    return f"```{language}\n{textwrap.dedent(text).strip()}\n```"


def row(*cells: object) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def table(*rows: str) -> str:
    """Rows, the first of which is the head."""
    head, *rest = rows
    columns = head.replace("\\|", "").count("|") - 1
    return "\n".join([head, "|" + "---|" * columns, *rest])
