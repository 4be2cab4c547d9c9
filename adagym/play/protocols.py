"""How a terminal can show pictures."""

from __future__ import annotations

import os
import sys
from typing import Literal

from adagym.errors import require

Mode = Literal["kitty", "sixel", "blocks", "grey"]
Choice = Literal["auto", "kitty", "sixel", "blocks", "grey", "none"]

COLOURLESS = ("vt100", "vt102", "vt220", "linux-m", "xterm-mono", "screen-m")
"""Values of TERM that tell of a terminal without colours."""


def pick_mode(choice: Choice) -> Mode:
    """The best way that works here: the terminal is asked what it knows.

    Must be called before a full-screen app takes the terminal's input.

    Args:
        choice: ``auto``, or what the player insists on; ``none`` counts as ``grey``.
    """
    if choice in ("kitty", "sixel", "blocks", "grey"):
        return choice
    if choice == "none" or is_colourless():
        return "grey"
    if not (sys.__stdout__ is not None and sys.__stdout__.isatty()):
        return "blocks"
    renderable = require("textual_image.renderable", "play")
    known: dict[object, Mode] = {renderable.TGPImage: "kitty", renderable.SixelImage: "sixel"}
    return known.get(renderable.Image, "blocks")


def is_colourless() -> bool:
    """Whether the player or the terminal wants no colours (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "") in (*COLOURLESS, "dumb")
