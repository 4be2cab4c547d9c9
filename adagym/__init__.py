"""adagym: Gymnasium environments for adaptive visual tool use, and a learner for agents that play them."""

from __future__ import annotations

from pathlib import Path as _Path

_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file():  # a checkout, not an installed wheel
    __path__.append(str(_root))

__version__ = "0.1.0"
