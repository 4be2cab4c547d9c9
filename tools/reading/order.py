"""Reading order: rows from top to bottom, and each row from left to right.

A line belongs to a row if it shares with the row's first line at least half of the lower one's height. Lines
are taken by the height of their middles, so the first line of a row is its highest; equal ones from left to right.
"""

from __future__ import annotations

from collections.abc import Iterable

from adagym.tools.reading.base import Line


def rows(lines: Iterable[Line]) -> list[list[Line]]:
    """Sort lines into rows, each from left to right."""
    found: list[list[Line]] = []
    for line in sorted(lines, key=_place):
        row = next((row for row in reversed(found) if _level(row[0], line)), None)
        if row is None:
            found.append([line])
        else:
            row.append(line)
    return [sorted(row, key=lambda line: (line.box[0], line.box[1])) for row in found]


def _place(line: Line) -> tuple[int, int]:
    return line.box[1] + line.box[3], line.box[0]


def _level(one: Line, other: Line) -> bool:
    shared = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    lower = min(line.box[3] - line.box[1] for line in (one, other))
    return 2 * shared >= lower > 0
