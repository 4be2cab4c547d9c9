"""RLlib's adapter where that is not installed; .ci/rllib_test.py trains with it where it is."""

from __future__ import annotations

import importlib
import sys

import pytest

from adagym.errors import MissingExtra


def test_without_ray_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "adagym.integrations.rllib", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'adagym\[rllib\]'"):
        importlib.import_module("adagym.integrations.rllib")
