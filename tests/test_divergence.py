"""The first divergence of two records is the earliest in play, and says where it is."""

from __future__ import annotations

import copy
from typing import Any

import gymnasium as gym
import pytest

import adagym  # noqa: F401  (registers the ids)
from adagym.divergence import first_divergence, pair_records, record_of

CALL = '{"name": "Point", "parameters": {"image": "img_1", "description": "Elf"}}'
POINT = f"<think>a</think><tool_call>{CALL}</tool_call>"


@pytest.fixture(scope="module")
def played() -> dict[str, Any]:
    env: Any = gym.make("adagym/VSPNavigation-v0", tasks="vsp-generated:sides=3,n=1").unwrapped
    env.reset(seed=0)
    for action in (POINT, "nonsense", "<think>a</think><response>\\boxed{R}</response>"):
        env.step(action)
    return dict(record_of(env.trajectory()))


def changed(record: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    other: Any = copy.deepcopy(record)
    inner = other
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return other


def test_equal_records_have_none(played: dict[str, Any]) -> None:
    assert first_divergence(played, copy.deepcopy(played)) is None


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("seed",), 1, "seed"),
        (("env_kwargs", "max_turns"), 9, "env_kwargs, max_turns"),
        (("task", "images", 0), "f00", "task, images, 0"),
        (("messages", 0, "content", 0, "text"), "x", "opening message 1, content, 0, text"),
        (("steps", 0, "result", "data", "points", 0, 1), 7, "turn 1, result, data, points, 0, 1"),
        (("steps", 1, "observation", "text"), "", "turn 2, observation, text"),
        (("steps", 2, "reward"), 1, "turn 3, reward"),
        (("outcome",), "truncated", "outcome"),
        (("reward_parts", "else"), 1.0, "reward_parts, else"),
    ],
)
def test_the_place_is_named(played: dict[str, Any], path: Any, value: Any, where: str) -> None:
    found = first_divergence(played, changed(played, *path, value=value))
    assert found is not None
    assert found.where.partition(", character")[0] == where


def test_the_earliest_in_play_is_meant(played: dict[str, Any]) -> None:
    other = changed(played, "reward", value=None)
    other = changed(other, "steps", 2, "reward", value=0.5)
    other = changed(other, "steps", 1, "action", value="else")
    found = first_divergence(played, other)
    assert found is not None
    assert (found.where, found.one, found.other) == ("turn 2, action", '"nonsense"', '"else"')


def test_numbers_of_another_type_differ(played: dict[str, Any]) -> None:
    assert played["reward"] == 0.0 or isinstance(played["reward"], float)
    assert first_divergence(played, changed(played, "steps", 0, "reward", value=0)) is not None
    assert first_divergence(played, changed(played, "steps", 0, "terminated", value=0)) is not None


def test_long_texts_are_shown_where_they_part(played: dict[str, Any]) -> None:
    text = played["messages"][0]["content"][0]["text"]
    other = text[:300] + "#" + text[301:]
    found = first_divergence(played, changed(played, "messages", 0, "content", 0, "text", value=other))
    assert found is not None
    assert found.where.endswith("character 300")
    assert "#" in found.other
    assert len(found.other) < 140


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_shorter_episode_ends_where_the_other_goes_on(played: dict[str, Any], kept: int) -> None:
    shorter = changed(played, "steps", value=played["steps"][:kept])
    for one, other, ended in ((played, shorter, "other"), (shorter, played, "one")):
        found = first_divergence(one, other)
        assert found is not None
        assert found.where == f"turn {kept + 1}, action"
        assert getattr(found, ended) == "(absent)"


def test_runs_are_paired_in_any_order(played: dict[str, Any]) -> None:
    a, b, c = (changed(played, "seed", value=seed) for seed in (1, 2, 3))
    twin = changed(a, "reward", value=9.0)
    pairs = list(pair_records([a, twin, b], [b, a, c, twin]))
    assert pairs == [(0, a, a), (1, twin, twin), (2, b, b), (3, None, c)]
