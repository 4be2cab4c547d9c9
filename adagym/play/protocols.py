"""How a terminal can show pictures."""

from __future__ import annotations

import os
import re
import select
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
    if sys.__stdin__ is None or sys.__stdout__ is None or not sys.__stdout__.isatty():
        return "blocks"
    renderable = require("textual_image.renderable", "play")
    known: dict[object, Mode] = {renderable.TGPImage: "kitty", renderable.SixelImage: "sixel"}
    mode = known.get(renderable.Image, "blocks")
    if mode == "kitty" and not draws_placeholders(sys.__stdin__.fileno(), sys.__stdout__.fileno()):
        return "blocks"
    return mode


def draws_placeholders(reads: int, writes: int, seconds: float = 0.5) -> bool:
    """Whether a terminal that knows kitty's protocol puts pictures where characters stand for them, as the app needs.

    kitty does from 0.28 on; before, it shows the characters. It is asked about a picture with the key ``U``, which is
    that feature and which older ones refuse, and then for its attributes, which every terminal tells: no answer to the
    first question is an answer.

    Args:
        reads: Descriptor of the terminal that its answers come from.
        writes: Descriptor that it is asked through.
        seconds: How long it may take for each part of an answer.
    """
    import termios  # where there is none, no terminal knows the protocol
    import tty

    before = termios.tcgetattr(reads)
    answer = b""
    try:
        tty.setcbreak(reads)
        os.write(writes, b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24,U=1;AAAA\x1b\\\x1b[c")
        while not re.search(rb"\x1b\[\?[\d;]*c", answer) and select.select([reads], [], [], seconds)[0]:
            answer += os.read(reads, 1024)
    finally:
        termios.tcsetattr(reads, termios.TCSANOW, before)
    return b"\x1b_Gi=31;OK" in answer


def is_colourless() -> bool:
    """Whether the player or the terminal wants no colours (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "") in (*COLOURLESS, "dumb")
