"""The task for inspect_ai where that is not installed; .ci/inspect_test.py plays it where it is."""

from __future__ import annotations

import importlib
import sys

import pytest

from adagym.errors import MissingExtra


def test_without_inspect_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.delitem(sys.modules, "adagym.integrations.inspect_ai", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'adagym\[inspect\]'"):
        importlib.import_module("adagym.integrations.inspect_ai")
