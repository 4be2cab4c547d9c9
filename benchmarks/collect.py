"""Where the time of collecting episodes goes: the model's share of the wall time, and what the rest is.

The policy's forward functions, the encoder and the environments are wrapped here, from outside, by a clock that
charges every moment to the innermost wrapped function alone. What no wrapped function is charged with is the
sampler's and the collector's own work.

Example: python benchmarks/collect.py --json runs/collect.json
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
import tyro

from adagym.agents.policy import PolicyAgent
from adagym.algos.collect import Collector, Job, Rollout
from adagym.envs.tasks.vsp_generated import VSPGenerated
from adagym.evals.figures import publish
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.policies.tiny import load_tiny
from adagym.types import Task

ENV = "adagym/VSPNavigation-v0"
GROUP = 8
"""Episodes per task, as in training."""


@dataclass(frozen=True)
class Options:
    """Measure the model's share of the wall time."""

    model: Path | None = None
    """Model folder. Default: the shipped base model."""
    envs: int = 64
    """Environments, and slots of the sampler."""
    batches: int = 4
    """Batches of ``envs`` episodes to measure, after one that only warms up."""
    threads: int = 1
    """Processor threads for the model."""
    seed: int = 0
    """Seeds tasks and sampling."""
    json: Path | None = None
    """Write the figures to this file."""


class Clock:
    """Exclusive seconds by name: a function's time without that of the wrapped functions it calls."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._open: list[str] = []
        self._since = time.perf_counter()

    def wrap(self, owner: Any, method: str, name: str) -> None:
        """Replace a bound method by one that is charged to ``name``."""
        setattr(owner, method, self._timed(getattr(owner, method), name))

    def reset(self) -> None:
        """Forget everything so far."""
        self.seconds.clear()
        self.calls.clear()

    def _timed(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._switch()
            self._open.append(name)
            self.calls[name] += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._switch()
                self._open.pop()

        return timed

    def _switch(self) -> None:
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


def watch(policy: HFPolicy, clock: Clock) -> None:
    """Put the clock around the policy's forward functions and its encoder."""
    for method in ("embed", "decode", "logits"):
        clock.wrap(policy, method, "model")
    clock.wrap(policy.encoder, "pixels", "pixels")
    for method in ("prompt", "between", "text", "decode"):
        clock.wrap(policy.encoder, method, "tokenisation")


def measure(options: Options) -> dict[str, float]:
    """Collect the batches and account for the time."""
    torch.set_num_threads(options.threads)
    clock = Clock()
    policy = load_tiny(options.model)
    policy.model.eval()
    watch(policy, clock)

    tasks = VSPGenerated("vsp_navigation", split="train", seed=options.seed, n=5000)

    def make_env() -> gym.Env[Any, str]:
        env: gym.Env[Any, str] = gym.make(ENV, disable_env_checker=True, tasks=tasks, prompt="brief")
        clock.wrap(env, "reset", "envs")
        clock.wrap(env, "step", "envs")
        return env

    agent = PolicyAgent(policy, SamplerConfig(slots=options.envs))
    collector = Collector(make_env, agent, options.envs)
    list(collector.collect(_jobs(tasks, 0, 1, options)))
    clock.reset()
    began = time.perf_counter()
    rollouts = list(collector.collect(_jobs(tasks, 1, options.batches, options)))
    wall = time.perf_counter() - began
    collector.close()
    return _figures(rollouts, clock, wall)


def _jobs(tasks: Sequence[Task], first: int, batches: int, options: Options) -> Iterator[Job]:
    """Groups of equal tasks, as the learner makes them: one task object per group, made when its turn comes."""
    per_batch = options.envs // GROUP
    for group in range(first * per_batch, (first + batches) * per_batch):
        task = tasks[group]
        yield from (Job(task, options.seed, f"group-{group}") for _ in range(GROUP))


def _figures(rollouts: list[Rollout], clock: Clock, wall: float) -> dict[str, float]:
    steps = sum(len(rollout.trajectory.steps) for rollout in rollouts)
    tokens = sum(int(rollout.tokens.sampled.sum()) for rollout in rollouts if rollout.tokens is not None)
    named = {f"seconds_{name}": clock.seconds[name] for name in ("model", "envs", "tokenisation", "pixels")}
    return {
        "model_share": clock.seconds["model"] / wall,
        "steps_per_second": steps / wall,
        "tokens_per_second": tokens / wall,
        "episodes": float(len(rollouts)),
        "turns_per_episode": steps / len(rollouts),
        "tokens_per_turn": tokens / max(1, steps),
        "model_calls": float(clock.calls["model"]),
        "seconds_wall": wall,
        **named,
        "seconds_other": wall - sum(named.values()),
    }


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    started = time.perf_counter()
    figures = measure(options)
    publish("Collecting", figures, seed=options.seed, seconds=time.perf_counter() - started, path=options.json)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
