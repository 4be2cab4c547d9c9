"""Group Relative Policy Optimisation over multi-turn tool episodes (AdaReasoner, Eq. 3 and 4), as pure functions.

Where this differs from the paper, or the paper leaves room:

- Eq. 3 divides by the group's standard deviation; the sample deviation (``N - 1``) is used, as in verl, on
  which the original was trained. ``std_normalise=False`` only subtracts the mean.
- Eq. 4 prints two names, ``m`` and ``s``, for one importance ratio; it is one ratio here.
- The KL term is off by default (``kl=0``), as in the released scripts; when on it is the k3 estimator.
- A group whose rewards are all equal teaches nothing: it is dropped and counted.
- An episode that infrastructure broke has no reward: it leaves its group, and the group's mean and
  deviation are those of the others.
- Only tokens that the policy sampled carry loss; prompts, tool results and image pads do not.

The terms of the objective, and where each option comes from, are in :mod:`adagym.algos.losses`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from adagym.algos.devices import SINGLE, Devices
from adagym.algos.losses import Aggregate, divergence, importance, surrogate, token_weights, upper
from adagym.algos.memory import give_back
from adagym.algos.optim import OptimConfig, Optimiser
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.batch import TokenBatch
from adagym.policies.encoding import Encoder
from adagym.policies.hf import HFPolicy, Reference


@dataclass(frozen=True)
class LossConfig:
    """The objective and how it is stepped."""

    clip: float = 0.2
    """How far the ratio may leave 1 (epsilon of Eq. 4)."""
    clip_high: float | None = None
    """How far it may rise above 1, if not as far as it may fall below (clip-higher of DAPO; 0.28 there)."""
    dual_clip: float | None = None
    """Bounds the objective of a negative advantage ``A`` from below by ``dual_clip * A``; above 1 (3 in verl)."""
    aggregate: Aggregate = "sequence-mean"
    """How tokens are averaged: sequence-mean (Eq. 4), token-mean (DAPO, verl) or dr-grpo (constant length)."""
    max_tokens: int = 1024
    """The constant length of dr-grpo; best the most tokens an episode may sample. It scales the loss, nothing else."""
    kl: float = 0.0
    """Weight of the k3 divergence from the starting policy at each token (beta of Eq. 4)."""
    tis_cap: float | None = None
    """Weigh each token by how much likelier the trainer finds it than the sampler did, at most by this (2 in verl).

    The ratio is then taken to what the trainer computes before its first step, not to what the sampler computed.
    """
    std_normalise: bool = True
    """Divide advantages by the group's standard deviation."""
    temperature: float = 1.0
    """The sampling temperature; scores are divided by it in training as well."""
    micro_batch: int = 16
    """Episodes per forward pass; changes memory, not the result."""
    minibatches: int = 1
    """Optimiser steps per collected batch."""
    optim: OptimConfig = field(default_factory=OptimConfig)

    def __post_init__(self) -> None:
        """Check the ranges."""
        positive = (self.clip, self.temperature, self.micro_batch, self.minibatches, self.max_tokens)
        if min(positive) <= 0 or self.kl < 0:
            raise UsageError(
                f"clip, temperature, micro_batch, minibatches and max_tokens must be positive, kl at least 0: {self}."
            )
        if any(value is not None and value <= 0 for value in (self.clip_high, self.tis_cap)):
            raise UsageError(f"clip_high and tis_cap must be positive, or None to do without: {self}.")
        if self.dual_clip is not None and self.dual_clip <= 1:
            raise UsageError(f"dual_clip is {self.dual_clip}; it must be above 1, or None to do without.")
        if self.aggregate not in get_args(Aggregate):
            raise UsageError(f"aggregate is `{self.aggregate}`; it must be one of {', '.join(get_args(Aggregate))}.")


@dataclass(frozen=True)
class Advantages:
    """Group-relative advantages and what was left out."""

    values: NDArray[np.float64]
    """``(N,)``; 0 where not kept."""
    kept: NDArray[np.bool_]
    """``(N,)``."""
    zero_variance_groups: int
    """Groups left out because all of their rewards are equal; one with a single reward counts too."""
    failures: int
    """Episodes without a reward."""


