from __future__ import annotations

import pytest

from adagym.evals.statistics import wilson


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
