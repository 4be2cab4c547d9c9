"""The contract kit passes what is right and names what is wrong."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import adagym  # noqa: F401  (registers the ids)
from adagym.agents.base import Agent, Conversation
from adagym.agents.random import RandomAgent
from adagym.envs.base import ToolEnv
from adagym.envs.contract import check_page
from adagym.envs.tasks import load_tasks
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.protocol import DIALECTS
from adagym.protocol.adareasoner import DIALECT
from adagym.protocol.tags import TagDialect
from adagym.rewards import REWARDS
from adagym.testing import checks as testing
from adagym.tools import TOOLS
from adagym.types import ArrayImage, Message, Observation, ParsedAction, Task, TextBlock, ToolCall, Trajectory

TASKS = "vsp-generated:sides=3,n=10,seed=1"


def pattern(message: str) -> str:
    """A message up to its first slot, as a regular expression."""
    return re.escape(message.split("{")[0])


@pytest.mark.parametrize("name", DIALECTS.names())
def test_dialects_pass(name: str) -> None:
    testing.check_dialect(name)


@pytest.mark.parametrize("name", TOOLS.names())
def test_tools_pass(name: str) -> None:
    tasks = load_tasks(TASKS, "vsp_navigation")
    testing.check_tool(name, [tasks[0].images[0].load()])
    testing.check_tool(name)


@pytest.mark.parametrize("name", REWARDS.names())
def test_rewards_pass(name: str) -> None:
    testing.check_reward(name)


@pytest.mark.parametrize("family", ["vsp_navigation", "vsp_verification"])
def test_task_sources_pass(family: str) -> None:
    testing.check_task_source(load_tasks(TASKS, family), family)


def test_the_random_agent_passes() -> None:
    testing.check_agent(RandomAgent())


class Renamed(VSPNavigation):
    """A page without sections."""


class Random(VSPNavigation):
    """Not deterministic."""

    __doc__ = VSPNavigation.__doc__
    count = itertools.count()

    def step(self, action: str) -> Any:
        """Append a counter to the transcript."""
        result = super().step(action)
        self.messages.append(Message("user", (TextBlock(str(next(self.count))),)))
        return result


class Early(VSPNavigation):
    """Rewards every step."""

    __doc__ = VSPNavigation.__doc__

    def step(self, action: str) -> Any:
        """Give 1."""
        observation, _, *rest = super().step(action)
        return observation, 1.0, *rest


class Outside(VSPNavigation):
    """Observes a number."""

    __doc__ = VSPNavigation.__doc__

    def reset(self, **kwargs: Any) -> tuple[Observation, dict[str, Any]]:
        """Return a text that is none."""
        observation, info = super().reset(**kwargs)
        return {**observation, "text": 5}, info


class Raising(VSPNavigation):
    """Cannot take a number."""

    __doc__ = VSPNavigation.__doc__

    def step(self, action: str) -> Any:
        """Use the action as a string."""
        return super().step(action + "")


class Forgetful(VSPNavigation):
    """Loses the steps in a snapshot."""

    __doc__ = VSPNavigation.__doc__

    def snapshot(self) -> Any:
        """Drop the steps."""
        snapshot = super().snapshot()
        return replace(snapshot, episode=replace(snapshot.episode, steps=[]))


class Chatty(VSPNavigation):
    """Adds a key to info."""

    __doc__ = VSPNavigation.__doc__

    def _info(self, *args: Any) -> dict[str, Any]:
        return {**super()._info(*args), "more": 1}


@pytest.mark.parametrize(
    ("env_class", "message"),
    [
        (Renamed, testing.PAGE_SECTION),
        (Random, testing.NOT_DETERMINISTIC),
        (Early, testing.REWARD_EARLY),
        (Outside, "The first element returned by `env.reset()` is not within"),
        (Raising, testing.HOSTILE_RAISED),
        (Forgetful, testing.SNAPSHOT_DIFFERS),
        (Chatty, testing.INFO_KEYS.replace("{}: ", "")),
    ],
)
def test_wrong_environments_are_named(env_class: type[ToolEnv], message: str) -> None:
    with pytest.raises(AssertionError, match=pattern(message)):
        testing.check_env(env_class(TASKS, max_turns=20))


def test_other_environments_are_named() -> None:
    with pytest.raises(AssertionError, match="not FrozenLakeEnv"):
        testing.check_env("FrozenLake-v1")


def test_undocumented_arguments_are_named() -> None:
    class More(VSPNavigation):
        __doc__ = VSPNavigation.__doc__

        def __init__(self, tasks: Any = None, *, colour: str = "red") -> None:
            super().__init__(tasks)

    with pytest.raises(AssertionError, match=r"the signature names \['tasks', 'colour'\]"):
        check_page(More)


_count = itertools.count()


def impure(task: Task, trajectory: Trajectory) -> float | None:
    return float(next(_count))


def infinite(task: Task, trajectory: Trajectory) -> float | None:
    return float("inf")


def scores_everything(task: Task, trajectory: Trajectory) -> float | None:
    return 1.0


def meddles(task: Task, trajectory: Trajectory) -> float | None:
    trajectory.steps[0].observation["text"] += "!"
    return None


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (impure, testing.REWARD_IMPURE),
        (infinite, testing.REWARD_KIND),
        (scores_everything, testing.REWARD_SCORES_INFRA),
        (meddles, testing.REWARD_MUTATES),
    ],
)
def test_wrong_rewards_are_named(reward: Callable[[Task, Trajectory], float | None], message: str) -> None:
    with pytest.raises(AssertionError, match=pattern(message)):
        testing.check_reward(reward)


class OneText(Agent):
    """Answers the first conversation only."""

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write one text."""
        return ["x"]


