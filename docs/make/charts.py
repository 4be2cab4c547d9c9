"""Bar charts as SVG inside a page, whose letters take the colour of the page's, so that they are read on any."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping

BARS, VALUES, LETTER = 420, 70, 7
"""Widths of the longest bar, of the figure behind it and of a letter, in units of the drawing."""
BAR, GAP, TOP = 13, 9, 26
MOST_RATIO = 100.0
"""Where the largest figure is more than so many times the smallest, lengths are logarithms."""


def bars(title: str, rows: Mapping[str, Mapping[str, float]], mark: float | None = None) -> str:
    """A horizontal bar for every figure, as HTML on one line.

    Args:
        title: What is compared, with its unit.
        rows: Names at the left to names of series to figures. Figures of one row stand below each other.
        mark: A figure at which a line is drawn, such as 1 among ratios.
    """
    left = LETTER * max(map(len, rows)) + 8
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    length, logarithmic = _scale([value for row in rows.values() for value in row.values()], mark)
    parts, y = _legend(series, left) if len(series) > 1 else [], TOP if len(series) > 1 else 6
    began = y
    for name, row in rows.items():
        middle = y + BAR * len(row) / 2
        parts.append(_text(left - 8, middle, name, "end"))
        for column, value in row.items():
            kind = f"s{series.index(column) % 3}"
            parts.append(f'<rect class="{kind}" x="{left}" y="{y}" width="{length(value):.1f}" height="{BAR - 1}"/>')
            parts.append(_text(left + length(value) + 5, y + BAR / 2, figure(value), "start"))
            y += BAR
        y += GAP
    if mark is not None:
        x = f"{left + length(mark):.1f}"
        parts.append(f'<line x1="{x}" y1="{began - 4}" x2="{x}" y2="{y - 4}"/>')
    caption = html.escape(title) + ("; lengths are logarithms" if logarithmic else "")
    caption += "" if mark is None else f"; the line is at {figure(mark)}"
    width = left + BARS + VALUES
    size = f'width="{width}" viewBox="0 0 {width} {y}"'
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{caption}" {size}>{"".join(parts)}</svg>'
    return f'<figure class="chart">{drawn}<figcaption>{caption}.</figcaption></figure>'


def figure(value: object) -> str:
    """A measured value as a page shows it: four digits, and whole numbers in full."""
    if not isinstance(value, int | float):
        return str(value)
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _scale(values: list[float], mark: float | None) -> tuple[Callable[[float], float], bool]:
    """How long a bar is, and whether that is a logarithm."""
    positive = [value for value in (*values, *(() if mark is None else (mark,))) if value > 0] or [1.0]
    least, most = min(positive), max(positive)
    if most <= MOST_RATIO * least:
        return lambda value: max(0.0, BARS * value / most), False
    bottom = 10.0 ** math.floor(math.log10(least) - 0.2)  # the shortest bar is seen, too
    return lambda value: BARS * math.log(max(value, bottom) / bottom) / math.log(most / bottom), True


def _legend(series: list[str], x: float) -> list[str]:
    parts = []
    for number, name in enumerate(series):
        parts.append(f'<rect class="s{number % 3}" x="{x}" y="4" width="{BAR - 1}" height="{BAR - 1}"/>')
        parts.append(_text(x + 18, 4 + BAR / 2, name, "start"))
        x += 40 + LETTER * len(name)
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" dominant-baseline="central"'
    return f"<text {place}>{html.escape(text)}</text>"
