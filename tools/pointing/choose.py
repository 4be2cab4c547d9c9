"""Which pointing backend answers.

The environment variable ``ADAGYM_POINT`` names one or several, separated by commas, each ``NAME`` or
``NAME:OPTION``; they are asked in turn until one takes the picture and the description for its own. Without it these
are ``map``, ``objects`` and ``text``, and one whose extra is not installed is left out.
"""

from __future__ import annotations

import os
from functools import lru_cache

from adagym.errors import MissingExtra
from adagym.tools.pointing import POINTERS, Pointer
from adagym.types import Array

DEFAULT = ("map", "objects", "text")


def locate(image: Array, description: str, backend: str | None = None) -> list[list[int]]:
    """Points ``[x, y]`` of all things that fit a description; none if no backend finds any.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
        description: A short phrase.
        backend: As ``ADAGYM_POINT`` takes it; None: what that says.

    Raises:
        UnknownName: There is no such backend.
        MissingExtra: One that was named is not installed.
        UsageError: Its option cannot be used.
    """
    chosen = backend or os.environ.get("ADAGYM_POINT")
    for name in chosen.split(",") if chosen else DEFAULT:
        try:
            points = _pointer(name.strip()).locate(image, description)
        except MissingExtra:
            if chosen:
                raise
            continue
        if points is not None:
            return points
    return []


@lru_cache(maxsize=8)
def _pointer(name: str) -> Pointer:
    kind, _, option = name.partition(":")
    return POINTERS.load(kind)(option)
