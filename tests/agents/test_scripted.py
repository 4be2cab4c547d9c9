"""The expert, the random agent and the seat they are handed."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from adagym.agents.random import PLAN_LENGTH, RandomAgent, random_answer
from adagym.agents.scripted import ExpertAgent, read_scene
from adagym.agents.seat import GymEnv, bare, conversation_at
from adagym.algos.collect import Collector, Job
from adagym.envs.lake import Lake
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.types import Trajectory

ENVS = {"vsp_navigation": "adagym/VSPNavigation-v0", "vsp_verification": "adagym/VSPVerification-v0"}


def make(family: str = "vsp_navigation", **kwargs: object) -> GymEnv:
    env: GymEnv = gym.make(ENVS[family], disable_env_checker=True, **kwargs)
    return env


def play(family: str, agent: ExpertAgent | RandomAgent, episodes: int, **kwargs: object) -> list[Trajectory]:
    collector = Collector(lambda: make(family, **kwargs), agent, 8)
    rollouts = sorted(collector.collect(Job(n, seed=n) for n in range(episodes)), key=lambda rollout: rollout.index)
    collector.close()
    return [rollout.trajectory for rollout in rollouts]


def called(trajectory: Trajectory) -> list[str]:
    return [
        f"{call.name}({call.arguments['description']})" if call.name == "Point" else call.name
        for call in (step.parsed.call for step in trajectory.steps)
        if call is not None
    ]


BLUEPRINT_CALLS = {
    "vsp_navigation": ["Point(Elf)", "Point(Gift)", "Point(Ice Holes)", "AStar"],
    "vsp_verification": ["Point(Elf)", "Point(Ice Holes)"],
}


@pytest.mark.parametrize("family", BLUEPRINT_CALLS)
@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_the_expert_is_right_in_every_dialect(family: str, dialect: str) -> None:
    for trajectory in play(family, ExpertAgent(), 12, dialect=dialect):
        assert called(trajectory) == BLUEPRINT_CALLS[family]
        assert trajectory.outcome == "answered"
        assert trajectory.reward_parts["accuracy"] == 1
        assert trajectory.reward_parts["format"] == 1
        assert trajectory.reward == 8


@pytest.mark.parametrize("family", BLUEPRINT_CALLS)
def test_the_expert_can_draw_the_path_too(family: str) -> None:
    for trajectory in play(family, ExpertAgent(draw=True), 8):
        assert called(trajectory) == [*BLUEPRINT_CALLS[family], "Draw2DPath"]
        assert trajectory.reward_parts["accuracy"] == 1


def test_the_experts_plans_are_shortest() -> None:
    for trajectory in play("vsp_navigation", ExpertAgent(), 20):
        shortest = Lake(tuple(trajectory.task.meta["rows"])).shortest_plan()
        assert shortest is not None
        assert len((trajectory.answer or "").split(",")) == len(shortest)


def test_thoughts_are_constant_per_step() -> None:
    first, *others = play("vsp_navigation", ExpertAgent(), 5)
    thoughts = [step.parsed.think for step in first.steps]
    assert thoughts == [
        "Find the player.",
        "Find the goal.",
        "Find the holes.",
        "Plan a path around the holes.",
        "The path is safe.",
    ]
    assert all([step.parsed.think for step in other.steps] == thoughts for other in others)


def test_both_answers_occur_in_verification() -> None:
    assert {trajectory.answer for trajectory in play("vsp_verification", ExpertAgent(), 12)} == {"Yes", "No"}


def test_an_expert_without_its_tools_says_so() -> None:
    env = make(tools=["Point"])
    env.reset(seed=0)
    agent = ExpertAgent()
    for turn in range(3):
        env.step(agent.act([conversation_at(env, "a", turn=turn)])[0])
    with pytest.raises(UsageError, match="calls AStar, but the environment offers Point"):
        agent.act([conversation_at(env, "a", turn=3)])


def test_an_expert_of_another_family_says_so() -> None:
    env = make()
    env.reset(seed=0)
    conversation = replace(conversation_at(env, "a", turn=0), family="chess")
    with pytest.raises(UsageError, match=r"no blueprint for the family `chess`; it plays .*vsp_navigation"):
        ExpertAgent().act([conversation])


def test_an_expert_needs_a_picture() -> None:
    env = make()
    env.reset(seed=0)
    conversation = replace(conversation_at(env, "a", turn=0), messages=())
    with pytest.raises(UsageError, match="holds none"):
        ExpertAgent().act([conversation])


def test_what_cannot_be_read_is_answered_as_unknown() -> None:
    env = make(dialect="hermes")
    env.reset(seed=0)
    dialect = DIALECTS.load("hermes")
    for _ in range(3):
        env.step("<tool_call>[]</tool_call>")
    conversation = conversation_at(env, "a", turn=3)
    assert read_scene(conversation).results == ({}, {}, {})
    assert dialect.parse(ExpertAgent().act([conversation])[0]).answer == "unknown"


def test_the_expert_by_spec() -> None:
    assert ExpertAgent.from_spec(None).draw is False
    assert ExpertAgent.from_spec("draw").draw is True
    with pytest.raises(UsageError, match="expert:path"):
        ExpertAgent.from_spec("path")


def test_random_plays_are_valid_and_differ_by_seed_alone() -> None:
    first, again = (play("vsp_navigation", RandomAgent(), 40) for _ in range(2))
    assert [trajectory.actions for trajectory in first] == [trajectory.actions for trajectory in again]
    assert len({trajectory.actions for trajectory in first}) > 30
    for trajectory in first:
        assert trajectory.outcome in ("answered", "truncated")
        assert all(step.parsed.format_ok for step in trajectory.steps)
        if trajectory.answer is not None:
            assert len(trajectory.answer.split(",")) == PLAN_LENGTH


def test_random_sampling_leaves_the_environments_space_alone() -> None:
    env = make()
    env.reset(seed=0)
    bare(env).action_space.seed(5)
    expected = bare(env).action_space.sample()
    bare(env).action_space.seed(5)
    RandomAgent().act([conversation_at(env, "a", turn=0, seed=1)])
    assert bare(env).action_space.sample() == expected


def test_random_answers_are_uniform() -> None:
    rng = np.random.default_rng(0)
    answers = [random_answer("vsp_verification", rng) for _ in range(400)]
    assert 160 < answers.count("Yes") < 240
    assert answers.count("Yes") + answers.count("No") == 400
    letters = "".join((random_answer("vsp_navigation", rng) or "").replace(",", "") for _ in range(400))
    assert len(letters) == 400 * PLAN_LENGTH
    assert all(900 < letters.count(letter) < 1100 for letter in "LDRU")
    assert random_answer("jigsaw", rng) is None
