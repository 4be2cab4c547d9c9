"""Files that records name by path: looked for under one folder, and never outside of it."""

from __future__ import annotations

import os
from pathlib import Path

from adagym.errors import DataError


def inside(root: str | Path, path: str) -> str:
    """The file that a record names.

    Links inside of the folder are followed, wherever they lead: whoever put them there may.

    Args:
        root: The folder that media are under.
        path: As the record has it, relative to the folder; or absolute, if it lies in the folder.

    Returns:
        An absolute path. Whether there is a file is not looked at.

    Raises:
        DataError: It leads out of the folder, or is no path.
    """
    top = os.path.abspath(root)
    full = os.path.normpath(os.path.join(top, path))
    if not path or "\0" in path or os.path.commonpath([top, full]) != top:
        raise DataError(
            f"The data names the file {path[:200]!r}, which is not inside of `{top}`. Say with the option media=DIR "
            "which folder the pictures and videos are in."
        )
    return full
