"""The contract kit: one function per kind of thing, so that the test of a plugin is a few lines.

.. code-block:: python

    from adagym.testing import check_env, check_tool

    def test_my_env():
        check_env("my/Env-v0")

    def test_my_tool():
        check_tool("MyTool")

Each function returns None or raises ``AssertionError`` with one of the messages below. What a check needs is
imported when it runs.
"""

from __future__ import annotations

import hashlib
import json
import math
import pickle
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import gymnasium as gym

    from adagym.agents.base import Agent, Conversation
    from adagym.protocol import Dialect
    from adagym.types import Array, Task, ToolSpec, Trajectory

NOT_A_TOOL_ENV = "The environment must derive from adagym.envs.base.ToolEnv, not {}."
OBSERVATION_OUTSIDE = "{}: the observation is outside the observation space."
INFO_KEYS = "{}: info must have exactly the keys {}; it has {}."
REWARD_EARLY = "A reward of {} came before the end of the episode; rewards come with the last step only."
NO_END = "The episode did not end within {} steps of sampled actions."
STEP_AFTER_END = "step() after the end of an episode must raise gymnasium.error.ResetNeeded."
NOT_DETERMINISTIC = "The same task, seed and actions gave two different trajectories."
HOSTILE_RAISED = "step({}) raised {}; whatever an agent writes must become an observation."
SNAPSHOT_DIFFERS = "An episode continued from a snapshot differs from the original."
NOT_PICKLABLE = "{} cannot be pickled, or changes when it is: {}."
SAMPLE_OUTSIDE = "A sample of {} is not contained in it."
SAMPLE_INVALID = "The action space drew an action with a parse error or loose format: {!r}."
PAGE_SECTION = "The docstring of {} lacks the section `## {}`, or has it out of order."
PAGE_ARGUMENTS = "The section Arguments of {} names {}; the signature names {}."
TOOL_SCHEMA = "The tool {} must have a JSON schema of type object in which every parameter is described."
TOOL_RAISED = "The tool {} raised {} for the arguments {}; an executor returns failures as results."
TOOL_EMPTY_CALL = "The tool {} needs {}, but a call without arguments gave error code {} instead of 205."
TOOL_UNCHECKED = "The tool {} left the call check of its result unfilled."
TOOL_CHANGED_IMAGE = "The tool {} changed a picture it was given; draw on a copy."
REWARD_KIND = "The reward must return a finite float or None, not {!r}."
REWARD_IMPURE = "The reward gave {!r} and then {!r} for the same trajectory; it must be a pure function."
REWARD_MUTATES = "The reward changed the trajectory it was given."
REWARD_SCORES_INFRA = "The reward scored an infrastructure failure with {!r}; it must return None."
AGENT_COUNT = "act() must write one text per conversation: {} conversations, {} texts."
AGENT_TEXT = "act() must return strings, not {!r}."
AGENT_KEYS = "poll() must answer every submitted conversation once: submitted {}, answered {}."
AGENT_SEED = "The agent wrote different texts for conversations with equal seeds: {!r} and {!r}."
SOURCE_EMPTY = "The task source is empty."
SOURCE_UNSTABLE = "Task {} differs between two readings; a source must be a function of its arguments."
SOURCE_RANGE = "Reading past the end must raise IndexError."
SOURCE_IDS = "Two tasks share the id {!r}."
SOURCE_META = "The meta of task {!r} is not JSON: {}."
SOURCE_IMAGE = "A picture of task {!r} is not an array (height, width, 3) of uint8."
SOURCE_FAMILY = "Task {!r} is of the family {!r}, expected {!r}."
DIALECT_CALL = "The written call {!r} was read back as {!r}."
DIALECT_ANSWER = "The written answer {!r} was read back as {!r}."
DIALECT_LOOSE = "What the dialect writes itself must have format_ok: {!r}."
DIALECT_RAISED = "parse({}) raised {}; parsing must never raise."
DIALECT_NOT_ONE = "parse({}) must set exactly one of call, answer and error."
DIALECT_TOOLS = "The system prompt does not name the tool {}."
DIALECT_IMAGES = "observe() must show each picture under its name, in order."

