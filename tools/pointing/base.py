"""What a pointing backend is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from adagym.types import Array


class Pointer(Protocol):
    """Finds things by description in pictures of some kind."""

    def locate(self, image: Array, description: str) -> list[list[int]] | None:
        """Find all things that fit.

        Args:
            image: ``(height, width, 3)`` ``uint8`` RGB.
            description: A short phrase.

        Returns:
            Points ``[x, y]`` in pixels; None if this is not its kind of picture or thing, so that another may try.
        """
        ...


def centre(box: Sequence[float], image: Array) -> list[int]:
    """The middle ``[x, y]`` of a box ``[x1, y1, x2, y2]``, inside the picture."""
    height, width = image.shape[:2]
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return [int(min(max(x, 0), width - 1)), int(min(max(y, 0), height - 1))]
