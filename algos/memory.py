"""Giving memory back."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Return freed memory to the system.

    glibc otherwise keeps what an update has freed, in pieces that the next one cannot all use again, so that a run
    grows for some steps. Other C libraries are left alone.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