INFO = ("task_id", "turn", "call", "result", "parse_error", "reward_parts", "outcome")
"""Keys of every info."""

PAGE = (
    "Description",
    "Prompt",
    "Action Space",
    "Observation Space",
    "Rewards",
    "Starting State",
    "Episode End",
    "Arguments",
    "Version History",
)
"""Sections of an environment's class docstring, in order."""

HOSTILE: tuple[Any, ...] = (
    42,
    None,
    3.5,
    b"bytes",
    ["<tool_call>"],
    {"name": "Point"},
    "",
    " \n\t",
    "\ud800",
    "\x00\x01",
    "<tool_call>",
    "</tool_call>",
    "<tool_call></tool_call>",
    "<tool_call>[1, 2]</tool_call>",
    '<tool_call>{"name": "NoSuchTool", "parameters": {}, "arguments": {}}</tool_call>',
    '<tool_call>{"name": "Point", "parameters": {"image": NaN}}</tool_call>',
    '<tool_call>{"name": 5, "parameters": []}</tool_call>',
    "<tool_call>" + "[" * 5000 + "]" * 5000 + "</tool_call>",
    "x" * 10_000_000,
)
"""Actions that must become observations."""


def digest(trajectory: Trajectory) -> str:
    """Hash everything of an episode but wall time: texts, pictures, results, rewards, outcome."""
    from adagym.store import dump

    return hashlib.sha256(dump(trajectory)).hexdigest()


def check_pickle(value: Any, name: str, identity: Callable[[Any], object]) -> None:
    """Check that a value survives pickling; ``identity`` maps it to something comparable."""
    try:
        copy = pickle.loads(pickle.dumps(value))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise AssertionError(NOT_PICKLABLE.format(name, error)) from error
    assert identity(copy) == identity(value), NOT_PICKLABLE.format(name, "the copy differs")


def check_env(env: str | gym.Env[Any, Any], *, seed: int = 0) -> None:
    """Check an environment: Gymnasium's own check with warnings as errors, the suite's contract, and its page.

    Args:
        env: A registered id, or an environment.
        seed: Seeds the episodes.
    """
    from adagym.envs.contract import check_contract

    check_contract(env, seed)


def check_tool(name: str, images: Sequence[Array] = ()) -> None:
    """Check a registered tool: its schema, its failures, and that it leaves its pictures alone.

    Args:
        name: A registered name.
        images: Pictures the tool is tried on, ``(height, width, 3)`` ``uint8``; none: a plain one.
    """
    from adagym.spaces import ActionText, Situation
    from adagym.tools.executor import Executor
    from adagym.types import ToolCall

    executor = Executor((name,))
    (spec,) = executor.specs
    properties = spec.parameters.get("properties", {})
    described = all(schema.get("description") for schema in properties.values())
    assert all((spec.description, spec.parameters.get("type") == "object", described)), TOOL_SCHEMA.format(name)
    pictures = images or (np.full((192, 192, 3), 255, np.uint8),)
    named = {f"img_{number}": picture for number, picture in enumerate(pictures, 1)}
    before = [picture.copy() for picture in pictures]
    space = ActionText("hermes", executor.specs, seed=0)
    space.situation = Situation(named)
    sampled = [space.sample_arguments(spec) for _ in range(20)]
    for arguments in ({}, *sampled, *_spoiled(spec)):
        try:
            result = executor.run(ToolCall(name, arguments), named)
        except Exception as error:  # whatever it raises breaks the contract
            raise AssertionError(TOOL_RAISED.format(name, repr(error), repr(arguments)[:200])) from error
        assert (result.check.known, result.check.allowed) == (True, spec.properties), TOOL_UNCHECKED.format(name)
        if not arguments and spec.required:
            assert result.error_code == 205, TOOL_EMPTY_CALL.format(name, spec.required, result.error_code)
        check_pickle(result.data, f"The result data of {name}", json.dumps)
    same = all(np.array_equal(left, right) for left, right in zip(pictures, before, strict=True))
    assert same, TOOL_CHANGED_IMAGE.format(name)


