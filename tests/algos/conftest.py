"""A task that any learner must solve: answer yes to one prompt and no to the other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import ClassVar

import gymnasium as gym
import pytest

from adagym.envs.base import ToolEnv
from adagym.protocol import DIALECTS
from adagym.types import Task

TASKS = tuple(
    Task(f"yes-no/{prompt}", "yes_no", prompt, answer=answer, answer_type="yes_no")
    for prompt, answer in (("left", "yes"), ("right", "yes"))
)


class YesNo(ToolEnv):
    """Rewards ``yes`` to ``left`` and ``no`` to ``right``; offers no tool."""

    env_id = "adagym-tests/YesNo-v0"
    family = "yes_no"
    default_tools: ClassVar[tuple[str, ...]] = ()


@pytest.fixture(scope="session")
def yes_no() -> Iterator[str]:
    """The id of the environment; its tasks are given as ``env={"tasks": yes_no_tasks}``."""
    gym.register(YesNo.env_id, entry_point=YesNo)
    yield YesNo.env_id
    del gym.registry[YesNo.env_id]


@pytest.fixture
def yes_no_tasks() -> tuple[Task, ...]:
    return TASKS


@pytest.fixture
def blind_answers() -> list[tuple[Task, str]]:
    """Well-formed answers that know nothing of the question."""
    draw = random.Random(0)
    dialect = DIALECTS.load("adareasoner")
    return [(draw.choice(TASKS), dialect.write_answer(draw.choice(("yes", "no")), "Hm.")) for _ in range(64)]
