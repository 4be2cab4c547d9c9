"""Values in a terminal, by rich."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from adagym.show.blocks import half_blocks
from adagym.show.sections import Section, sections

COLUMNS = 48
"""Widest picture, in terminal columns."""
MOST_PICTURES = 32
"""Pictures drawn of one value; of the others only the captions are told."""


def rendering(value: object) -> RenderableType:
    """A value as titles, text, and pictures of half blocks."""
    return Group(*_lines(sections(value)))


def _lines(found: tuple[Section, ...]) -> Iterator[Text]:
    drawn = 0
    for section in found:
        yield Text(section.title, style="bold")
        for part in section.parts:
            if isinstance(part, str):
                yield Text(part.rstrip("\n"))
                continue
            if drawn < MOST_PICTURES:
                yield half_blocks(part.image, COLUMNS)
            drawn += 1
            yield Text(part.caption, style="dim")
