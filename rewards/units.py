"""What may follow a number in an answer: scales such as ``million``, and units that can be converted."""

from __future__ import annotations

SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
"""Words that multiply."""
SUFFIXES = {"k": 1e3, "K": 1e3, "M": 1e6, "mn": 1e6, "B": 1e9, "bn": 1e9}
"""The same as letters right behind the number; ``5 m`` and ``300 K`` are units and not these."""

_NAMES: dict[str, dict[float, str]] = {
    "length": {
        0.001: "mm millimetre millimetres millimeter millimeters",
        0.01: "cm centimetre centimetres centimeter centimeters",
        1.0: "m metre metres meter meters",
        1000.0: "km kilometre kilometres kilometer kilometers",
        0.0254: "inch inches",
        0.3048: "ft foot feet",
        1609.344: "mile miles",
    },
    "mass": {0.001: "mg milligram milligrams", 1.0: "g gram grams", 1000.0: "kg kilogram kilograms"},
    "time": {
        0.001: "ms millisecond milliseconds",
        1.0: "s sec second seconds",
        60.0: "min minute minutes",
        3600.0: "h hr hour hours",
        86400.0: "day days",
    },
    "dollar": {1.0: "$ USD dollar dollars", 0.01: "cent cents"},
    "euro": {1.0: "€ EUR euro euros"},
    "pound sterling": {1.0: "£ GBP"},
    "yen": {1.0: "¥ JPY yen"},
}

UNITS = {
    name: (kind, size) for kind, sizes in _NAMES.items() for size, names in sizes.items() for name in names.split()
}
"""Symbol or word to what it measures, and its size."""


def unit_of(word: str) -> tuple[str, float] | None:
    """What a word measures and the unit's size; None if it is no known unit. Words may be capitalised, symbols not."""
    return UNITS.get(word) or (UNITS.get(word.lower()) if len(word) > 3 else None)
