"""GRPO, third rung: a task that it must solve."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from adagym.algos.grpo import LossConfig
from adagym.algos.learner import GRPO, GRPOConfig
from adagym.algos.optim import OptimConfig
from adagym.envs.base import ToolEnv
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.types import Task


@pytest.mark.filterwarnings("ignore:The reward part `part_tool`")
@pytest.mark.parametrize(
    ("seed", "options"),
    [(0, {}), (1, {}), (2, {"std_normalise": False, "minibatches": 2}), (3, {"kl": 0.01, "micro_batch": 5})],
)
def test_it_must_solve_a_trivial_task(
    cold_policy: Callable[[], HFPolicy],
    yes_no: type[ToolEnv],
    yes_no_tasks: tuple[Task, ...],
    seed: int,
    options: dict[str, float],
) -> None:
    rate = OptimConfig(lr=5e-3, muon_lr=5e-3, warmup=0, final=0.1)
    config = GRPOConfig(
        steps=40,
        prompts=4,
        group_size=8,
        seed=seed,
        env={"tasks": yes_no_tasks, "reward": "accuracy"},
        sampler=SamplerConfig(slots=32, max_tokens=160, max_new_tokens=24),
        loss=LossConfig(optim=rate, **options),
    )
    learner = GRPO(cold_policy(), yes_no.env_id, config).learn()
    rewards = [metrics["reward"] for metrics in learner.history]
    assert np.mean(rewards[:3]) < 0.8
    assert np.mean(rewards[-5:]) >= 0.95
    drifts = [metrics["drift"] for metrics in learner.history if "drift" in metrics]
    assert max(drifts) < 1e-3
    assert not any(metrics["unscored"] for metrics in learner.history)
