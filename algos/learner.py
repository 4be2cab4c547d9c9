"""``GRPO(policy, sources, config).learn(steps)``: collect groups, score them, update, log, save."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch

from adagym.agents.base import Agent
from adagym.agents.policy import PolicyAgent
from adagym.agents.vllm import VLLMAgent
from adagym.algos import checkpoint
from adagym.algos.cluster import Cluster
from adagym.algos.collapse import CollapseConfig, CollapseWatch
from adagym.algos.collect import Collector, Job, Rollout
from adagym.algos.devices import connect, share, told
from adagym.algos.evaluation import Evaluation, evaluate
from adagym.algos.grpo import LossConfig, UpdateStats, advantages, audit, update
from adagym.algos.metrics import METRICS, ConstantAlarm, MetricLog, by_source, read_metrics, rollout_metrics
from adagym.algos.mixture import Mixture, Source
from adagym.algos.optim import Optimiser
from adagym.algos.remote import RemoteRollouts
from adagym.errors import UsageError
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.policies.vllm import VLLMConfig, VLLMEngine
from adagym.rewards.benefit import check_benefit

Rollouts = Literal["sampler", "vllm"]
"""Who samples: our own sampler, or a vLLM engine in this process that gets the weights after every update."""

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
    """Arguments of a single environment, for example ``{"tasks": "vsp-generated:sides=4-6-8,split=train"}``; the
    sources of a mixture bring their own."""
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    rollout: Rollouts = "sampler"
    """See :data:`Rollouts`. With vllm set ``loss.tis_cap``: its log-probabilities are not quite the trainer's."""
    vllm: VLLMConfig = field(default_factory=VLLMConfig)
    """How the engine runs, if it is used."""
    cluster: Cluster | None = None
    """A Ray cluster whose workers sample, each with a copy of the policy that gets the weights after every update;
    None samples here."""
    loss: LossConfig = field(default_factory=LossConfig)
    mask_truncated: bool = False
    """Overlong filtering: truncated episodes count in their group's mean and deviation, but carry no loss."""
    evaluation: Evaluation | None = None
    """What to play greedily now and then; does not change the training."""
    collapse: CollapseConfig = field(default_factory=CollapseConfig)
    """When to stop early; off by default."""
    out: Path | None = None
    """Where metrics and checkpoints go; None keeps neither."""
    save_every: int = 10
    """Steps between checkpoints."""
    tensorboard: bool = True
    """Write TensorBoard events beside the metrics."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.steps, self.prompts, self.save_every) < 1 or self.group_size < 2:
            given = f"{self.steps}, {self.prompts}, {self.save_every} and {self.group_size}"
            raise UsageError(f"steps, prompts and save_every must be positive and group_size at least 2, not {given}.")
        if self.rollout not in get_args(Rollouts):
            raise UsageError(f"rollout is `{self.rollout}`; it must be one of {', '.join(get_args(Rollouts))}.")
        if self.sampler.temperature != self.loss.temperature:
            raise UsageError(
                f"Sampling at temperature {self.sampler.temperature} and training at {self.loss.temperature} would "
                "compare different distributions; set `sampler.temperature` and `loss.temperature` to one value."
            )
        if self.cluster is not None and self.rollout != "sampler":
            raise UsageError(
                f"On a cluster our own sampler samples; leave out rollout='{self.rollout}' or the cluster."
            )


class GRPO:
    """Tool-GRPO in one environment or a mixture, in one process or several (see :mod:`adagym.algos.devices`).

    Args:
        policy: Trained in place.
        sources: A registered environment, with the arguments ``config.env``; or several with their weights.
        config: See :class:`GRPOConfig`.

    Attributes:
        step: Steps done.
        history: Metrics of every step done in this process.
        baseline: The evaluation before the first step; empty without one.
        stopped: Why the run was stopped early and what to do; None if it was not.
    """

    def __init__(self, policy: HFPolicy, sources: str | Sequence[Source], config: GRPOConfig) -> None:
        if not isinstance(sources, str) and config.env:
            raise UsageError("`config.env` is for a single environment; give each source its own `env`.")
        self.policy = policy
        self.config = config
        self.devices = connect(policy.config.device)
        alone = config.rollout == "vllm" or config.cluster is not None
        if self.devices.size > (1 if alone else config.prompts):
            raise UsageError(
                f"{self.devices.size} processes cannot share this run: whole groups are shared, and there are "
                f"{config.prompts} prompts per step; and `rollout='vllm'` and a cluster work with one process. Start "
                "fewer processes."
            )
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.baseline: dict[str, float] = {}
        self.stopped: str | None = None
        self.mixture = Mixture([Source(sources, config.env)] if isinstance(sources, str) else sources)
        for source, tasks in zip(self.mixture.sources, self.mixture.tasks, strict=True):
            check_benefit(source.env.get("reward"), tasks)
        self._evaluated = None if config.evaluation is None else Mixture(config.evaluation.sources)
        if self._evaluated is not None and config.evaluation is not None:
            self._evaluated.first(config.evaluation.n)  # too few tasks show now
        self.optimiser = Optimiser(policy.model, config.loss.optim, config.steps * config.loss.minibatches)
        self.reference = policy.reference() if config.loss.kl else None
        self._engine = VLLMEngine.for_policy(policy, config.sampler, config.vllm) if config.rollout == "vllm" else None
        self._collector = self._make_collector()
        self._log = MetricLog(config.out if self.devices.main else None, config.tensorboard)
        self._alarm, self._watch = ConstantAlarm(), CollapseWatch(config.collapse)

    def learn(self, steps: int | None = None, callbacks: Sequence[Callback] = ()) -> GRPO:
        """Train until ``steps`` steps are done in all (default: the configured number), or a collapse stops the run.

        Args:
            steps: Steps counted from the start of the run, so that a resumed run does only what is left.
            callbacks: See :data:`Callback`.
        """
        goal = self.config.steps if steps is None else steps
        if self.step == 0:
            self._log.rewind(-1)  # what an earlier run left in the folder is not this run's
        try:
            if self.step == 0 and not self.baseline:
                self.baseline = self._evaluate()
            if self.step == 0 and self.baseline:
                self._log.write(0, self.baseline, ())
            while self.step < goal and self.stopped is None:
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
        if self._engine is not None:
            self._engine.rest()
        known = told(rollouts, self.devices)
        metrics = {**rollout_metrics(known), **by_source(known, self.mixture.names), **self._update(rollouts)}
        self._push()
        self.step += 1
        now = time.perf_counter()
        metrics |= {"seconds_rollout": collected - began, "seconds_update": now - collected}
        metrics |= self._evaluate()
        self.history.append(metrics)
        self.stopped = self._watch.check(metrics)
        self._log.write(self.step, metrics, self._alarm.check(metrics))
        last = self.step == self.config.steps or self.stopped is not None
        # After what is logged: a run that goes on from here could never get it back.
        if self.config.out is not None and (last or self.step % self.config.save_every == 0):
            self._log.flush()
            self.save(self.config.out)
        return metrics

    def save(self, out: Path) -> Path:
        """Write a checkpoint from which :meth:`load` goes on exactly; return its folder."""
        if self.devices.main:
            checkpoint.save(out, self.step, self.policy, self.optimiser.state_dict())
        else:
            self.policy.clear_features()  # as saving does
        self.devices.wait()
        return checkpoint.folder(out, self.step)

    def load(self, out: Path) -> GRPO:
        """Go on from the newest complete checkpoint under ``out``.

        Raises:
            UsageError: There is none.
        """
        self.step, state = checkpoint.restore(out, self.policy)
        self.optimiser.load_state_dict(state)
        self._push()
        self._log.rewind(self.step)
        self._alarm, self._watch = ConstantAlarm(), CollapseWatch(self.config.collapse)
        self.stopped = None
        for metrics in read_metrics(out / METRICS):
            if 1 <= metrics["step"] <= self.step:
                self._alarm.check(metrics)
                self.stopped = self._watch.check(metrics)
        return self

    def _make_agent(self, sampler: SamplerConfig) -> Agent:
        """Who plays for the policy as it stands; every use of a policy for playing comes from here."""
        return PolicyAgent(self.policy, sampler) if self._engine is None else VLLMAgent(self._engine, sampler)

    def _make_collector(self) -> Collector | RemoteRollouts:
        """What plays the episodes of the training."""
        config, played = self.config, self.mixture.factories
        if config.cluster is None:
            return Collector(played, self._make_agent(config.sampler), config.sampler.slots)
        sampler = replace(config.sampler, slots=min(config.sampler.slots, config.prompts * config.group_size))
        evaluated = {} if self._evaluated is None else self._evaluated.factories
        return RemoteRollouts(self.policy, config.cluster, sampler, played, evaluated)

    def _push(self) -> None:
        """Have whoever plays use the policy's weights of now."""
        if self._engine is not None:
            self._engine.push(self.policy.weights())
        if isinstance(self._collector, RemoteRollouts):
            self._collector.push()

    def _jobs(self) -> list[Job]:
        """This step's episodes, or this process's share of the groups.

        A function of the seed and the step alone, so that a resumed run repeats them.
        """
        config = self.config
        prompts = self.mixture.draw(config.seed, self.step, config.steps, config.prompts)
        return [job for job in share(prompts, self.devices) for _ in range(config.group_size)]

    def _evaluate(self) -> dict[str, float]:
        """Play the evaluation if it is due now; empty otherwise."""
        evaluation, config = self.config.evaluation, self.config
        if evaluation is None or self._evaluated is None or not evaluation.due(self.step, config.steps):
            return {}
        began = time.perf_counter()
        self.policy.model.eval()
        play = self._collector.greedy if isinstance(self._collector, RemoteRollouts) else self._greedy
        metrics = evaluate(self._evaluated, evaluation.n, play, self.devices)
        return {**metrics, "seconds_evaluation": time.perf_counter() - began}

    def _greedy(self, jobs: Sequence[Job]) -> Iterator[Rollout]:
        """Play jobs of the evaluation in this process."""
        agent = self._make_agent(replace(self.config.sampler, temperature=0.0))
        assert self._evaluated is not None
        collector = Collector(self._evaluated.factories, agent, self.config.sampler.slots)
        try:
            with self.policy.fresh_features():  # features left behind would differ from training's in their last bits
                yield from collector.collect(jobs)
        finally:
            collector.close()
            agent.close()

    def _update(self, rollouts: Sequence[Rollout]) -> dict[str, float]:
        encoder = self.policy.encoder
        traces = [rollout.tokens for rollout in rollouts]
        faults = [
            None if trace is None or rollout.trajectory.reward is None else audit(trace, encoder)
            for rollout, trace in zip(rollouts, traces, strict=True)
        ]
        if all(everywhere := self.devices.gather(faults)):
            raise UsageError(
                f"None of the {len(everywhere)} episodes can be trained on; of the first, {everywhere[0]}. If no token "
                f"was sampled, the prompt does not fit into sampler.max_tokens={self.config.sampler.max_tokens}: raise "
                "it."
            )
        rewards = [
            None if trace is None or fault else rollout.trajectory.reward
            for rollout, trace, fault in zip(rollouts, traces, faults, strict=True)
        ]
        relative = advantages(rewards, [str(rollout.job.group) for rollout in rollouts], self.config.loss.std_normalise)
        overlong = np.array([rollout.trajectory.outcome == "truncated" for rollout in rollouts])
        masked = relative.kept & overlong & self.config.mask_truncated
        kept = np.flatnonzero(relative.kept & ~masked)
        counts = {
            "zero_variance_groups": float(relative.zero_variance_groups),
            "unscored": float(relative.failures),
            "audit_drops": float(sum(fault is not None for fault in faults)),
        }
        if self.config.mask_truncated:
            counts["overlong_masked"] = float(masked.sum())
        shares = self.devices.gather([{**counts, "kept": len(kept)}])
        counts = {name: sum(part[name] for part in shares) for name in counts}
        if not any(part["kept"] for part in shares):
            return counts
        chosen = [traces[index] for index in kept]
        batch = collate([trace for trace in chosen if trace is not None])
        weights = torch.from_numpy(relative.values[kept]).float()
        self.policy.model.train()
        stats: UpdateStats = update(
            self.policy, self.optimiser, batch, weights, self.config.loss, self.reference, self.devices
        )
        return {**counts, **{name: float(value) for name, value in vars(stats).items()}}
