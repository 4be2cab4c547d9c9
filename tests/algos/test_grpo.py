"""GRPO on two rungs: values by hand, and equivalences. The third is in ``test_grpo_solves.py``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from adagym.algos.grpo import LossConfig, UpdateStats, advantages, audit, update
from adagym.algos.losses import divergence, importance, surrogate
from adagym.algos.optim import OptimConfig, Optimiser
from adagym.algos.sft import tokenise
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.batch import TokenBatch, collate
from adagym.policies.hf import HFPolicy
from adagym.types import Array, ImageBlock, Message, TextBlock

# First rung: values by hand.


def test_advantages() -> None:
    rewards = [1.0, 3.0, 2.0, 0.0, 8.0]
    result = advantages(rewards, ["a", "a", "a", "b", "b"], eps=0.0)
    assert result.values.tolist() == pytest.approx([-1, 1, 0, -math.sqrt(0.5), math.sqrt(0.5)])
    assert result.kept.all()
    assert (result.zero_variance_groups, result.failures) == (0, 0)


def test_advantages_without_deviation() -> None:
    result = advantages([1.0, 4.0, 4.0, 0.0, 8.0], ["a", "a", "a", "b", "b"], std_normalise=False)
    assert result.values.tolist() == [-2, 1, 1, -4, 4]


def test_a_failure_leaves_its_group() -> None:
    result = advantages([1.0, None, 3.0, 2.0], ["a"] * 4, eps=0.0)
    assert result.values.tolist() == pytest.approx([-1, 0, 1, 0])
    assert result.kept.tolist() == [True, False, True, True]
    assert (result.zero_variance_groups, result.failures) == (0, 1)


@pytest.mark.parametrize(
    ("rewards", "kept", "flat", "failures"),
    [
        ([4.0, 4.0, 4.0, 1.0, 2.0], [False, False, False, True, True], 1, 0),
        ([4.0, 4.0, None, 1.0, 2.0], [False, False, False, True, True], 1, 1),
        ([4.0, None, None, 1.0, 2.0], [False, False, False, True, True], 1, 2),
        ([None, None, None, 1.0, 2.0], [False, False, False, True, True], 0, 3),
        ([0.1 + 0.2, 0.3, 0.3, 0.0, 0.0], [False] * 5, 2, 0),
    ],
)
def test_groups_that_teach_nothing_are_dropped(
    rewards: list[float | None], kept: list[bool], flat: int, failures: int
) -> None:
    result = advantages(rewards, ["a", "a", "a", "b", "b"])
    assert result.kept.tolist() == kept
    assert not result.values[~result.kept].any()
    assert (result.zero_variance_groups, result.failures) == (flat, failures)


def test_members_need_not_stand_together() -> None:
    result = advantages([1.0, 0.0, 3.0, 8.0, 2.0], ["a", "b", "a", "b", "a"], std_normalise=False)
    assert result.values.tolist() == [-1, -4, 1, 4, 0]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"clip": 0.0}, "must be positive"),
        ({"kl": -1.0}, "kl at least 0"),
        ({"temperature": 0.0}, "must be positive"),
        ({"micro_batch": 0}, "must be positive"),
        ({"minibatches": 0}, "must be positive"),
        ({"max_tokens": 0}, "must be positive"),
        ({"clip_high": 0.0}, "clip_high and tis_cap must be positive"),
        ({"tis_cap": -1.0}, "clip_high and tis_cap must be positive"),
        ({"dual_clip": 1.0}, r"dual_clip is 1\.0; it must be above 1"),
        ({"aggregate": "mean"}, "aggregate is `mean`; it must be one of sequence-mean, token-mean, dr-grpo"),
    ],
)
def test_settings_are_checked(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        LossConfig(**change)


# Second rung: what must not matter.


def picture(height: int, width: int, seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def trace(policy: HFPolicy, turns: int, words: int, seed: int) -> TokenTrace:
    """A conversation with pictures; sampling-time log-probabilities are off by up to 0.3."""
    rng = np.random.default_rng(seed)
    messages = [Message("user", (ImageBlock("i", picture(64, 64 * turns, seed)), TextBlock("Go to the present.")))]
    for turn in range(turns):
        messages.append(Message("assistant", (TextBlock("left right " * words),)))
        messages.append(Message("user", (TextBlock(f"again {turn}"), ImageBlock("i", picture(64, 64, seed + turn)))))
    whole = tokenise(policy.encoder, messages)
    with torch.no_grad():
        logprobs = policy.token_logprobs(collate([whole]))[0][0].numpy()
    noise = rng.uniform(-0.3, 0.3, len(logprobs))
    return replace(whole, logprobs=np.where(whole.sampled, logprobs + noise, 0).astype(np.float32))


@pytest.fixture(scope="module")
def traces(policy: HFPolicy) -> list[TokenTrace]:
    shapes = [(1, 1), (3, 2), (2, 4), (1, 9), (2, 1), (1, 3)]
    return [trace(policy, turns, words, seed) for seed, (turns, words) in enumerate(shapes)]


ADVANTAGE = [1.0, -1.5, 0.5, 0.25, -1.0, 0.75]


class Recorder(Optimiser):
    """Keeps the gradient and leaves the weights alone."""

    def __init__(self, policy: HFPolicy) -> None:
        super().__init__(policy.model, OptimConfig(lr=0.0, muon_lr=0.0, max_grad_norm=1e9), 1)
        self.gradients: list[torch.Tensor] = []

    def step(self) -> float:
        gradients = [parameter.grad for parameter in self.parameters]
        self.gradients.append(torch.cat([grad.flatten() for grad in gradients if grad is not None]))
        return super().step()


def gradient(
    policy: HFPolicy,
    traces: Sequence[TokenTrace],
    advantage: Sequence[float],
    reference: HFPolicy | None = None,
    **options: Any,
) -> tuple[torch.Tensor, UpdateStats]:
    recorder = Recorder(policy)
    config = LossConfig(**options)
    stats = update(policy, recorder, collate(traces), torch.tensor(advantage), config, reference)
    (result,) = recorder.gradients
    return result, stats


OPTIONS: list[dict[str, Any]] = [
    {},
    {"aggregate": "token-mean", "clip": 0.1, "clip_high": 0.15, "dual_clip": 1.1},
    {"aggregate": "dr-grpo", "max_tokens": 8, "tis_cap": 1.1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("micro_batch", [1, 4])
def test_micro_batches_and_padding_change_nothing(
    policy: HFPolicy, traces: list[TokenTrace], micro_batch: int, options: dict[str, Any]
) -> None:
    whole, expected = gradient(policy, traces, ADVANTAGE, micro_batch=6, **options)
    parts, stats = gradient(policy, traces, ADVANTAGE, micro_batch=micro_batch, **options)
    assert float(whole.norm()) > 0.1
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=1e-3)
    assert vars(stats) == pytest.approx(vars(expected), abs=1e-4)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_order_of_episodes_changes_nothing(
    policy: HFPolicy, traces: list[TokenTrace], options: dict[str, Any]
) -> None:
    whole, expected = gradient(policy, traces, ADVANTAGE, **options)
    order = [3, 5, 0, 2, 4, 1]
    shuffled, stats = gradient(policy, [traces[i] for i in order], [ADVANTAGE[i] for i in order], **options)
    torch.testing.assert_close(shuffled, whole, atol=1e-5, rtol=1e-3)
    assert vars(stats) == pytest.approx(vars(expected), abs=1e-4)


def test_a_batch_is_the_mean_of_its_episodes(policy: HFPolicy, traces: list[TokenTrace]) -> None:
    whole, stats = gradient(policy, traces, ADVANTAGE)
    alone = [gradient(policy, [one], [weight]) for one, weight in zip(traces, ADVANTAGE, strict=True)]
    torch.testing.assert_close(torch.stack([grad for grad, _ in alone]).mean(0), whole, atol=1e-5, rtol=1e-3)
    assert stats.loss == pytest.approx(np.mean([one.loss for _, one in alone]), abs=1e-5)
    assert stats.trained_tokens == sum(one.trained_tokens for _, one in alone) == sum(t.sampled.sum() for t in traces)
    assert stats.drift == pytest.approx(max(one.drift for _, one in alone), abs=1e-5)
    assert 0.2 < stats.drift <= 0.3 + 1e-4


def test_the_loss_is_the_clipped_surrogate(policy: HFPolicy, traces: list[TokenTrace]) -> None:
    batch = collate(traces)
    with torch.no_grad():
        logprobs, _ = policy.token_logprobs(batch)
    mask = batch.sampled.float()
    value = ((surrogate(logprobs, batch.logprobs, torch.tensor(ADVANTAGE), 0.1) * mask).sum(1) / mask.sum(1)).mean()
    outside = ((logprobs - batch.logprobs).exp() - 1).abs()[batch.sampled] > 0.1
    _, stats = gradient(policy, traces, ADVANTAGE, clip=0.1)
    assert stats.loss == pytest.approx(-float(value), abs=1e-5)
    assert stats.clipped == pytest.approx(float(outside.float().mean()))
    assert 0.3 < stats.clipped < 0.9


def test_only_sampled_tokens_count(policy: HFPolicy, traces: list[TokenTrace]) -> None:
    noise = [replace(t, logprobs=np.where(t.sampled, t.logprobs, 3.0).astype(np.float32)) for t in traces]
    whole, expected = gradient(policy, traces, ADVANTAGE)
    other, stats = gradient(policy, noise, ADVANTAGE)
    assert torch.equal(whole, other)
    assert stats == expected


def test_the_divergence_pulls_towards_the_reference(
    policy: HFPolicy, new_policy: Callable[[int], HFPolicy], traces: list[TokenTrace]
) -> None:
    zeros = [0.0] * len(traces)
    at_home, stats = gradient(policy, traces, zeros, reference=policy, kl=0.5)
    assert float(at_home.norm()) == pytest.approx(0, abs=1e-5)
    assert stats.loss == pytest.approx(0, abs=1e-6)
    moved = new_policy(1)
    single, one = gradient(moved, traces, zeros, reference=policy, kl=0.5)
    double, two = gradient(moved, traces, zeros, reference=policy, kl=1.0)
    torch.testing.assert_close(double, 2 * single, atol=1e-5, rtol=1e-3)
    batch = collate(traces)
    with torch.no_grad():
        now, anchor = (p.token_logprobs(batch)[0] for p in (moved, policy))
    expected = float(((divergence(now, anchor) * batch.sampled).sum(1) / batch.sampled.sum(1)).mean())
    assert (one.loss, two.loss) == pytest.approx((0.5 * expected, expected), rel=1e-4)
    optimiser = Optimiser(moved.model, OptimConfig(lr=1e-2, muon_lr=1e-2, warmup=0), 10)
    losses = [
        update(moved, optimiser, batch, torch.zeros(len(traces)), LossConfig(kl=1.0), policy).loss for _ in range(10)
    ]
    assert losses[-1] < 0.5 * losses[0]


def test_a_divergence_needs_a_reference(policy: HFPolicy, traces: list[TokenTrace]) -> None:
    with pytest.raises(UsageError, match="needs a `reference`"):
        gradient(policy, traces, ADVANTAGE, kl=0.1)


def test_means_over_tokens(policy: HFPolicy, traces: list[TokenTrace]) -> None:
    batch = collate(traces)
    with torch.no_grad():
        logprobs, _ = policy.token_logprobs(batch)
    terms = surrogate(logprobs, batch.logprobs, torch.tensor(ADVANTAGE), 0.2, 0.25, 1.2) * batch.sampled
    options: dict[str, Any] = {"clip_high": 0.25, "dual_clip": 1.2, "max_tokens": 50}
    _, by_token = gradient(policy, traces, ADVANTAGE, aggregate="token-mean", **options)
    assert by_token.loss == pytest.approx(-float(terms.sum() / batch.sampled.sum()), abs=1e-5)
    _, by_constant = gradient(policy, traces, ADVANTAGE, aggregate="dr-grpo", **options)
    assert by_constant.loss == pytest.approx(-float(terms.sum()) / (6 * 50), abs=1e-5)
    same = [traces[1]] * 3  # equal lengths
    one, _ = gradient(policy, same, ADVANTAGE[:3], aggregate="token-mean")
    two, _ = gradient(policy, same, ADVANTAGE[:3], aggregate="sequence-mean")
    torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-4)


def test_an_equal_upper_clip_changes_nothing(policy: HFPolicy, traces: list[TokenTrace]) -> None:
    whole, expected = gradient(policy, traces, ADVANTAGE)
    same, stats = gradient(policy, traces, ADVANTAGE, clip_high=0.2)
    assert torch.equal(same, whole)
    assert stats == expected
    _, wider = gradient(policy, traces, ADVANTAGE, clip_high=0.28)
    assert wider.clipped < expected.clipped


def exact(policy: HFPolicy, traces: list[TokenTrace]) -> list[TokenTrace]:
    """The traces as if the trainer itself had sampled them."""
    found = []
    for one in traces:
        with torch.no_grad():
            found.append(replace(one, logprobs=policy.token_logprobs(collate([one]))[0][0].numpy()))
    return found


def test_a_sampler_that_agrees_needs_no_correction(policy: HFPolicy, traces: list[TokenTrace]) -> None:
    agreed = exact(policy, traces)
    whole, expected = gradient(policy, agreed, ADVANTAGE)
    corrected, stats = gradient(policy, agreed, ADVANTAGE, tis_cap=2.0)
    torch.testing.assert_close(corrected, whole, atol=1e-5, rtol=1e-3)
    assert vars(stats) == pytest.approx(vars(expected), abs=1e-4)
    assert stats.tis_clipped == 0


@pytest.mark.parametrize("minibatches", [1, 2])
def test_the_correction_for_the_sampler(
    new_policy: Callable[[int], HFPolicy], traces: list[TokenTrace], minibatches: int
) -> None:
    policy = new_policy(0)
    batch = collate(traces)
    with torch.no_grad():
        trainer, _ = policy.token_logprobs(batch)
    gap = (trainer - batch.logprobs)[batch.sampled]
    # Rates of 0: what would be the second step's ratio is still 1, so that only the weights are left.
    optimiser = Optimiser(policy.model, OptimConfig(lr=0.0, muon_lr=0.0), 2)
    config = LossConfig(tis_cap=1.1, minibatches=minibatches, micro_batch=2)
    stats = update(policy, optimiser, batch, torch.tensor(ADVANTAGE), config)
    weights = importance(trainer, batch.logprobs, 1.1) * batch.sampled
    expected = (weights.sum(1) / batch.sampled.sum(1) * torch.tensor(ADVANTAGE)).mean()
    assert stats.loss == pytest.approx(-float(expected), abs=1e-5)
    assert stats.tis_clipped == pytest.approx(float((gap > math.log(1.1)).float().mean()))
    assert 0.2 < stats.tis_clipped < 0.6
    assert stats.clipped == 0
    assert stats.drift > 0.2  # still that between the sampler and the trainer


def test_the_ratio_is_to_the_trainer_before_its_first_step(
    new_policy: Callable[[int], HFPolicy], traces: list[TokenTrace]
) -> None:
    policy = new_policy(0)
    batch = collate([traces[1], traces[1]])
    optimiser = Optimiser(policy.model, OptimConfig(lr=0.02, muon_lr=0.02, warmup=0), 2)
    with torch.no_grad():
        before = policy.token_logprobs(batch)[0]
    seen: list[torch.Tensor] = []
    optimiser._parts[0].register_step_pre_hook(lambda *_: seen.append(policy.token_logprobs(batch)[0].detach().clone()))
    stats = update(policy, optimiser, batch, torch.tensor([1.0, 1.0]), LossConfig(tis_cap=9.0, minibatches=2))
    ratio = (seen[1] - before)[1][batch.sampled[1]].exp()
    outside = ((ratio - 1).abs() > 0.2).float().mean()
    assert stats.clipped == pytest.approx(float(outside) / 2)
    assert stats.clipped > 0


def test_minibatches_step_one_after_the_other(new_policy: Callable[[int], HFPolicy], traces: list[TokenTrace]) -> None:
    policy = new_policy(0)
    batch, weights = collate(traces), torch.tensor(ADVANTAGE)
    optimiser = Optimiser(policy.model, OptimConfig(lr=0.05, muon_lr=0.05, warmup=0), 3)
    stats = update(policy, optimiser, batch, weights, LossConfig(minibatches=3))
    assert optimiser.steps == 3
    # Only the first minibatch meets the weights that sampled.
    first = collate(traces[:2])
    with torch.no_grad():
        logprobs, _ = new_policy(0).token_logprobs(first)
    assert stats.drift == pytest.approx(float((logprobs - first.logprobs).abs()[first.sampled].max()), abs=1e-5)


def test_an_update_makes_the_better_episode_likelier(
    new_policy: Callable[[int], HFPolicy], traces: list[TokenTrace]
) -> None:
    policy = new_policy(0)

    def likelihood(batch: TokenBatch) -> torch.Tensor:
        with torch.no_grad():
            return policy.token_logprobs(batch)[0].sum(1)

    batch = collate([traces[1], traces[3]])
    before = likelihood(batch)
    optimiser = Optimiser(policy.model, OptimConfig(lr=1e-3, muon_lr=0.0, warmup=0), 1)
    update(policy, optimiser, batch, torch.tensor([1.0, -1.0]), LossConfig())
    after = likelihood(batch)
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_the_audit(policy: HFPolicy, traces: list[TokenTrace]) -> None:
    encoder = policy.encoder
    good = traces[1]
    pads = np.flatnonzero(good.ids == encoder.image_token_id)
    assert audit(good, encoder) is None
    assert len(pads) == 3 + 1 + 1
    without = np.delete(np.arange(len(good.ids)), pads[0])
    lost = replace(good, ids=good.ids[without], sampled=good.sampled[without], logprobs=good.logprobs[without])
    assert "runs of [2, 1, 1] image pads stand for pictures of [3, 1, 1] features" in str(audit(lost, encoder))
    # As many pads as features in all, but not picture by picture.
    swapped = replace(good, images=(good.images[1], good.images[0], good.images[2]))
    assert "[3, 1, 1]" in str(audit(swapped, encoder))
    assert "pictures of [3, 1]" in str(audit(replace(good, images=good.images[:2]), encoder))
    sampled = good.sampled.copy()
    sampled[pads[0]] = True
    assert audit(replace(good, sampled=sampled), encoder) == "an image pad was sampled"
    assert audit(replace(good, sampled=np.zeros_like(sampled)), encoder) == "no token was sampled"
    broken = good.logprobs.copy()
    broken[-1] = np.nan
    assert "finite" in str(audit(replace(good, logprobs=broken), encoder))
