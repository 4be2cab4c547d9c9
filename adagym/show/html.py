"""Values in a notebook: HTML without scripts, whose pictures are inside it."""

from __future__ import annotations

import base64
from html import escape

import numpy as np
from PIL import Image

from adagym.pictures import to_png
from adagym.show.sections import Picture, Section, sections
from adagym.types import Array

MOST_SIDE = 512
"""Longest side of a picture in the page, in pixels; larger ones are made smaller."""
MOST_PICTURES = 32
"""Pictures drawn of one value; of the others only the captions are told."""

_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 .5em;text-align:left"
_FIGURE = "display:inline-block;margin:0 1em .5em 0;vertical-align:top"
_IMAGE = "max-width:20em;max-height:20em;image-rendering:auto"


def page(value: object) -> str:
    """A value as HTML: everything that an agent or a task wrote is escaped."""
    left = [MOST_PICTURES]
    return f'<div class="adagym">{"".join(_section(section, left) for section in sections(value))}</div>'


def _section(section: Section, left: list[int]) -> str:
    content = "".join(
        _figure(part, left) if isinstance(part, Picture) else f'<pre style="{_TEXT}">{escape(part)}</pre>'
        for part in section.parts
    )
    title = f"<summary><b>{escape(section.title)}</b></summary>"
    # A system prompt is long and the same everywhere; it opens with a click.
    return f"<details{'' if section.title == 'system' else ' open'}>{title}{content}</details>"


def _figure(part: Picture, left: list[int]) -> str:
    left[0] -= 1
    drawn = f'<img style="{_IMAGE}" alt="{escape(part.caption)}" src="{_data_url(part.image)}"><br>'
    return f'<span style="{_FIGURE}">{drawn if left[0] >= 0 else ""}<small>{escape(part.caption)}</small></span>'


def _data_url(array: Array) -> str:
    image = Image.fromarray(array)
    image.thumbnail((MOST_SIDE, MOST_SIDE))
    return f"data:image/png;base64,{base64.b64encode(to_png(np.asarray(image))).decode()}"
