"""The parity kit: what it draws and finds, and that vector environments and forks agree with plain steps."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import gymnasium as gym
import pytest
from rich.console import Console

from adagym.digest import observation_digest
from adagym.envs.vector import ToolVectorEnv, Workers
from adagym.testing.parity import FAMILIES, Difference, Script, Shown, compare, make, play_env, scripts, table


@pytest.fixture(scope="module")
def drawn() -> list[Script]:
    return scripts(per_family=4, seed=3)


def play_vector(played: Sequence[Script], workers: Workers) -> list[list[Shown]]:
    """One environment of a vector per script, those of a family in step with each other."""
    shown: dict[int, list[Shown]] = {}
    for family in FAMILIES:
        places = [place for place, script in enumerate(played) if script.env_id == family]
        first = played[places[0]]
        vector = ToolVectorEnv(
            functools.partial(gym.make, family, disable_env_checker=True, **first.env), len(places), workers=workers
        )
        everyone = range(len(places))
        options = [{"task": played[place].task} for place in places]
        for place, start in zip(
            places, vector.reset_some(everyone, [played[p].seed for p in places], options), strict=True
        ):
            shown[place] = [Shown(observation_digest(start.observation))]
        for turn in range(max(len(played[place].actions) for place in places)):
            going = [number for number in everyone if turn < len(played[places[number]].actions)]
            results = vector.step_some(going, [played[places[number]].actions[turn] for number in going])
            for number, step in zip(going, results, strict=True):
                seen = Shown(observation_digest(step.observation), step.reward, step.terminated, step.truncated)
                shown[places[number]].append(seen)
        vector.close()
    return [shown[place] for place in range(len(played))]


def play_forked(played: Sequence[Script]) -> list[list[Shown]]:
    """Every turn in another environment, which goes on from a snapshot."""
    every = []
    for script in played:
        env = make(script)
        observation, _ = env.reset(seed=script.seed, options={"task": script.index})
        shown = [Shown(observation_digest(observation))]
        for action in script.actions:
            other = make(script)
            other.restore(env.snapshot())
            observation, reward, terminated, truncated, _ = other.step(action)
            shown.append(Shown(observation_digest(observation), float(reward), terminated, truncated))
            env = other
        every.append(shown)
    return every


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


@pytest.mark.parametrize("workers", ["inline", "threads"])
def test_vector_environments_agree(drawn: list[Script], workers: Workers) -> None:
    report = compare(workers, functools.partial(play_vector, workers=workers), drawn)
    assert not report.differences, report.differences[0]
    assert report.turns > report.episodes


def test_forks_agree(drawn: list[Script]) -> None:
    few = [script for script in drawn if script.env_id in ("adagym/VSPNavigation-v0", "adagym/Jigsaw-v0")]
    report = compare("snapshots", play_forked, few)
    assert not report.differences, report.differences[0]


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
