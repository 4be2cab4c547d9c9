"""adagym: Gymnasium environments for adaptive visual tool use, and a learner for agents that play them."""

from __future__ import annotations

from importlib import import_module as _import_module
from pathlib import Path as _Path

_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file():  # a checkout, not an installed wheel
    __path__.append(str(_root))

__version__ = "0.1.0"

# Registers the environment ids with Gymnasium and loads no environment. By name, because the core imports no layer.
_import_module("adagym.envs")
