"""Verdicts on disk, one small file each, which several runs and processes may share."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adagym.errors import UsageError


@dataclass(frozen=True)
class Verdict:
    """What a judge said."""

    value: int
    """1 for right, 0 for wrong."""
    reason: str = ""


def default_folder() -> Path:
    """``adagym/verdicts`` in the user's folder of caches (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adagym" / "verdicts"


def request_key(request: Mapping[str, Any]) -> str:
    """A digest of everything that a verdict depends on (JSON values)."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


class VerdictCache:
    """Verdicts by request.

    Args:
        folder: Where they are; made when the first is put.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Verdict | None:
        """The verdict of a request, None if there is none or its file is damaged."""
        try:
            value = json.loads(self._path(key).read_bytes())
            verdict = Verdict(value["value"], value["reason"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        # True equals 1 in Python, and is not a verdict.
        sound = type(verdict.value) is int and verdict.value in (0, 1) and isinstance(verdict.reason, str)
        return verdict if sound else None

    def put(self, key: str, verdict: Verdict) -> None:
        """Keep a verdict; it is there whole or not at all.

        Raises:
            UsageError: The file cannot be written.
        """
        path = self._path(key)
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(verdict)) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise UsageError(f"Verdicts cannot be kept in {self._folder} ({error}); choose another cache.") from error

    def _path(self, key: str) -> Path:
        # Two hundred and fifty-six folders, since some file systems are slow with many files in one.
        return self._folder / key[:2] / f"{key}.json"
