"""The apprentice: three ways of working, one per episode, in the shares that were asked for."""

from __future__ import annotations

import functools
from collections import Counter

import gymnasium as gym
import numpy as np
import pytest

from adagym.agents.apprentice import ApprenticeAgent, Mix
from adagym.algos.collect import Collector, Job
from adagym.errors import UsageError
from adagym.types import ArrayImage, Task, Trajectory

WAYS = {
    "careful": ("Point", "Point", "Point", "AStar"),
    "hasty": ("Point", "Point", "AStar"),
    "guess": (),
}
TASKS = "vsp-generated:sides=4-6,n=200,seed=2"


def play(
    agent: ApprenticeAgent, env_id: str = "adagym/VSPNavigation-v0", n: int = 60, **options: object
) -> list[Trajectory]:
    options = {"tasks": TASKS, **options}
    collector = Collector(functools.partial(gym.make, env_id, disable_env_checker=True, **options), agent, 8)
    rollouts = sorted(collector.collect(Job(i, seed=i) for i in range(n)), key=lambda rollout: rollout.index)
    collector.close()
    return [rollout.trajectory for rollout in rollouts]


def ways(trajectories: list[Trajectory]) -> list[str]:
    names = {calls: name for name, calls in WAYS.items()}
    return [names[tuple(result.tool for result in trajectory.calls)] for trajectory in trajectories]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dialect", ["adareasoner", "adatooler", "hermes"])
def test_each_way_alone(way: str, dialect: str) -> None:
    mix = Mix(**{name: float(name == way) for name in WAYS})
    played = play(ApprenticeAgent(mix), n=12, dialect=dialect)
    assert set(ways(played)) == {way}
    assert all(trajectory.outcome == "answered" for trajectory in played)
    assert all(step.parsed.format_ok for trajectory in played for step in trajectory.steps)
    assert all(result.ok for trajectory in played for result in trajectory.calls)


def test_shares_and_what_they_earn() -> None:
    played = play(ApprenticeAgent(), n=200)
    found = ways(played)
    counts = Counter(found)
    for name, share in vars(Mix()).items():
        assert counts[name] / 200 == pytest.approx(share, abs=4 * (share * (1 - share) / 200) ** 0.5)
    right = {
        name: np.mean([t.reward_parts["accuracy"] for t, way in zip(played, found, strict=True) if way == name])
        for name in WAYS
    }
    assert right["careful"] == 1
    assert 0.1 < right["hasty"] < 0.9
    assert 0.1 < right["guess"] < 0.9


def test_the_way_follows_the_seed() -> None:
    assert ways(play(ApprenticeAgent(), n=20)) == ways(play(ApprenticeAgent(), n=20))


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (-0.5, 1.0, 0.5), (0.0, 0.0, 0.0)])
def test_shares_are_checked(shares: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="add up to 1"):
        Mix(*shares)


def test_other_families_are_refused() -> None:
    task = Task("other/0", "jigsaw", "Which part is missing?")
    with pytest.raises(UsageError, match="plays vsp_navigation, vsp_verification, not `jigsaw`"):
        play(ApprenticeAgent(), n=1, tasks=[task])


@pytest.mark.parametrize("tool_images", [True, "named", False])
def test_verification_in_each_way(tool_images: bool | str) -> None:
    calls = {
        # A drawing that can be addressed is looked at; otherwise the points of holes and path are compared.
        "careful": ("Point", "Draw2DPath", "Point") if tool_images else ("Point", "Point", "Draw2DPath"),
        "hasty": ("Point", "Draw2DPath"),
        "guess": (),
    }
    right = {}
    for way in WAYS:
        mix = Mix(**{name: float(name == way) for name in WAYS})
        played = play(ApprenticeAgent(mix), "adagym/VSPVerification-v0", n=40, tool_images=tool_images)
        assert {tuple(result.tool for result in t.calls) for t in played} == {calls[way]}
        assert all(step.parsed.format_ok for t in played for step in t.steps)
        right[way] = float(np.mean([t.reward_parts["accuracy"] for t in played]))
    assert right["careful"] == 1
    assert 0.2 < right["hasty"] < 0.8
    assert 0.2 < right["guess"] < 0.8


def test_without_a_planner_paths_are_drafted_and_checked() -> None:
    played = play(ApprenticeAgent(Mix(1.0, 0.0, 0.0)), n=60, tools=("Point", "Draw2DPath"))
    drawn = [sum(result.tool == "Draw2DPath" for result in t.calls) for t in played]
    assert set(drawn) == {1, 2}
    for trajectory, drafts in zip(played, drawn, strict=True):
        if drafts == 1:  # the first draft was found safe, and it is
            assert trajectory.reward_parts["accuracy"] == 1
        else:
            assert trajectory.steps[4].parsed.think.startswith("On the path and a hole: [[")


def test_what_the_prompt_gives_away_is_used_by_the_guess_alone() -> None:
    told = "vsp-generated:sides=4-6,n=60,seed=2,told=1"
    guessed = play(ApprenticeAgent(Mix(0.0, 0.0, 1.0)), tasks=told)
    assert all(t.reward_parts["accuracy"] == 1 and not t.calls for t in guessed)
    careful = play(ApprenticeAgent(Mix(1.0, 0.0, 0.0)), n=5, tasks=told)
    assert all(len(t.calls) == 4 for t in careful)


def test_without_tools_it_guesses() -> None:
    assert not any(t.calls for t in play(ApprenticeAgent(), n=10, tools=()))


def test_a_missing_tool_is_refused() -> None:
    with pytest.raises(UsageError, match="calls Point, but the environment offers AStar"):
        play(ApprenticeAgent(Mix(1.0, 0.0, 0.0)), n=1, tools=("AStar",))


@pytest.mark.parametrize("mix", [Mix(0.0, 1.0, 0.0), Mix(0.0, 0.0, 1.0)])
def test_a_picture_without_a_map_is_refused(mix: Mix) -> None:
    blank = ArrayImage(np.full((128, 128, 3), 40, np.uint8))
    task = Task("blank/0", "vsp_navigation", "Go.", (blank,), answer_type="plan", meta={"rows": ["SG", "FF"]})
    with pytest.raises(UsageError, match="shows no player or no goal"):
        play(ApprenticeAgent(mix), n=1, tasks=[task])
