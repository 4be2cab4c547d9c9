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
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from adagym.algos.optim import OptimConfig, Optimiser
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.batch import TokenBatch
from adagym.policies.encoding import Encoder
from adagym.policies.hf import HFPolicy


@dataclass(frozen=True)
class LossConfig:
    """The objective and how it is stepped."""

    clip: float = 0.2
    """Half-width of the ratio's interval (epsilon of Eq. 4)."""
    kl: float = 0.0
    """Weight of the divergence from the starting policy (beta of Eq. 4)."""
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
        if self.clip <= 0 or self.kl < 0 or self.temperature <= 0 or min(self.micro_batch, self.minibatches) < 1:
            raise UsageError(f"clip, temperature, micro_batch and minibatches must be positive, kl at least 0: {self}.")


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


def surrogate(
    logprobs: torch.Tensor, old: torch.Tensor, advantage: torch.Tensor, mask: torch.Tensor, clip: float
) -> torch.Tensor:
    """The clipped objective of Eq. 4 for each episode, averaged over its sampled tokens.

    Args:
        logprobs: ``(B, T)`` under the policy being trained.
        old: ``(B, T)`` at sampling time.
        advantage: ``(B,)``.
        mask: ``(B, T)`` sampled tokens.
        clip: Epsilon.

    Returns:
        ``(B,)``, to be maximised.
    """
    ratio = (logprobs - old).exp()
    weight = advantage.unsqueeze(1)
    objective = torch.minimum(ratio * weight, ratio.clamp(1 - clip, 1 + clip) * weight)
    return (objective * mask).sum(1) / mask.sum(1).clamp_min(1)


def divergence(logprobs: torch.Tensor, reference: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The k3 estimate of KL(policy || reference) for each episode, ``(B,)``, averaged over its sampled tokens."""
    gap = reference - logprobs
    return ((gap.exp() - gap - 1) * mask).sum(1) / mask.sum(1).clamp_min(1)


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
    """What one update did."""

    loss: float
    grad_norm: float
    """Of the last optimiser step, before clipping."""
    entropy: float
    """Mean over sampled tokens, nats."""
    drift: float
    """Largest absolute difference between sampling and training log-probabilities before the first optimiser step."""
    clipped: float
    """Share of sampled tokens whose ratio left the interval."""
    trained_tokens: int


def update(
    policy: HFPolicy,
    optimiser: Optimiser,
    batch: TokenBatch,
    advantage: torch.Tensor,
    config: LossConfig,
    reference: HFPolicy | None = None,
) -> UpdateStats:
    """Step the policy on one collected batch.

    Args:
        policy: Changed in place.
        optimiser: Over the policy's parameters.
        batch: ``B`` episodes.
        advantage: ``(B,)`` float32.
        config: See :class:`LossConfig`.
        reference: The policy to stay close to; needed when ``config.kl`` is positive.
    """
    episodes = len(batch.lengths)
    tokens = int(batch.sampled.sum())
    totals = {"loss": 0.0, "entropy": 0.0, "clipped": 0.0, "drift": 0.0}
    norm = drift = 0.0
    begun = optimiser.steps
    for part in np.array_split(np.arange(episodes), min(config.minibatches, episodes)):
        # Episodes of similar length share a pass; the order inside a minibatch does not change its gradient.
        order = sorted(part.tolist(), key=lambda row: batch.lengths[row])
        for begin in range(0, len(order), config.micro_batch):
            rows = order[begin : begin + config.micro_batch]
            loss = _accumulate(policy, batch.select(rows), advantage[rows], config, reference, totals)
            (loss / len(part)).backward()  # type: ignore[no-untyped-call]  # torch has no types here
            totals["loss"] += loss.item() / episodes
        drift = totals["drift"] if optimiser.steps == begun else drift
        norm = optimiser.step()
    return UpdateStats(totals["loss"], norm, totals["entropy"] / tokens, drift, totals["clipped"] / tokens, tokens)


def _accumulate(
    policy: HFPolicy,
    batch: TokenBatch,
    advantage: torch.Tensor,
    config: LossConfig,
    reference: HFPolicy | None,
    totals: dict[str, float],
) -> torch.Tensor:
    """The summed loss of a micro-batch; adds its statistics to ``totals``."""
    logprobs, entropy = policy.token_logprobs(batch, config.temperature)
    mask = batch.sampled.to(policy.device)
    old = batch.logprobs.to(policy.device)
    objective = surrogate(logprobs, old, advantage.to(policy.device), mask, config.clip)
    if config.kl:
        if reference is None:
            raise UsageError("`kl` is positive, so `update` needs a `reference` policy.")
        with torch.no_grad():
            anchor, _ = reference.token_logprobs(batch, config.temperature)
        objective = objective - config.kl * divergence(logprobs, anchor, mask)
    with torch.no_grad():
        gap = (logprobs - old) * mask
        ratio = gap.exp()
        totals["entropy"] += float(entropy.sum())
        totals["drift"] = max(totals["drift"], float(gap.abs().max()))
        totals["clipped"] += float((((ratio - 1).abs() > config.clip) & mask).sum())
    return -objective.sum()
