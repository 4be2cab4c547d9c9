"""Reads the number in an answer, with its percent sign, scale and unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from adagym.rewards.units import SCALES, SUFFIXES, unit_of

LONGEST = 200
"""A longer text is not read as a number."""

_VALUE = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\d)"
_SIGN = "[$€£¥]"
_NUMBER = re.compile(
    rf"(?<![\w.])(?P<top>[-+]?\s*(?P<sign>{_SIGN})?\s*{_VALUE})(?:\s*/\s*(?P<bottom>[-+]?{_VALUE}))?"
    rf"(?P<percent>\s*\\?%)?(?P<suffix>(?:[kKMB]|bn|mn)(?!\w))?(?P<words>(?:\s*(?:{_SIGN}|[^\W\d_]+(?!\w))){{0,2}})"
)
_LATEX = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_SPACES = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}'\N{RIGHT SINGLE QUOTATION MARK}"
_SPACED = re.compile(rf"(?<=\d)[{_SPACES}](?=\d{{3}}(?!\d))")
_CONTINENTAL = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+,\d+(?![\d.,])")


@dataclass(frozen=True)
class Quantity:
    """A number as it is written, and what is written behind it."""

    value: float
    percent: bool = False
    scale: float = 1.0
    """1000 in ``5 thousand``; 1 where nothing multiplies."""
    unit: tuple[str, float] | None = None
    """What the unit measures and its size; None without a known one."""

    @property
    def scaled(self) -> bool:
        """Whether a percent sign or a scale follows the number."""
        return self.percent or self.scale != 1


def read_quantity(text: str) -> Quantity | None:
    """Read the one number in a text.

    Thousands may be set off by commas, no-break or thin spaces, or apostrophes; ``1.234,5`` is read as 1234.5. A comma
    is no decimal point otherwise: ``1,23`` is not read.

    Returns:
        None if there is no number, or more than one.
    """
    if len(text) > LONGEST:
        return None
    text = _LATEX.sub(r"\1/\2", text.replace("\N{MINUS SIGN}", "-"))
    text = _CONTINENTAL.sub(lambda found: found[0].replace(".", "").replace(",", "."), _SPACED.sub(",", text))
    matches = list(_NUMBER.finditer(text))
    if len(matches) != 1:
        return None
    found = matches[0]
    value, divisor = _float(found["top"]), 1.0 if found["bottom"] is None else _float(found["bottom"])
    if divisor == 0 or not math.isfinite(value) or not math.isfinite(divisor):
        return None
    words = re.findall(rf"{_SIGN}|[^\W\d_]+", found["words"])
    scale = SUFFIXES.get(found["suffix"], 1.0)
    if scale == 1 and words and words[0].lower() in SCALES:
        scale = SCALES[words.pop(0).lower()]
    unit = found["sign"] or (words[0] if words else "")
    return Quantity(value / divisor, found["percent"] is not None, scale, unit_of(unit))


def common_sizes(left: Quantity, right: Quantity) -> tuple[float, float] | None:
    """By what two numbers are multiplied to be in one unit: 1 and 1 unless both have a known unit.

    Returns:
        None if they measure different things.
    """
    if left.unit is None or right.unit is None:
        return 1.0, 1.0
    return (left.unit[1], right.unit[1]) if left.unit[0] == right.unit[0] else None


def _float(text: str) -> float:
    return float(re.sub(rf"[\s,]|{_SIGN}", "", text))
