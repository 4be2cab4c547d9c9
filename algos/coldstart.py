"""Demonstrations for the cold start: a scripted agent plays real episodes, tools included."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import gymnasium as gym
import numpy as np

from adagym.agents.base import Agent
from adagym.algos.collect import Collector, Job
from adagym.algos.sft import tokenise
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.encoding import Encoder
from adagym.protocol import DIALECTS
from adagym.types import Message, Observation, Trajectory


class Shown(Protocol):
    """What can be learnt from: an episode, or a conversation from elsewhere."""

    @property
    def messages(self) -> Sequence[Message]:
        """System prompt, task, turns and what was answered to them."""
        ...

    @property
    def dialect(self) -> str:
        """How calls and answers are written."""
        ...


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


def examples(encoder: Encoder, shown: Sequence[Shown], seed: int) -> Iterator[TokenTrace]:
    """An endless, shuffled stream of tokenised demonstrations.

    Those of a list are in memory already, and are tokenised once; of any other sequence one is held at a time.

    Raises:
        UsageError: There are none.
    """
    if not shown:
        raise UsageError("There is no demonstration to learn from: no episode came to an answer.")
    kept = [_tokenised(encoder, one) for one in shown] if isinstance(shown, list) else None
    for epoch in itertools.count():
        for index in np.random.default_rng([seed, epoch]).permutation(len(shown)):
            yield _tokenised(encoder, shown[index]) if kept is None else kept[index]


def _tokenised(encoder: Encoder, shown: Shown) -> TokenTrace:
    return tokenise(encoder, shown.messages, DIALECTS.load(shown.dialect).stop)
