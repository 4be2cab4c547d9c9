"""A task that any learner must solve: of two well-formed answers, one is rewarded."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest

from adagym.envs.base import ToolEnv
from adagym.protocol import DIALECTS
from adagym.types import ArrayImage, Message, Task

if TYPE_CHECKING:
    from adagym.algos.grpo import LossConfig
    from adagym.algos.learner import GRPO
    from adagym.algos.mixture import Source
    from adagym.policies.hf import HFPolicy


class YesNo(ToolEnv):
    """The right answer is always yes. There are no tools."""

    env_id = "adagym-tests/YesNo-v0"
    family = "yes_no"
    default_tools: ClassVar[tuple[str, ...]] = ()


@pytest.fixture(scope="session")
def yes_no() -> Iterator[type[YesNo]]:
    """The environment, registered; its tasks are given as ``env={"tasks": yes_no_tasks}``."""
    gym.register(YesNo.env_id, entry_point=YesNo)
    yield YesNo
    del gym.registry[YesNo.env_id]


@pytest.fixture(scope="session")
def yes_no_tasks() -> tuple[Task, ...]:
    """Six tasks, each with a picture of its own."""
    pictures = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3)).astype(np.uint8)
    return tuple(
        Task(f"yes-no/{n}", "yes_no", "left", (ArrayImage(picture),), answer="yes", answer_type="yes_no")
        for n, picture in enumerate(pictures)
    )


@pytest.fixture(scope="session")
def blind_conversations(yes_no_tasks: tuple[Task, ...]) -> list[tuple[Message, ...]]:
    """Well-formed answers that know nothing of the question."""
    draw, dialect, env = random.Random(0), DIALECTS.load("adareasoner"), YesNo(yes_no_tasks)
    conversations = []
    for _ in range(64):
        env.reset(options={"task": draw.randrange(len(yes_no_tasks))})
        env.step(dialect.write_answer(draw.choice(("yes", "no")), "Hm."))
        conversations.append(tuple(env.messages))
    return conversations


@pytest.fixture(scope="session")
def cold_policy(
    new_policy: Callable[[int], HFPolicy], blind_conversations: list[tuple[Message, ...]]
) -> Callable[[], HFPolicy]:
    """Makes a policy that has learnt the form of an answer and nothing else; always the same one."""
    from adagym.algos.optim import OptimConfig
    from adagym.algos.sft import SFTConfig, tokenise, train

    taught = new_policy(0)
    stop = DIALECTS.load("adareasoner").stop
    traces = itertools.cycle([tokenise(taught.encoder, messages, stop) for messages in blind_conversations])
    config = SFTConfig(steps=100, batch_size=8, optim=OptimConfig(lr=1e-2, muon_lr=1e-2, final=0.1))
    train(taught, traces, config, lambda step, loss: None)
    state = taught.model.state_dict()

    def make() -> HFPolicy:
        policy = new_policy(0)
        policy.model.load_state_dict(state)
        policy.set_freeze_vision(True)
        return policy

    return make


@pytest.fixture
def make(
    cold_policy: Callable[[], HFPolicy], yes_no: type[YesNo], yes_no_tasks: tuple[Task, ...]
) -> Callable[..., GRPO]:
    """Makes a learner with a fresh copy of the cold policy."""
    from adagym.algos.grpo import LossConfig
    from adagym.algos.learner import GRPO, GRPOConfig
    from adagym.algos.optim import OptimConfig
    from adagym.policies.sampler import SamplerConfig

    def build(sources: str | list[Source] = yes_no.env_id, loss: LossConfig | None = None, **options: Any) -> GRPO:
        rate = OptimConfig(lr=3e-3, muon_lr=3e-3, warmup=0.3, final=0.5)
        settings: dict[str, Any] = {
            "steps": 4,
            "prompts": 2,
            "group_size": 4,
            "env": {"tasks": yes_no_tasks, "reward": "accuracy"} if isinstance(sources, str) else {},
            "sampler": SamplerConfig(slots=8, max_tokens=160, max_new_tokens=24, admit=2),
            "loss": loss or LossConfig(optim=rate),
            "save_every": 2,
            "tensorboard": False,
        }
        return GRPO(cold_policy(), sources, GRPOConfig(**(settings | options)))

    return build
