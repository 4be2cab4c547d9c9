"""A policy in training, played by the workers of a Ray cluster: sent once, its weights again after every update."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch

from adagym.agents.policy import PolicyAgent
from adagym.agents.seat import GymEnv
from adagym.algos.cluster import Cluster, RayCollector
from adagym.algos.collect import Job, Rollout
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.policies.shipping import Weights, on_device, take, trained

_EVALUATED = "evaluation of "
"""Before the names of environments that evaluations play: training may have some of the same names."""


class Understudy(PolicyAgent):
    """Plays a policy that is trained elsewhere; see :meth:`~adagym.algos.cluster.RayCollector.renew`.

    Args:
        policy: The policy as it was when the workers were hired.
        device: Where this one is to compute.
    """

    def __init__(self, policy: HFPolicy, device: str) -> None:
        super().__init__(on_device(policy, device))

    def renew(self, sampler: SamplerConfig, weights: Weights | None = None) -> None:
        """Play on with other weights or settings.

        Args:
            sampler: How turns are sampled.
            weights: Of :func:`~adagym.policies.shipping.trained`; None keeps those of before.

        Raises:
            UsageError: The weights are of another policy.
        """
        if weights is not None:
            take(self.policy, weights)
        if sampler != self.config:
            self.close()  # a sampler's size and settings are fixed
            self.config, self.parallel = sampler, sampler.slots


class RemoteRollouts:
    """Collects a policy's episodes on a cluster; workers start when the first are asked for.

    Args:
        policy: Trained here.
        cluster: Where to play.
        sampler: How training samples; ``slots`` are those of all workers together, at most the episodes of a step.
        played: Makes the environments of the training, by name.
        evaluated: Makes those of evaluations.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: There is no cluster at the address.
    """

    def __init__(
        self,
        policy: HFPolicy,
        cluster: Cluster,
        sampler: SamplerConfig,
        played: Mapping[str, Callable[[], GymEnv]],
        evaluated: Mapping[str, Callable[[], GymEnv]],
    ) -> None:
        self._policy = policy
        self._cluster = cluster
        self._sampler = sampler
        self._factories = {**played, **{_EVALUATED + name: make for name, make in evaluated.items()}}
        self._collector: RayCollector | None = None
        cluster.reach()

    def collect(self, jobs: Sequence[Job]) -> Iterator[Rollout]:
        """Play as :meth:`adagym.algos.collect.Collector.collect` does, with the weights that were pushed last.

        Args:
            jobs: In the environments of the training.

        Raises:
            InfraError: As a :class:`RayCollector`.
            UsageError: As a :class:`RayCollector`.
        """
        return self._open().collect(jobs)

    def greedy(self, jobs: Sequence[Job]) -> Iterator[Rollout]:
        """Play greedily, in the environments of evaluations; else as :meth:`collect`."""
        collector = self._open()
        collector.renew(sampler=replace(self._here(collector), temperature=0.0))
        try:
            for rollout in collector.collect(replace(job, env=_EVALUATED + job.env) for job in jobs):
                yield replace(rollout, job=jobs[rollout.index])
        finally:
            collector.renew(sampler=self._here(collector))

    def push(self) -> None:
        """Have the workers play with the policy's weights of now."""
        if self._collector is not None:  # else they will get the policy as it then is
            self._collector.renew(weights=trained(self._policy))

    def close(self) -> None:
        """Let the workers go; collecting again hires others."""
        if self._collector is not None:
            self._collector.close()
            self._collector = None

    def _open(self) -> RayCollector:
        if self._collector is None:
            # A worker's GPU is the first that it sees, whatever the learner's number is.
            device = torch.device(self._policy.config.device).type if self._cluster.gpus else "cpu"
            understudy = partial(Understudy, on_device(self._policy, "cpu"), device)
            self._collector = RayCollector(self._factories, understudy, self._cluster)
            self._collector.renew(sampler=self._here(self._collector))
        return self._collector

    def _here(self, collector: RayCollector) -> SamplerConfig:
        """A worker's share of the sampling, so that the first to be ready does not get it all."""
        return replace(self._sampler, slots=math.ceil(self._sampler.slots / collector.workers))
