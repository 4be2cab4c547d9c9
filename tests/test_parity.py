"""The parity kit: what it draws and finds, and that vector environments and forks agree with plain steps."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from adagym.testing.parity import FAMILIES, Difference, Script, Shown, compare, play_env, scripts, table


@pytest.fixture(scope="module")
def drawn() -> list[Script]:
    return scripts(per_family=4, seed=3)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """The ways to play of ``benchmarks/parity.py``, by name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    found: Mapping[str, Any] = importlib.import_module("parity_players").WAYS
    return found


def test_scripts_hold_what_they_should(drawn: list[Script]) -> None:
    assert {script.env_id for script in drawn} == set(FAMILIES)
    assert len(drawn) == 4 * len(FAMILIES)
    assert drawn == scripts(per_family=4, seed=3)
    assert drawn != scripts(per_family=4, seed=4)
    ends = [shown[-1] for shown in play_env(drawn)]
    assert all(end.terminated or end.truncated for end in ends)
    assert any(end.truncated for end in ends)
    assert any(end.reward for end in ends)
    texts = [action for script in drawn for action in script.actions]
    assert any('"NoSuchTool"' in text for text in texts)
    assert any("<tool_call>" not in text and "<response>" not in text for text in texts)


@pytest.mark.parametrize("name", ["vector, inline", "vector, threads", "snapshots"])
def test_vectors_and_forks_agree(drawn: list[Script], ways: Mapping[str, Any], name: str) -> None:
    report = compare(name, ways[name].player, drawn)
    assert not report.differences, report.differences[0]
    assert report.turns > report.episodes


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("observation", lambda shown: [*shown[:-1], replace(shown[-1], observation="x")]),
        ("reward", lambda shown: [*shown[:-1], replace(shown[-1], reward=-1.0)]),
        ("terminated", lambda shown: [replace(shown[0], terminated=True), *shown[1:]]),
        ("truncated", lambda shown: [replace(shown[0], truncated=True), *shown[1:]]),
        ("length", lambda shown: shown[:-1]),
    ],
)
def test_differences_are_found_and_named(drawn: list[Script], what: str, spoil: object) -> None:
    assert callable(spoil)
    (found,) = compare("bad", lambda played: [spoil(shown) for shown in play_env(played)], drawn[:1]).differences
    assert found.what == what
    assert str(found).startswith(f"{drawn[0].env_id}, task '{drawn[0].task}', seed {drawn[0].seed}, turn ")
    assert what in str(found)


def test_what_is_excepted_must_be_left_out(drawn: list[Script]) -> None:
    def blind(played: Sequence[Script]) -> list[list[Shown]]:
        return [[replace(one, observation=None) for one in shown] for shown in play_env(played)]

    why = {"observation": "numbers only"}
    assert not compare("blind", blind, drawn[:2], why).differences
    assert compare("blind", blind, drawn[:2]).differences
    assert {found.what for found in compare("seeing", play_env, drawn[:2], why).differences} == {"observation"}


def test_the_table_counts(drawn: list[Script]) -> None:
    good = compare("good", play_env, drawn[:2])
    bad = replace(good, name="bad", differences=(Difference(drawn[0], 1, "reward", 1.0, 0.0),))
    console = Console(record=True, width=100)
    console.print(table([good, bad]))
    text = console.export_text()
    assert [line.split("│")[4].strip() for line in text.splitlines() if "│" in line] == ["0", "1"]