def check_reward(
    reward: str | Callable[[Task, Trajectory], float | None], trajectories: Sequence[Trajectory] = ()
) -> None:
    """Check that a reward is a pure, picklable function to a finite float or None.

    Args:
        reward: A registered name, or the function.
        trajectories: Finished episodes to score; none: sampled episodes of VSPNavigation.
    """
    from adagym.rewards import REWARDS

    function = REWARDS.load(reward) if isinstance(reward, str) else reward
    copy = pickle.loads(pickle.dumps(function))
    for trajectory in trajectories or _sampled_trajectories():
        before = digest(trajectory)
        first, second = function(trajectory.task, trajectory), copy(trajectory.task, trajectory)
        number = isinstance(first, int | float) and math.isfinite(first)
        assert first is None or number, REWARD_KIND.format(first)
        assert first == second, REWARD_IMPURE.format(first, second)
        assert digest(trajectory) == before, REWARD_MUTATES
        void = function(trajectory.task, replace(trajectory, outcome="infra_failure", error="down"))
        assert void is None, REWARD_SCORES_INFRA.format(void)


def check_agent(agent: Agent, env: str | gym.Env[Any, Any] = "adagym/VSPNavigation-v0") -> None:
    """Check that an agent answers every conversation, in order, and is a function of the conversation's seed.

    Args:
        agent: The agent; it is closed at the end.
        env: Where the conversations come from: a registered id, or an environment.
    """
    conversations = _conversations(env, ("a", "b", "c"))
    texts = agent.act(conversations) if _overrides_act(agent) else _poll(agent, conversations)
    assert len(texts) == len(conversations), AGENT_COUNT.format(len(conversations), len(texts))
    for text in texts:
        assert isinstance(text, str), AGENT_TEXT.format(text)
    for conversation in conversations:
        agent.finish(conversation.key)
    again = _poll(agent, conversations)
    assert list(again) == list(texts), AGENT_SEED.format(texts, again)
    for conversation in conversations:
        agent.finish(conversation.key)
    agent.close()


def check_task_source(tasks: Sequence[Task], family: str | None = None, *, limit: int = 50) -> None:
    """Check that a task source is a stable, picklable sequence of well-formed tasks.

    Args:
        tasks: The source.
        family: The family every task must have; None: any.
        limit: At most so many tasks are read.
    """
    from adagym.spaces import ImageSpace

    assert len(tasks) > 0, SOURCE_EMPTY
    copy = pickle.loads(pickle.dumps(tasks))
    space = ImageSpace()
    seen: set[str] = set()
    for index in range(min(len(tasks), limit)):
        task = tasks[index]
        plain = [replace(read, images=()) for read in (task, tasks[index], copy[index])]
        assert plain[0] == plain[1] == plain[2], SOURCE_UNSTABLE.format(index)
        assert task.id not in seen, SOURCE_IDS.format(task.id)
        seen.add(task.id)
        assert family in (None, task.family), SOURCE_FAMILY.format(task.id, task.family, family)
        try:
            json.dumps(dict(task.meta))
        except (TypeError, ValueError) as error:
            raise AssertionError(SOURCE_META.format(task.id, error)) from error
        for image in task.images:
            picture, other = image.load(), pickle.loads(pickle.dumps(image)).load()
            assert picture in space, SOURCE_IMAGE.format(task.id)
            assert np.array_equal(picture, other), SOURCE_UNSTABLE.format(index)
    try:
        tasks[len(tasks)]
    except IndexError:
        return
    raise AssertionError(SOURCE_RANGE)


