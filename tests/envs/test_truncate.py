"""Ending an episode from outside: scored as it stands, stored and replayed like any other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from gymnasium.error import ResetNeeded

from adagym.agents.base import Agent, Conversation, Reply
from adagym.algos.collect import Collector, Job
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.protocol import DIALECTS
from adagym.store import dump, replay
from adagym.types import ToolCall

TASKS = "vsp-generated:sides=3-4,n=8,seed=3"
POINT = DIALECTS.load("adareasoner").write_call(ToolCall("Point", {"image": "img_1", "description": "Elf"}), "I look.")
ANSWER = DIALECTS.load("adareasoner").write_answer("L", "I know.")


@pytest.fixture
def env() -> VSPNavigation:
    env = VSPNavigation(TASKS)
    env.reset(seed=0, options={"task": 2})
    return env


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_the_episode_ends_as_it_stands(env: VSPNavigation, turns: int) -> None:
    for _ in range(turns):
        env.step(POINT)
    running = env.trajectory()
    ended = env.truncate()
    assert (running.outcome, running.reward, running.reward_parts) == ("running", None, {})
    assert ended.outcome == "truncated"
    # Without an answer the format is not met, so nothing is earned, whatever the tools scored.
    assert ended.reward == 0
    assert ended.reward_parts == {"format": 0.0, "tool": 4.0 if turns else 0.0, "accuracy": 0.0}
    assert ended.messages == running.messages
    assert ended.actions == running.actions
    assert [step.truncated for step in ended.steps] == [False] * (turns - 1) + [True] * bool(turns)
    assert not any(step.terminated for step in ended.steps)
    assert dump(ended) == dump(env.trajectory())


def test_the_last_step_carries_the_reward() -> None:
    env = VSPNavigation(TASKS, reward="adareasoner_code")
    env.reset(seed=0)
    env.step(POINT)
    ended = env.truncate()
    assert ended.reward == ended.steps[-1].reward


def test_an_episode_ends_once(env: VSPNavigation) -> None:
    env.truncate()
    with pytest.raises(ResetNeeded, match=r"before `truncate\(\)`"):
        env.truncate()
    with pytest.raises(ResetNeeded, match=r"before `step\(\)`"):
        env.step(POINT)
    env.reset(seed=1)
    assert env.step(ANSWER)[2]
    with pytest.raises(ResetNeeded):
        env.truncate()


def test_nothing_runs_before_reset() -> None:
    with pytest.raises(ResetNeeded):
        VSPNavigation(TASKS).truncate()


def test_a_snapshot_goes_on(env: VSPNavigation) -> None:
    env.step(POINT)
    before = env.snapshot()
    env.truncate()
    env.restore(before)
    assert env.trajectory().outcome == "running"
    assert env.step(ANSWER)[2]


@pytest.mark.parametrize("turns", [0, 2])
def test_it_replays(env: VSPNavigation, turns: int) -> None:
    for _ in range(turns):
        env.step(POINT)
    ended = env.truncate()
    assert dump(replay(ended)) == dump(ended)


class Forgetful(Agent):
    """Calls a tool once, then can hold no more; at odd tasks it cannot even begin."""

    name = "forgetful"

    def __init__(self) -> None:
        super().__init__()
        self.finished: list[str] = []

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        return [POINT for _ in conversations]

    def poll(self) -> list[Reply]:
        full = {c.key for c in self._waiting if c.turn or c.seed % 2}
        return [Reply(reply.key, full=True) if reply.key in full else reply for reply in super().poll()]

    def finish(self, key: str) -> None:
        super().finish(key)
        self.finished.append(key)


def test_a_full_agent_truncates_its_episode() -> None:
    agent = Forgetful()
    collector = Collector(lambda: VSPNavigation(TASKS), agent, 3)
    rollouts = list(collector.collect(Job(n, seed=n) for n in range(8)))
    assert len(rollouts) == len(set(agent.finished)) == 8
    assert {rollout.trajectory.outcome for rollout in rollouts} == {"truncated"}
    assert {rollout.trajectory.reward for rollout in rollouts} == {0.0}
    assert {len(rollout.trajectory.steps) for rollout in rollouts} == {0, 1}
    assert all(dump(replay(rollout.trajectory)) == dump(rollout.trajectory) for rollout in rollouts)
