"""The folder of a run: ``config.json`` says what was asked, so that only the same run goes on in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adagym.errors import UsageError

CONFIG = "config.json"


def check_folder(out: Path, config: Mapping[str, Any], results: str, resume: bool) -> None:
    """Check that the folder is free, or holds the run to resume. Nothing is written.

    Args:
        out: The run folder.
        config: What is asked now; JSON values.
        results: Name of the file whose presence without ``config.json`` means that something else lives here.
        resume: Whether to go on with the run in the folder.

    Raises:
        UsageError: It is neither.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; give a folder for the run.")
    path = out / CONFIG
    if not path.is_file():
        if (out / results).exists():
            raise UsageError(f"{out} holds {results} without its {CONFIG}; choose another folder.")
        return
    if not resume:
        raise UsageError(f"{out} already holds a run; resume it with --resume, or choose another folder.")
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not valid JSON ({error}); choose another folder.") from None
    asked = json.loads(json.dumps(config))
    differing = sorted(key for key in asked.keys() | saved.keys() if asked.get(key) != saved.get(key))
    if differing:
        changes = "; ".join(f"{key} was {saved.get(key)!r}, now {asked.get(key)!r}" for key in differing)
        raise UsageError(f"{out} holds another run ({changes}); repeat its arguments, or choose another folder.")
