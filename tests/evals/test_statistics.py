from __future__ import annotations

import math

import pytest

from adagym.evals.statistics import bootstrap, mcnemar, pass_at, quantile, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # By hand for z = 1.96: z^2 = 3.8416; at 0 of 10 the upper end is z^2 / (n + z^2) = 3.8416 / 13.8416.
        (0, 10, 0.0, 0.277540),
        (10, 10, 0.722460, 1.0),
        # 5 of 10: centre 0.5, half = 1.96 / 1.38416 * sqrt(0.025 + 0.009604) = 0.263410
        (5, 10, 0.236590, 0.763410),
        (300, 300, 0.987357, 1.0),
    ],
)
def test_hand_computed_intervals(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=2e-6)


def test_interval_narrows_as_the_sample_grows() -> None:
    widths = [high - low for low, high in (wilson(n // 2, n) for n in (2, 20, 200, 2000))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes="):
        wilson(successes, n)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    # By hand: 2 * sum of C(n, i) / 2^n over i up to the smaller count, at most 1.
    [(0, 0, 1.0), (0, 5, 2 / 32), (1, 7, 2 * 9 / 256), (3, 3, 1.0), (5, 0, 2 / 32)],
)
def test_mcnemar_by_hand(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)


def test_mcnemar_of_many_pairs() -> None:
    assert 0 < mcnemar(4000, 5000) < 1e-20
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 2)


@pytest.mark.parametrize(
    ("k", "n", "successes", "value"),
    [(1, 4, 1, 0.25), (2, 4, 1, 0.5), (2, 4, 2, 5 / 6), (4, 4, 1, 1.0), (3, 5, 0, 0.0), (2, 3, 2, 1.0)],
)
def test_pass_at_by_hand(k: int, n: int, successes: int, value: float) -> None:
    assert pass_at(k, n, successes) == pytest.approx(value)


def test_pass_at_needs_k_attempts() -> None:
    with pytest.raises(ValueError, match="k=3"):
        pass_at(3, 2, 1)


def test_bootstrap_agrees_with_the_normal_approximation() -> None:
    values = [0.0] * 600 + [1.0] * 400
    interval = bootstrap(values, seed=1)
    assert interval is not None
    half = 1.96 * math.sqrt(0.24 / 1000)
    assert interval == pytest.approx((0.4 - half, 0.4 + half), abs=0.004)
    assert bootstrap(values[::-1], seed=1) == interval
    assert bootstrap([0.3]) is None


def test_quantiles_lie_between_neighbours() -> None:
    assert quantile([1.0, 3.0], 0.5) == 2.0
    assert quantile([], 0.5) is None
