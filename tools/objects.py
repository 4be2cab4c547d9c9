"""Small pictures of everyday objects: what scenes are made of, and what `Point` can recognise.

The pictures are Fluent emoji (see THIRD_PARTY.md), cut to their outline. :func:`dye` gives an object another colour
by turning its hue; the larger of the three channels of every pixel stays as it was, so a matcher that works on
``max(R, G, B)`` recognises dyed objects too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from adagym.errors import UsageError
from adagym.types import Array

_FOLDER = Path(__file__).parent / "assets" / "objects"

HUES: Mapping[str, int] = {"red": 350, "orange": 24, "yellow": 50, "green": 125, "blue": 212, "purple": 272}
"""Colours that objects are dyed in, as hues in degrees."""


@dataclass(frozen=True)
class ObjectPicture:
    """One object. The file is read when it is loaded."""

    name: str
    file: str
    """File name in ``tools/assets/objects``."""
    code: str
    """Unicode code point of the emoji, in hexadecimal."""
    category: str
    colour: str | None
    """The word for its colour, if there is an obvious one."""
    material: str | None
    """What the real thing is mostly made of, where that is common knowledge."""
    hue: int | None
    """Main hue in degrees of an object that can be dyed, else None."""
    width: int
    height: int
    """Size of the picture in pixels."""

    def load(self) -> Array:
        """Decode the file, ``(height, width, 4)`` ``uint8`` RGBA; the longer side has 160 pixels."""
        with Image.open(_FOLDER / self.file) as image:
            return np.array(image.convert("RGBA"))


def dye(picture: ObjectPicture, colour: str) -> Array:
    """Return the object in another colour, all its hues turned alike.

    Args:
        picture: An object with a main hue.
        colour: A name of ``HUES``.

    Returns:
        ``(height, width, 4)`` ``uint8`` RGBA.

    Raises:
        UsageError: The object has no main hue, or the colour no name.
    """
    if picture.hue is None or colour not in HUES:
        dyeable = ", ".join(name for name, item in OBJECTS.items() if item.hue is not None)
        raise UsageError(
            f"`{picture.name}` cannot be dyed {colour!r}; colours are {', '.join(HUES)}, dyeable objects are {dyeable}."
        )
    rgba = picture.load()
    turned = np.array(Image.fromarray(rgba[..., :3]).convert("HSV"))
    turn = round((HUES[colour] - picture.hue) * 256 / 360) % 256
    turned[..., 0] += np.uint8(turn)  # hues wrap as bytes do
    rgba[..., :3] = np.array(Image.frombytes("HSV", turned.shape[1::-1], turned.tobytes()).convert("RGB"))
    return rgba


def _read_index() -> dict[str, ObjectPicture]:
    entries = json.loads((_FOLDER / "index.json").read_text("utf-8"))
    return {name: ObjectPicture(name, **entry) for name, entry in entries.items()}


OBJECTS: Mapping[str, ObjectPicture] = _read_index()
"""Name to object, by name."""
