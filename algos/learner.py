"""``GRPO(policy, env_id, config).learn(steps)``: collect groups, score them, update, log, save."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from adagym.agents.policy import PolicyAgent
from adagym.algos import checkpoint
from adagym.algos.collect import Collector, Job, Rollout
from adagym.algos.grpo import LossConfig, UpdateStats, advantages, audit, update
from adagym.algos.metrics import ConstantAlarm, MetricLog, rollout_metrics
from adagym.algos.optim import Optimiser
from adagym.errors import UsageError
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.types import Task

Callback = Callable[[int, Mapping[str, float]], None]
"""Called after each step with its number (from 1) and its metrics."""


@dataclass(frozen=True)
class GRPOConfig:
    """Settings of Tool-GRPO."""

    steps: int = 60
    """Length of the run and of the learning-rate schedule."""
    prompts: int = 8
    """Tasks per step."""
    group_size: int = 8
    """Episodes per task."""
    seed: int = 0
    env: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the environment, for example ``{"tasks": "vsp-generated:sides=4-6-8,split=train"}``."""
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    out: Path | None = None
    """Where metrics and checkpoints go; None keeps neither."""
    save_every: int = 10
    """Steps between checkpoints."""
    tensorboard: bool = True
    """Write TensorBoard events beside the metrics."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.steps, self.prompts, self.save_every) < 1 or self.group_size < 2:
            raise UsageError(f"steps, prompts and save_every must be positive and group_size at least 2: {self}.")
        if self.sampler.temperature != self.loss.temperature:
            raise UsageError(
                f"Sampling at temperature {self.sampler.temperature} and training at {self.loss.temperature} would "
                "compare different distributions; set `sampler.temperature` and `loss.temperature` to one value."
            )


class GRPO:
    """Tool-GRPO on one machine.

    Args:
        policy: Trained in place.
        env_id: A registered environment.
        config: See :class:`GRPOConfig`.

    Attributes:
        step: Steps done.
        history: Metrics of every step done in this process.
    """

    def __init__(self, policy: HFPolicy, env_id: str, config: GRPOConfig) -> None:
        self.policy = policy
        self.env_id = env_id
        self.config = config
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.optimiser = Optimiser(policy.model, config.loss.optim, config.steps * config.loss.minibatches)
        self.reference = copy.deepcopy(policy) if config.loss.kl else None
        self.agent = PolicyAgent(policy, config.sampler)
        self._collector = Collector(self._make_env, self.agent, config.sampler.slots)
        first = self._make_env()
        self._tasks: Sequence[Task] = first.unwrapped.tasks  # type: ignore[attr-defined]
        first.close()
        self._log = MetricLog(config.out, config.tensorboard)
        self._alarm = ConstantAlarm()

    def learn(self, steps: int | None = None, callbacks: Sequence[Callback] = ()) -> GRPO:
        """Train until ``steps`` steps are done in all (default: the configured number).

        Args:
            steps: Steps counted from the start of the run, so that a resumed run does only what is left.
            callbacks: See :data:`Callback`.
        """
        goal = self.config.steps if steps is None else steps
        if self.step == 0:
            self._log.rewind(0)  # what an earlier run left in the folder is not this run's
        try:
            while self.step < goal:
                metrics = self.train_step()
                for callback in callbacks:
                    callback(self.step, metrics)
        finally:
            self._collector.close()
            self._log.flush()
        return self

    def train_step(self) -> dict[str, float]:
        """Collect one batch of groups and update once.

        Raises:
            UsageError: No episode can be trained on, because the settings leave the policy no room.
        """
        began = time.perf_counter()
        self.policy.model.eval()
        rollouts = sorted(self._collector.collect(self._jobs()), key=lambda rollout: rollout.index)
        collected = time.perf_counter()
        metrics = {**rollout_metrics(rollouts), **self._update(rollouts)}
        self.step += 1
        now = time.perf_counter()
        metrics |= {"seconds_rollout": collected - began, "seconds_update": now - collected}
        self.history.append(metrics)
        self._log.write(self.step, metrics, self._alarm.check(metrics))
        if self.config.out is not None and (self.step % self.config.save_every == 0 or self.step == self.config.steps):
            self.save(self.config.out)
        return metrics

    def save(self, out: Path) -> Path:
        """Write a checkpoint from which :meth:`load` goes on exactly; return its folder."""
        return checkpoint.save(out, self.step, self.policy, self.optimiser.state_dict())

    def load(self, out: Path) -> GRPO:
        """Go on from the newest complete checkpoint under ``out``.

        Raises:
            UsageError: There is none.
        """
        self.step, state = checkpoint.restore(out, self.policy)
        self.optimiser.load_state_dict(state)
        self._log.rewind(self.step)
        return self

    def _make_env(self) -> gym.Env[Any, str]:
        return gym.make(self.env_id, disable_env_checker=True, **self.config.env)

    def _jobs(self) -> list[Job]:
        """This step's episodes: a function of the seed and the step alone, so that a resumed run repeats them."""
        rng = np.random.default_rng([self.config.seed, self.step])
        count = len(self._tasks)
        drawn = rng.choice(count, size=self.config.prompts, replace=count < self.config.prompts)
        seeds = rng.integers(2**31, size=self.config.prompts)
        tasks = [self._tasks[int(index)] for index in drawn]  # made once, not by each member of the group
        return [
            Job(task, int(seed), f"{self.step}-{number}")
            for number, (task, seed) in enumerate(zip(tasks, seeds, strict=True))
            for _ in range(self.config.group_size)
        ]

    def _update(self, rollouts: Sequence[Rollout]) -> dict[str, float]:
        encoder = self.policy.encoder
        traces = [rollout.tokens for rollout in rollouts]
        faults = [
            None if trace is None or rollout.trajectory.reward is None else audit(trace, encoder)
            for rollout, trace in zip(rollouts, traces, strict=True)
        ]
        if all(faults):
            raise UsageError(
                f"None of the {len(faults)} episodes can be trained on; of the first, {faults[0]}. If no token was "
                f"sampled, the prompt does not fit into sampler.max_tokens={self.config.sampler.max_tokens}: raise it."
            )
        rewards = [
            None if trace is None or fault else rollout.trajectory.reward
            for rollout, trace, fault in zip(rollouts, traces, faults, strict=True)
        ]
        relative = advantages(rewards, [str(rollout.job.group) for rollout in rollouts], self.config.loss.std_normalise)
        kept = np.flatnonzero(relative.kept)
        counts = {
            "zero_variance_groups": float(relative.zero_variance_groups),
            "unscored": float(relative.failures),
            "audit_drops": float(sum(fault is not None for fault in faults)),
        }
        if not len(kept):
            return counts
        chosen = [traces[index] for index in kept]
        batch = collate([trace for trace in chosen if trace is not None])
        weights = torch.from_numpy(relative.values[kept]).float()
        self.policy.model.train()
        stats: UpdateStats = update(self.policy, self.optimiser, batch, weights, self.config.loss, self.reference)
        return {**counts, **{name: float(value) for name, value in vars(stats).items()}}
