"""Demonstrations for the cold start: a scripted agent plays real episodes, tools included."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import gymnasium as gym
import numpy as np

from adagym.agents.base import Agent
from adagym.algos.collect import Collector, Job
from adagym.algos.sft import tokenise
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.encoding import Encoder
from adagym.protocol import DIALECTS
from adagym.types import Observation, Trajectory


def demonstrations(
    env_factory: Callable[[], gym.Env[Observation, str]], agent: Agent, count: int, seed: int
) -> list[Trajectory]:
    """Play ``count`` episodes on the first tasks of the environment's source.

    Args:
        env_factory: Makes the environment.
        agent: Who demonstrates.
        count: Episodes.
        seed: Seeds the agent's choices.

    Returns:
        The episodes that came to an answer, right or wrong, in the order of the tasks.

    Raises:
        UsageError: The source holds fewer tasks.
    """
    collector = Collector(env_factory, agent, n_envs=8)
    seeds = np.random.default_rng(seed).integers(2**31, size=count)
    jobs = (Job(index, int(number)) for index, number in enumerate(seeds))
    try:
        rollouts = sorted(collector.collect(jobs), key=lambda rollout: rollout.index)
    finally:
        collector.close()
    return [rollout.trajectory for rollout in rollouts if rollout.trajectory.outcome == "answered"]


def examples(encoder: Encoder, trajectories: Sequence[Trajectory], seed: int) -> Iterator[TokenTrace]:
    """An endless, shuffled stream of tokenised demonstrations.

    Raises:
        UsageError: There are none.
    """
    if not trajectories:
        raise UsageError("There is no demonstration to learn from: no episode came to an answer.")
    traces = [tokenise(encoder, t.messages, DIALECTS.load(t.dialect).stop) for t in trajectories]
    for epoch in itertools.count():
        for index in np.random.default_rng([seed, epoch]).permutation(len(traces)):
            yield traces[index]
