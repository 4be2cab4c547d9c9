"""Giving memory back asks glibc, and nobody else."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace

import pytest

from adagym.algos.memory import give_back


def test_glibc_is_asked_to_trim_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(malloc_trim=asked.append))
    give_back()
    assert asked == [0]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_other_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    opened: list[object] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: opened.append(name) or SimpleNamespace())
    give_back()
    assert opened == ([None] if platform == "linux" else [])