def advantages(
    rewards: Sequence[float | None], groups: Sequence[str], std_normalise: bool = True, eps: float = 1e-6
) -> Advantages:
    """Eq. 3: each reward minus its group's mean, over its group's standard deviation.

    Args:
        rewards: ``N`` rewards; None for an episode that could not be scored.
        groups: ``N`` group names.
        std_normalise: Whether to divide by the deviation.
        eps: Added to the deviation.
    """
    values = np.zeros(len(rewards))
    kept = np.zeros(len(rewards), dtype=np.bool_)
    flat = 0
    scored = np.array([reward is not None for reward in rewards], dtype=np.bool_)
    numbers = np.array([0.0 if reward is None else reward for reward in rewards])
    names = np.array(groups)
    for name in dict.fromkeys(groups):
        members = (names == name) & scored
        group = numbers[members]
        if len(group) < 2 or np.ptp(group) < 1e-9:
            flat += len(group) > 0
            continue
        centred = group - group.mean()
        values[members] = centred / (group.std(ddof=1) + eps) if std_normalise else centred
        kept |= members
    return Advantages(values, kept, flat, int((~scored).sum()))


def audit(trace: TokenTrace, encoder: Encoder) -> str | None:
    """Say why an episode's tokens cannot be trained on, or None if they can.

    Every picture must have exactly as many pad tokens as features, and no sampled token may be a pad.
    """
    pads = trace.ids == encoder.image_token_id
    borders = np.flatnonzero(np.diff(pads.astype(np.int8), prepend=0, append=0))
    runs = (borders[1::2] - borders[::2]).tolist()
    features = [encoder.pads(image) for image in trace.images]
    if runs != features:
        return f"runs of {runs} image pads stand for pictures of {features} features"
    if bool((pads & trace.sampled).any()):
        return "an image pad was sampled"
    if not bool(trace.sampled.any()):
        return "no token was sampled"
    if not np.isfinite(trace.logprobs).all():
        return "a sampled token has no finite log-probability"
    return None


@dataclass(frozen=True)
class UpdateStats:
    """What one update did, over all processes."""

    loss: float
    grad_norm: float
    """Of the last optimiser step, before clipping."""
    entropy: float
    """Mean over sampled tokens, nats."""
    drift: float
    """Largest absolute difference between sampling and training log-probabilities before the first optimiser step."""
    clipped: float
    """Share of sampled tokens whose ratio left the interval."""
    tis_clipped: float
    """Share of sampled tokens whose importance weight was cut to ``tis_cap``; 0 without it."""
    trained_tokens: int


@dataclass
class _Totals:
    """Sums over this process's tokens."""

    loss: float = 0.0
    entropy: float = 0.0
    clipped: float = 0.0
    tis_clipped: float = 0.0
    drift: float = 0.0
    """The largest, not the sum."""


@dataclass(frozen=True)
class _Extent:
    """A minibatch over all processes."""

    episodes: int
    tokens: int


