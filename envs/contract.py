"""What every environment of the suite owes: the checks behind ``adagym.testing.check_env``."""

from __future__ import annotations

import inspect
import pickle
import re
import warnings
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env as check_gymnasium

from adagym.envs.base import ToolEnv
from adagym.protocol import DIALECTS
from adagym.testing.checks import (
    HOSTILE,
    HOSTILE_RAISED,
    INFO,
    INFO_KEYS,
    NO_END,
    NOT_A_TOOL_ENV,
    NOT_DETERMINISTIC,
    NOT_PICKLABLE,
    OBSERVATION_OUTSIDE,
    PAGE,
    PAGE_ARGUMENTS,
    PAGE_SECTION,
    REWARD_EARLY,
    SAMPLE_INVALID,
    SAMPLE_OUTSIDE,
    SNAPSHOT_DIFFERS,
    STEP_AFTER_END,
    check_pickle,
    digest,
)

_MAX_STEPS = 200


def check_contract(env: str | gym.Env[Any, Any], seed: int = 0) -> None:
    """See :func:`adagym.testing.check_env`."""
    inner = (gym.make(env) if isinstance(env, str) else env).unwrapped
    assert isinstance(inner, ToolEnv), NOT_A_TOOL_ENV.format(type(inner).__name__)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if inner.spec is None:
            warnings.filterwarnings("ignore", message=".*not having a spec.*")
        check_gymnasium(inner)
    check_page(type(inner))
    _check_spaces(inner, seed)
    actions = play(inner, seed)
    first = digest(inner.trajectory())
    _replay(inner, seed, actions)
    assert digest(inner.trajectory()) == first, NOT_DETERMINISTIC
    check_pickle(inner.trajectory(), "The trajectory", digest)
    _check_snapshot(inner, seed, actions)
    _check_hostile(inner, seed)


def check_page(env_class: type[Any]) -> None:
    """Check that a class docstring has the sections of :data:`PAGE` and documents the constructor's arguments."""
    page = inspect.getdoc(env_class) or ""
    position = 0
    for section in PAGE:
        found = page.find(f"## {section}\n", position)
        assert found >= 0, PAGE_SECTION.format(env_class.__name__, section)
        position = found
    table = page.split("## Arguments\n")[1].split("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    expected = _arguments(env_class)
    assert named == expected, PAGE_ARGUMENTS.format(env_class.__name__, named, expected)


def _arguments(env_class: type[Any]) -> list[str]:
    """Names of the constructor's arguments; ``**arguments`` stands for those of the base class."""
    names = []
    for name, parameter in inspect.signature(env_class).parameters.items():
        more = (
            _arguments(env_class.__base__) if parameter.kind is parameter.VAR_KEYWORD and env_class.__base__ else [name]
        )
        names += [argument for argument in more if argument not in names]
    return names


def _check_info(info: dict[str, Any], where: str) -> None:
    assert tuple(info) == INFO, INFO_KEYS.format(where, INFO, tuple(info))


def _check_spaces(env: ToolEnv, seed: int) -> None:
    env.reset(seed=seed)
    for space in (env.observation_space, env.action_space):
        space.seed(seed)
        assert space.sample() in space, SAMPLE_OUTSIDE.format(space)
        assert pickle.loads(pickle.dumps(space)) == space, NOT_PICKLABLE.format(space, "the copy differs")
    dialect = DIALECTS.load(env.trajectory().dialect)
    for _ in range(20):
        action = env.action_space.sample()
        parsed = dialect.parse(action)
        assert (parsed.error, parsed.format_ok) == (None, True), SAMPLE_INVALID.format(action)


def play(env: ToolEnv, seed: int) -> list[str]:
    """Play one episode of sampled actions to its end and check every step; returns the actions."""
    observation, info = env.reset(seed=seed)
    assert observation in env.observation_space, OBSERVATION_OUTSIDE.format("reset()")
    _check_info(info, "reset()")
    env.action_space.seed(seed)
    space = env.action_space
    # A call first, so that the episode has more than one turn.
    actions = [space.sample_call() if space.tools else space.sample()]
    for _ in range(_MAX_STEPS):
        observation, reward, terminated, truncated, info = env.step(actions[-1])
        assert observation in env.observation_space, OBSERVATION_OUTSIDE.format("step()")
        _check_info(info, "step()")
        if terminated or truncated:
            break
        assert reward == 0.0, REWARD_EARLY.format(reward)
        actions.append(space.sample())
    else:
        raise AssertionError(NO_END.format(_MAX_STEPS))
    try:
        env.step(actions[-1])
    except ResetNeeded:
        return actions
    raise AssertionError(STEP_AFTER_END)


def _replay(env: ToolEnv, seed: int, actions: Sequence[str]) -> None:
    env.reset(seed=seed)
    for action in actions:
        env.step(action)


def _check_snapshot(env: ToolEnv, seed: int, actions: Sequence[str]) -> None:
    _replay(env, seed, actions[:-1])
    snapshot = pickle.loads(pickle.dumps(env.snapshot()))
    env.step(actions[-1])
    expected = digest(env.trajectory())
    env.reset(seed=seed + 1)
    env.restore(snapshot)
    env.step(actions[-1])
    assert digest(env.trajectory()) == expected, SNAPSHOT_DIFFERS


def _check_hostile(env: ToolEnv, seed: int) -> None:
    for action in HOSTILE:
        env.reset(seed=seed)
        try:
            observation, _, _, _, info = env.step(action)
        except Exception as error:  # whatever it raises breaks the contract
            raise AssertionError(HOSTILE_RAISED.format(repr(action)[:80], repr(error))) from error
        assert observation in env.observation_space, OBSERVATION_OUTSIDE.format(f"step({repr(action)[:80]})")
        _check_info(info, f"step({repr(action)[:80]})")