def check_dialect(dialect: str | Dialect) -> None:
    """Check that a dialect reads back what it writes, never raises, and shows tools and pictures.

    Args:
        dialect: A registered name, or the dialect.
    """
    from adagym.protocol import DIALECTS
    from adagym.types import ToolCall, ToolResult, ToolSpec

    spoken: Dialect = DIALECTS.load(dialect) if isinstance(dialect, str) else dialect
    for arguments in ({}, {"image": "img_1", "n": [1, 2.5, None, True]}, {"text": 'é"\\\n{}</x> 🧊'}):
        call = ToolCall("Point", arguments)
        written = spoken.write_call(call, "I look.")
        parsed = spoken.parse(written)
        assert parsed.call == call, DIALECT_CALL.format(written, parsed)
        assert parsed.format_ok, DIALECT_LOOSE.format(written)
    for answer in ("R,R,D", "Yes", "[1, 2, 3, 4]", "{x: {y}}"):
        written = spoken.write_answer(answer, "I know.")
        parsed = spoken.parse(written)
        assert parsed.answer == answer, DIALECT_ANSWER.format(written, parsed)
        assert parsed.format_ok, DIALECT_LOOSE.format(written)
    for text in HOSTILE:
        try:
            parsed = spoken.parse(text)
        except Exception as error:  # whatever it raises breaks the contract
            raise AssertionError(DIALECT_RAISED.format(repr(text)[:80], repr(error))) from error
        count = sum(part is not None for part in (parsed.call, parsed.answer, parsed.error))
        assert count == 1, DIALECT_NOT_ONE.format(repr(text)[:80])
    spec = ToolSpec("Lantern", "Light the scene.", {"type": "object", "properties": {}, "required": []})
    if spoken.name != "openai":  # its tools travel beside the prompt, in the request
        assert "Lantern" in spoken.system_prompt((spec,)), DIALECT_TOOLS.format("Lantern")
    pictures = tuple(np.full((4, 5, 3), value, np.uint8) for value in (1, 2))
    message = spoken.observe(ToolResult("Lantern", "success", images=pictures), ("img_2", "img_3"))
    names = [block.name for block in message.content if hasattr(block, "name")]
    shown = names == ["img_2", "img_3"] and all(map(np.array_equal, message.images, pictures))
    assert shown, DIALECT_IMAGES


def _spoiled(spec: ToolSpec) -> list[dict[str, Any]]:
    """Arguments of wrong types, one parameter at a time and all at once."""
    wrong: tuple[Any, ...] = (None, True, -1, 1e300, "", "img_99", "[[", [], [[]], {}, {"x": "y"}, "é" * 1000)
    return [{name: value for name in spec.properties} for value in wrong] + [{"unknown": 1}]


def _sampled_trajectories() -> list[Trajectory]:
    import gymnasium as gym

    import adagym.envs  # noqa: F401  (registers the id)
    from adagym.envs.contract import play

    env: Any = gym.make("adagym/VSPNavigation-v0", max_turns=4).unwrapped
    trajectories = []
    for seed in range(5):
        play(env, seed)
        trajectories.append(env.trajectory())
    return trajectories


def _conversations(env: str | gym.Env[Any, Any], keys: Sequence[str]) -> list[Conversation]:
    import gymnasium as gym

    from adagym.agents.base import Conversation

    inner: Any = (gym.make(env) if isinstance(env, str) else env).unwrapped
    conversations = []
    for seed, key in enumerate(keys):
        inner.reset(seed=seed)
        task = inner.task
        conversations.append(
            Conversation(
                key=key,
                group=None,
                seed=seed,
                turn=0,
                family=task.family,
                dialect=inner.trajectory().dialect,
                tools=inner.action_space.tools,
                messages=tuple(inner.messages),
                action_space=deepcopy(inner.action_space),  # the env's own follows its episode
                disguise=inner.disguise,
            )
        )
    return conversations


def _overrides_act(agent: Agent) -> bool:
    from adagym.agents.base import Agent as Base

    return type(agent).act is not Base.act


def _poll(agent: Agent, conversations: Sequence[Conversation]) -> list[str]:
    for conversation in conversations:
        agent.submit(conversation)
    texts: dict[str, str] = {}
    answered: list[str] = []
    for _ in range(100_000):
        for reply in agent.poll():
            answered.append(reply.key)
            texts[reply.key] = reply.text
        if len(answered) >= len(conversations):
            break
    keys = [conversation.key for conversation in conversations]
    assert sorted(answered) == sorted(keys), AGENT_KEYS.format(keys, answered)
    return [texts[key] for key in keys]
