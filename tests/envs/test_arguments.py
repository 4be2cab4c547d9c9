"""Which tasks and arguments an environment takes, and what it says to the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import adagym  # noqa: F401  (registers the ids)
from adagym.envs.tasks import load_tasks
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import DataError, UnknownName, UsageError

TASKS = "vsp-generated:sides=3-4,n=30,seed=3"


def test_a_task_can_be_chosen() -> None:
    env = VSPNavigation(TASKS)
    third = env.tasks[3]
    for wanted in (3, np.int64(3), third.id, third, replace(third)):
        assert env.reset(options={"task": wanted})[1]["task_id"] == third.id
    foreign = load_tasks("vsp-generated:sides=5,n=1", "vsp_navigation")[0]
    assert env.reset(options={"task": foreign})[1]["task_id"] == foreign.id


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": 30}, "from 0 to 29"),
        ({"task": -1}, "from 0 to 29"),
        ({"task": 1.0}, "from 0 to 29"),
        ({"task": "no-such-id"}, "named like"),
        ({"tsk": 1}, "not 'tsk'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        VSPNavigation(TASKS).reset(options=options)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tasks": "vsp-generatd"}, UnknownName, "Did you mean `vsp-generated`"),
        ({"tasks": "vsp:/no/such/folder"}, DataError, "/no/such/folder"),
        ({"tasks": []}, UsageError, "no tasks"),
        ({"tools": ["Pont"]}, UnknownName, "Did you mean `Point`"),
        ({"dialect": "xml"}, UnknownName, "no dialect `xml`"),
        ({"reward": "tool_grop"}, UnknownName, "Did you mean `tool_grpo`"),
        ({"max_turns": 0}, UsageError, "max_turns"),
        ({"max_turns": 2.5}, UsageError, "max_turns"),
        ({"max_turns": True}, UsageError, "max_turns"),
        ({"prompt": "long"}, UsageError, "prompt must be"),
        ({"render_mode": "human"}, UsageError, "render_mode must be"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        VSPNavigation(**arguments)


def test_an_unknown_id_is_gymnasiums_error() -> None:
    with pytest.raises(gym.error.NameNotFound, match="VSPNavigation"):
        gym.make("adagym/VSPNavigatoin-v0")
