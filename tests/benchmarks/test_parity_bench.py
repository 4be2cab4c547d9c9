"""Every way to play that needs no virtual environment of its own agrees with plain steps; what adapters add shows."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adagym.testing.parity import Script, Shown, compare, play_env, scripts
from adagym.tools.backends import close_backends

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("adagym/VSPNavigation-v0", "adagym/Jigsaw-v0", "adagym/VideoQA-v0")
PROCESSES = ("vector, processes", "tools in workers", "tools by MCP, stdio", "tools by MCP, HTTP")
"""Ways that start processes; the rest plays more."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module
    close_backends()


@pytest.fixture(scope="module")
def drawn() -> list[Script]:
    return scripts(per_family=2, seed=3, families=FAMILIES)


@pytest.fixture(scope="module")
def expected(drawn: list[Script]) -> list[list[Shown]]:
    return play_env(drawn)


NAMES = (
    "vector, inline",
    "vector, threads",
    "snapshots",
    "replay",
    "replay from the record",
    "table of actions",
    "Stable-Baselines3",
    "TRL",
    "run, for AReaL and rLLM",
    *PROCESSES,
)


def test_every_way_is_tested_and_told_of(script: Any) -> None:
    ways = script("parity_players").WAYS
    assert set(NAMES) == set(ways)
    page = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    for name, way in ways.items():
        assert f"| {name} |" in page
        assert all(why in page for why in way.excepted.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_way_agrees_with_plain_steps(
    script: Any, name: str, drawn: list[Script], expected: list[list[Shown]]
) -> None:
    way = script("parity_players").WAYS[name]
    few = slice(0, None, 3 if name in PROCESSES else 1)
    report = compare(name, way.player, drawn[few], way.excepted, expected[few])
    assert not report.differences, report.differences[0]
    assert report.episodes == len(drawn[few])


def test_a_difference_fails_the_benchmark(script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    players, parity = script("parity_players"), script("parity")
    shifted = players.Way(lambda played: [shown[:-1] for shown in play_env(played)])
    monkeypatch.setattr(parity, "scripts", lambda *_: scripts(1, 3, FAMILIES[:1]))
    monkeypatch.setattr(parity, "WAYS", {"snapshots": players.WAYS["snapshots"], "other": shifted})
    assert parity.main(parity.Options(ways=("snap",), json=tmp_path / "x.json")) == 0
    assert parity.main(parity.Options(json=tmp_path / "x.json")) == 1
    figures = json.loads((tmp_path / "x.json").read_text())
    assert (figures["differences_snapshots"], figures["differences_other"], figures["differences"]) == (0, 1, 1)


def test_a_slow_adapter_shows(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = script("adapters")
    monkeypatch.setattr(adapters, "WORLDS", {"adagym/VSPNavigation-v0": adapters.WORLDS["adagym/VSPNavigation-v0"]})
    monkeypatch.setattr(adapters, "plain", lambda drawn: [0.001] * (len(drawn.actions) - 1))
    rounds = iter([0.005, 0.002, 0.003] * 100)

    def slow(drawn: Script) -> list[float]:
        return [next(rounds)] * (len(drawn.actions) - 1)

    figures = adapters.measure(adapters.Options(per_family=1, rounds=3), {"slow": slow})
    assert figures["added_share_slow"] == pytest.approx(1)  # the fastest of three rounds
    assert figures["added_ms_slow"] == pytest.approx(1)
    assert figures["plain_ms"] == pytest.approx(1)
    assert figures["steps"] >= 4


def test_the_page_runs() -> None:
    page = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    assert names["report"].episodes == 2


def test_every_adapter_is_timed_once_per_step_but_the_last(script: Any) -> None:
    adapters = script("adapters")
    drawn = max(scripts(3, 3, FAMILIES[:1]), key=lambda one: len(one.actions))
    timed = adapters.adapters()
    assert {"vector_inline", "numeric", "rllib", "sb3", "trl", "run"} <= timed.keys()
    for name, play in timed.items():
        seconds = play(drawn)
        assert len(seconds) == len(drawn.actions) - 1 > 0, name
        assert min(seconds) > 0
