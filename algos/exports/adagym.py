"""The format of adagym itself: see :mod:`adagym.store`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adagym.store import Store
from adagym.types import Trajectory

FILE = "episodes.jsonl"


def write(trajectories: Sequence[Trajectory], folder: Path) -> Path:
    """Write ``episodes.jsonl`` and ``images/``, from which ``adagym replay`` plays the episodes again.

    An older file is replaced once the new one is whole.

    Raises:
        UsageError: The folder cannot be written to.
    """
    part = folder / f"{FILE}.part"
    part.unlink(missing_ok=True)
    with Store(part) as store:
        for trajectory in trajectories:
            store.append(trajectory)
    return part.replace(folder / FILE)
