"""A short run of the benchmark: real servers over HTTP, restarted both ways, with a worker killed each time."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def test_no_episode_suffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    chaos = importlib.import_module("chaos")
    figures = chaos.measure(chaos.Options(episodes=10, rounds=2, kills=1, servers=1, players=2))
    assert figures["episodes"] >= 10
    assert (figures["restarts"], figures["worker_kills"]) == (2, 2)
    assert [figures[name] for name in ("lost", "duplicated", "void", "different")] == [0, 0, 0, 0]
    assert figures["reward_mean"] == 8  # the expert's, on every map