def update(
    policy: HFPolicy,
    optimiser: Optimiser,
    batch: TokenBatch,
    advantage: torch.Tensor,
    config: LossConfig,
    reference: Reference | None = None,
    devices: Devices = SINGLE,
) -> UpdateStats:
    """Step the policy on one collected batch.

    Args:
        policy: Changed in place.
        optimiser: Over the policy's parameters.
        batch: ``B`` episodes; with several processes each holds its own, which may be none, and the whole batch is
            those of all in order of rank.
        advantage: ``(B,)`` float32.
        config: See :class:`LossConfig`.
        reference: The policy to stay close to; needed when ``config.kl`` is positive.
        devices: The processes that share the batch; each must call this.

    Raises:
        UsageError: ``config.kl`` is positive and there is no reference.
    """
    if config.kl and reference is None:
        raise UsageError("`kl` is positive, so `update` needs a `reference` policy.")
    own = [int(count) for count in batch.sampled.sum(1)]
    shares = devices.gather([own])
    counts = [count for share in shares for count in share]
    first = sum(len(share) for share in shares[: devices.rank])
    old = _before(policy, batch, config)
    totals, drift, norm, begun = _Totals(), 0.0, 0.0, optimiser.steps
    for part in np.array_split(np.arange(len(counts)), min(config.minibatches, len(counts))):
        extent = _Extent(len(part), sum(counts[index] for index in part))
        # Episodes of similar length share a pass; the order inside a minibatch does not change its gradient. The
        # longest come first: shorter ones then fit into the memory they leave.
        mine = [i - first for i in part.tolist() if 0 <= i - first < len(own)]
        order = sorted(mine, key=lambda row: -batch.lengths[row])
        for begin in range(0, len(order), config.micro_batch):
            rows = order[begin : begin + config.micro_batch]
            some = batch.select(rows)
            before = None if old is None else old[rows, : some.ids.shape[1]]
            loss = _accumulate(policy, some, before, advantage[rows], config, reference, extent, totals)
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            totals.loss += loss.item() * len(part) / len(counts)
        drift = totals.drift if optimiser.steps == begun else drift
        devices.sum_gradients(optimiser.parameters)
        norm = optimiser.step()
    sums = [sum(values) for values in zip(*devices.gather([astuple(totals)]), strict=True)]
    give_back()
    tokens = sum(counts)
    entropy, clipped, cut = (value / tokens for value in sums[1:4])
    return UpdateStats(sums[0], norm, entropy, max(devices.gather([drift])), clipped, cut, tokens)


def _before(policy: HFPolicy, batch: TokenBatch, config: LossConfig) -> torch.Tensor | None:
    """The trainer's own log-probabilities before the first step, ``(B, T)``.

    None if they are not needed, or if the only step's own pass gives them.
    """
    if config.tis_cap is None or config.minibatches == 1:
        return None
    old = torch.zeros(batch.ids.shape, device=policy.device)
    order = sorted(range(len(batch.lengths)), key=lambda row: batch.lengths[row])
    for begin in range(0, len(order), config.micro_batch):
        rows = order[begin : begin + config.micro_batch]
        some = batch.select(rows)
        with torch.no_grad():
            old[rows, : some.ids.shape[1]] = policy.token_logprobs(some, config.temperature)[0]
    return old


def _accumulate(
    policy: HFPolicy,
    batch: TokenBatch,
    old: torch.Tensor | None,
    advantage: torch.Tensor,
    config: LossConfig,
    reference: Reference | None,
    extent: _Extent,
    totals: _Totals,
) -> torch.Tensor:
    """What a micro-batch adds to the minibatch's loss; adds its statistics to ``totals``."""
    logprobs, entropy = policy.token_logprobs(batch, config.temperature)
    mask = batch.sampled.to(policy.device)
    sampled = batch.logprobs.to(policy.device)
    if config.tis_cap is None:
        old = sampled
    elif old is None:
        old = logprobs.detach()
    objective = surrogate(logprobs, old, advantage.to(policy.device), config.clip, config.clip_high, config.dual_clip)
    if config.tis_cap is not None:
        weights = importance(old, sampled, config.tis_cap)
        objective = objective * weights
        totals.tis_clipped += float((((old - sampled).exp() > config.tis_cap) & mask).sum())
    if config.kl and reference is not None:
        with torch.no_grad():
            anchor, _ = reference.token_logprobs(batch, config.temperature)
        objective = objective - config.kl * divergence(logprobs, anchor)
    with torch.no_grad():
        ratio = (logprobs - old).exp()
        outside = (ratio < 1 - config.clip) | (ratio > upper(config.clip, config.clip_high))
        totals.entropy += float(entropy.sum())
        totals.drift = max(totals.drift, float(((logprobs - sampled) * mask).abs().max()))
        totals.clipped += float((outside & mask).sum())
    share = token_weights(mask, extent.episodes, extent.tokens, config.aggregate, config.max_tokens)
    return -(objective * share).sum()
