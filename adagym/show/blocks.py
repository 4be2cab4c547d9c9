"""Pictures as characters: two coloured pixels to a half block, or grey levels where there is no colour."""

from __future__ import annotations

import numpy as np
from PIL import Image
from rich.color import Color
from rich.style import Style
from rich.text import Text

from adagym.types import Array

RAMP = " .:-=+*#%@"
"""Characters from dark to light, for light text on a dark ground."""


def cells_for(image: Array, columns: int, rows: int | None = None) -> tuple[int, int]:
    """How many columns and rows of a terminal a picture takes, whose cells are twice as high as wide.

    Args:
        image: ``(height, width, 3)``.
        columns: Most columns; a narrower picture is not enlarged.
        rows: Most rows; None for as many as the width asks for.
    """
    height, width = image.shape[:2]
    columns = max(1, min(columns, width))
    needed = max(1, round(columns * height / width / 2))
    if rows is None or needed <= rows:
        return columns, needed
    return max(1, min(columns, round(2 * rows * width / height))), max(1, rows)


def half_blocks(image: Array, columns: int, rows: int | None = None) -> Text:
    """Draw a picture with upper half blocks, two pixels to a character.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
        columns: Most characters in a line; a narrower picture is not enlarged.
        rows: Most lines.
    """
    columns, rows = cells_for(image, columns, rows)
    small = _resized(image, columns, 2 * rows)
    text = Text(no_wrap=True, end="\n")
    for row in range(rows):
        _add_row(text, small[2 * row], small[2 * row + 1])
        if row + 1 < rows:
            text.append("\n")
    return text


def grey_levels(image: Array, columns: int, rows: int | None = None) -> Text:
    """Draw a picture with characters of increasing weight, for terminals without colour.

    The whole ramp is used: the darkest pixel shown is a space and the lightest one the heaviest character.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
        columns: Most characters in a line; a narrower picture is not enlarged.
        rows: Most lines.
    """
    columns, rows = cells_for(image, columns, rows)
    lines = grey_lines(_resized(image, columns, rows))
    return Text("\n".join(map("".join, lines)), no_wrap=True, end="\n")


def grey_lines(small: Array) -> list[list[str]]:
    """A character for each pixel of a small picture.

    Args:
        small: ``(rows, columns, 3)`` ``uint8`` RGB.
    """
    grey = small.astype(np.float64) @ (0.299, 0.587, 0.114)
    low, spread = float(grey.min()), max(float(np.ptp(grey)), 1.0)
    return [[RAMP[int((value - low) / spread * (len(RAMP) - 1))] for value in line] for line in grey]


def _resized(image: Array, columns: int, rows: int) -> Array:
    return np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BOX))


def _add_row(text: Text, upper: Array, lower: Array) -> None:
    """One line; neighbours of equal colours are one span."""
    pairs = np.concatenate([upper, lower], axis=1)
    changes = np.flatnonzero((pairs[1:] != pairs[:-1]).any(axis=1)) + 1
    for begin, end in zip([0, *changes], [*changes, len(pairs)], strict=True):
        text.append("▀" * int(end - begin), Style(color=_color(upper[begin]), bgcolor=_color(lower[begin])))


def _color(pixel: Array) -> Color:
    return Color.from_rgb(*(int(value) for value in pixel))
