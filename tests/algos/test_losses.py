"""The terms of the objective, with values by hand."""

from __future__ import annotations

import math

import pytest
import torch

from adagym.algos.losses import Aggregate, divergence, importance, surrogate, token_weights

RATIOS = torch.tensor([[1.5, 0.5, 1.1, 7.0]])
OLD = torch.tensor([[-1.0, -2.0, -0.5, -3.0]])


def values(advantage: float, clip: float = 0.2, **options: float | None) -> list[float]:
    result: list[float] = surrogate(OLD + RATIOS.log(), OLD, torch.tensor([advantage]), clip, **options)[0].tolist()
    return result


@pytest.mark.parametrize(
    ("advantage", "options", "expected"),
    [
        (1.0, {}, [1.2, 0.5, 1.1, 1.2]),
        (-2.0, {}, [-3.0, -1.6, -2.2, -14.0]),
        (0.0, {}, [0, 0, 0, 0]),
        # Clip-higher moves the upper end alone.
        (1.0, {"clip_high": 0.28}, [1.28, 0.5, 1.1, 1.28]),
        (1.0, {"clip_high": 0.05}, [1.05, 0.5, 1.05, 1.05]),
        (-2.0, {"clip_high": 0.28}, [-3.0, -1.6, -2.2, -14.0]),
        (-2.0, {"clip": 0.4, "clip_high": 0.28}, [-3.0, -1.2, -2.2, -14.0]),
        # Dual clip bounds negative advantages alone.
        (-2.0, {"dual_clip": 3.0}, [-3.0, -1.6, -2.2, -6.0]),
        (-2.0, {"dual_clip": 1.25}, [-2.5, -1.6, -2.2, -2.5]),
        (1.0, {"dual_clip": 1.01}, [1.2, 0.5, 1.1, 1.2]),
        (0.0, {"dual_clip": 3.0}, [0, 0, 0, 0]),
    ],
)
def test_the_clipped_surrogate(advantage: float, options: dict[str, float], expected: list[float]) -> None:
    assert values(advantage, **options) == pytest.approx(expected)


def test_an_equal_upper_clip_is_the_default() -> None:
    assert values(1.5, clip_high=0.2) == values(1.5)
    assert values(-1.5, clip_high=0.2) == values(-1.5)


@pytest.mark.parametrize(
    ("advantage", "dual_clip", "moves"),
    [
        (1.0, None, [False, True, True, False]),
        (-1.0, None, [True, False, True, True]),
        (-1.0, 3.0, [True, False, True, False]),
        (1.0, 3.0, [False, True, True, False]),
    ],
)
def test_clipping_stops_the_gradient(advantage: float, dual_clip: float | None, moves: list[bool]) -> None:
    logprobs = RATIOS.log().requires_grad_()
    surrogate(logprobs, torch.zeros(1, 4), torch.tensor([advantage]), 0.2, None, dual_clip).sum().backward()
    assert logprobs.grad is not None
    # Where it is not clipped, the gradient of ratio * A is that value itself.
    expected = [ratio * advantage if move else 0.0 for ratio, move in zip(RATIOS[0].tolist(), moves, strict=True)]
    assert logprobs.grad[0].tolist() == pytest.approx(expected)


def test_the_divergence() -> None:
    logprobs = torch.zeros(1, 3, requires_grad=True)
    value = divergence(logprobs, torch.tensor([[math.log(2), -math.log(2), 0.0]]))
    assert value[0].tolist() == pytest.approx([2 - math.log(2) - 1, 0.5 + math.log(2) - 1, 0])
    value.sum().backward()
    assert logprobs.grad is not None
    assert logprobs.grad[0].tolist() == pytest.approx([1 - 2, 1 - 0.5, 0])


def test_importance_weights_are_cut_from_above_and_carry_no_gradient() -> None:
    old = torch.tensor([[0.5, 0.8, 0.9]]).log().requires_grad_()
    sampled = torch.tensor([[0.5, 0.4, 0.3]]).log()
    weights = importance(old, sampled, 2.5)
    assert weights[0].tolist() == pytest.approx([1.0, 2.0, 2.5])
    assert importance(sampled, old, 2.5)[0].tolist() == pytest.approx([1.0, 1 / 2, 1 / 3])
    assert not weights.requires_grad


MASK = torch.tensor([[True, False, True, True], [False, True, False, False]])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("sequence-mean", [[1 / 6, 0, 1 / 6, 1 / 6], [0, 1 / 2, 0, 0]]),
        ("token-mean", [[1 / 4, 0, 1 / 4, 1 / 4], [0, 1 / 4, 0, 0]]),
        ("dr-grpo", [[1 / 20, 0, 1 / 20, 1 / 20], [0, 1 / 20, 0, 0]]),
    ],
)
def test_token_weights(how: Aggregate, expected: list[list[float]]) -> None:
    weights = token_weights(MASK, 2, 4, how, length=10)
    assert weights.tolist() == [pytest.approx(row) for row in expected]
    # A part of the minibatch weighs what it weighs in the whole.
    assert torch.equal(token_weights(MASK[1:, :2], 2, 4, how, length=10), weights[1:, :2])


def test_means_agree_on_episodes_of_equal_length() -> None:
    mask = torch.tensor([[True, False, True], [False, True, True]])
    by_sequence, by_token = (token_weights(mask, 2, 4, how, 10) for how in ("sequence-mean", "token-mean"))
    assert torch.equal(by_sequence, by_token)
    assert torch.allclose(token_weights(mask, 2, 4, "dr-grpo", length=2), by_token)
