"""The objective of policy optimisation, in pure functions over the tokens of a batch.

Each follows a published formula, named where it stands. ``B`` episodes, ``T`` tokens; only tokens under the mask (those
that the policy sampled) count, so padding, the order of episodes and how a batch is split change nothing.
"""

from __future__ import annotations

from typing import Literal

import torch

Aggregate = Literal["sequence-mean", "token-mean", "dr-grpo"]
"""How tokens are averaged; see :func:`token_weights`."""


def surrogate(
    logprobs: torch.Tensor,
    old: torch.Tensor,
    advantage: torch.Tensor,
    clip: float,
    clip_high: float | None = None,
    dual_clip: float | None = None,
) -> torch.Tensor:
    """The clipped objective of every token (AdaReasoner, Eq. 4).

    The smaller of ``ratio * A`` and ``clamp(ratio, 1 - clip, 1 + clip_high) * A``. A wider upper bound is the
    clip-higher of DAPO (arXiv 2503.14476, Eq. 10). With ``dual_clip`` the value for a negative advantage is at least
    ``dual_clip * A`` (arXiv 1912.09729, Eq. 5; ``clip_ratio_c`` in verl).

    Args:
        logprobs: ``(B, T)`` under the policy being trained.
        old: ``(B, T)`` under the policy before the first optimiser step.
        advantage: ``(B,)``.
        clip: How far the ratio may fall below 1.
        clip_high: How far it may rise above 1; None is ``clip``.
        dual_clip: Above 1; None leaves negative advantages unbounded.

    Returns:
        ``(B, T)``, to be maximised.
    """
    ratio = (logprobs - old).exp()
    weight = advantage.unsqueeze(1)
    value = torch.minimum(ratio * weight, ratio.clamp(1 - clip, upper(clip, clip_high)) * weight)
    if dual_clip is None:
        return value
    return torch.where(weight < 0, torch.maximum(value, dual_clip * weight), value)


def upper(clip: float, clip_high: float | None) -> float:
    """The upper end of the ratio's interval."""
    return 1 + (clip if clip_high is None else clip_high)


def divergence(logprobs: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """The k3 estimate of KL(policy || reference) at every token: ``exp(gap) - gap - 1`` with ``gap = ref - policy``.

    It is never negative, and unbiased for tokens sampled from the policy (Schulman, "Approximating KL divergence").

    Args:
        logprobs: ``(B, T)`` under the policy.
        reference: ``(B, T)`` under the reference.

    Returns:
        ``(B, T)``.
    """
    gap = reference - logprobs
    return gap.exp() - gap - 1


def importance(old: torch.Tensor, sampled: torch.Tensor, cap: float) -> torch.Tensor:
    """Truncated importance weights that correct for a sampler which is not quite the trainer.

    ``min(exp(old - sampled), cap)``, without gradient ("Your efficient RL framework secretly brings you off-policy RL
    training", 2025; ``tis_imp_ratio_cap`` in verl).

    Args:
        old: ``(B, T)`` log-probabilities that the trainer gives the tokens before its first step.
        sampled: ``(B, T)`` log-probabilities that the sampler gave them.
        cap: Largest weight.

    Returns:
        ``(B, T)``.
    """
    return (old - sampled).detach().exp().clamp_max(cap)


def token_weights(mask: torch.Tensor, episodes: int, tokens: int, how: Aggregate, length: int) -> torch.Tensor:
    """What each token counts in the objective of a minibatch.

    - ``sequence-mean``: the mean over an episode's tokens, then over episodes (AdaReasoner, Eq. 4; GRPO).
    - ``token-mean``: the mean over all tokens of the minibatch, so that long episodes count more (DAPO, Eq. 8; verl).
    - ``dr-grpo``: the sum over tokens by a constant length, then the mean over episodes, so that length does not
      weigh at all (arXiv 2503.20783, whose other half is to leave out the division by the group's deviation).

    Args:
        mask: ``(B, T)`` sampled tokens of some of the minibatch's episodes.
        episodes: Episodes of the whole minibatch.
        tokens: Sampled tokens of the whole minibatch.
        how: Which mean.
        length: The constant of ``dr-grpo``.

    Returns:
        ``(B, T)`` float32, 0 outside the mask; over the whole minibatch the first two kinds sum to 1.
    """
    weights = mask.float()
    if how == "token-mean":
        return weights / tokens
    if how == "dr-grpo":
        return weights / (episodes * length)
    return weights / (weights.sum(1, keepdim=True).clamp_min(1) * episodes)