class Numbers(Agent):
    """Writes numbers."""

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write numbers."""
        return [5 for _ in conversations]


class Global(Agent):
    """Ignores the conversation's seed."""

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write a counter."""
        return [str(next(_count)) for _ in conversations]


@pytest.mark.parametrize(
    ("agent", "message"),
    [(OneText(), testing.AGENT_COUNT), (Numbers(), testing.AGENT_TEXT), (Global(), testing.AGENT_SEED)],
)
def test_wrong_agents_are_named(agent: Agent, message: str) -> None:
    with pytest.raises(AssertionError, match=pattern(message)):
        testing.check_agent(agent)


def task(index: int = 0, **changes: Any) -> Task:
    return replace(Task(f"t/{index}", "f", "?", (ArrayImage(np.zeros((4, 4, 3), np.uint8)),)), **changes)


class Drifting(list[Task]):
    """Gives another task at every reading."""

    def __getitem__(self, index: Any) -> Any:
        """Count up."""
        return task(next(_count))


class Endless(list[Task]):
    """Never ends."""

    def __getitem__(self, index: Any) -> Any:
        """Always find a task."""
        return task(index, images=())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], testing.SOURCE_EMPTY),
        (Drifting([task()]), testing.SOURCE_UNSTABLE),
        (Endless([task()]), testing.SOURCE_RANGE),
        ([task(images=()), task(images=())], testing.SOURCE_IDS),
        ([task(images=(), meta={"rows": {1, 2}})], testing.SOURCE_META),
        ([task(images=(), family="g")], testing.SOURCE_FAMILY),
        ([task(images=(ArrayImage(np.zeros((4, 4), np.uint8)),))], testing.SOURCE_IMAGE),
    ],
)
def test_wrong_task_sources_are_named(source: Sequence[Task], message: str) -> None:
    with pytest.raises(AssertionError, match=pattern(message)):
        testing.check_task_source(source, "f")


class Fragile(TagDialect):
    """Raises on what is not a string."""

    def parse(self, text: object) -> ParsedAction:
        """Strip first."""
        text.strip()
        return super().parse(text)


class Silent(TagDialect):
    """Sets neither call nor answer nor error on bad text."""

    def parse(self, text: object) -> ParsedAction:
        """Swallow errors."""
        return replace(super().parse(text), error=None)


class Mangling(TagDialect):
    """Writes another tool's name."""

    def write_call(self, call: ToolCall, think: str = "") -> str:
        """Rename."""
        return super().write_call(replace(call, name="Other"), think)


class Hiding(TagDialect):
    """Does not show pictures."""

    def observe(self, result: Any, image_names: Sequence[str]) -> Message:
        """Drop the pictures."""
        return super().observe(replace(result, images=()), ())


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        (Fragile, testing.DIALECT_RAISED),
        (Silent, testing.DIALECT_NOT_ONE),
        (Mangling, testing.DIALECT_CALL),
        (Hiding, testing.DIALECT_IMAGES),
    ],
)
def test_wrong_dialects_are_named(dialect: type[TagDialect], message: str) -> None:
    fields = {name: getattr(DIALECT, name) for name in DIALECT.__dataclass_fields__}
    with pytest.raises(AssertionError, match=pattern(message)):
        testing.check_dialect(dialect(**fields))


def test_a_digest_sees_every_byte_but_not_time() -> None:
    env: Any = gym.make("adagym/VSPNavigation-v0", tasks=TASKS).unwrapped
    env.reset(seed=0)
    call = ToolCall("Point", {"image": "img_1", "description": "gift"})
    env.step(DIALECT.write_call(call, "x"))
    trajectory: Trajectory = env.trajectory()
    (step,) = trajectory.steps
    assert step.result is not None
    same = replace(trajectory, steps=(replace(step, result=replace(step.result, seconds=99.0)),))
    assert testing.digest(same) == testing.digest(trajectory)
    changed = step.result.images[0].copy()
    changed[0, 0, 0] ^= 1
    other = replace(trajectory, steps=(replace(step, result=replace(step.result, images=(changed,))),))
    assert testing.digest(other) != testing.digest(trajectory)
    assert testing.digest(replace(trajectory, outcome="truncated")) != testing.digest(trajectory)
