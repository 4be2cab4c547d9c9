"""Intervals for small samples, estimates from repeats, and tests of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_AT_ONCE = 1_000_000
"""Values that the bootstrap draws at a time, so that its memory is bounded."""


def wilson(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson score interval of a proportion.

    Unlike the normal approximation it stays inside [0, 1] and is right at 0 and 100 percent, where
    benchmark results often lie. Source: E. B. Wilson, JASA 22 (1927), 209-212.

    Args:
        successes: How many of ``n`` succeeded.
        n: Sample size, at least 1.
        z: Normal quantile; 1.96 gives 95 percent.

    Raises:
        ValueError: ``n`` is below 1, or ``successes`` is not in 0..n.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"Expected 0 <= successes <= n and n >= 1, got successes={successes}, n={n}.")
    share = successes / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test: how surprising the discordant pairs are if both are equally good.

    Source: Q. McNemar, Psychometrika 12 (1947), 153-157; the exact form is the binomial test with p = 1/2.

    Args:
        only_first: Pairs in which the first alone succeeded.
        only_second: Pairs in which the second alone did.

    Raises:
        ValueError: A count is negative.
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"Counts cannot be negative, got {only_first} and {only_second}.")
    n = only_first + only_second
    tail = sum(math.comb(n, count) for count in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << n))  # integers throughout, so that large counts neither overflow nor vanish


def pass_at(k: int, n: int, successes: int) -> float:
    """Unbiased estimate of the chance that at least one of ``k`` attempts succeeds, from ``n`` of them.

    ``1 - C(n - c, k) / C(n, k)``; source: Chen et al. 2021 (arXiv 2107.03374), equation 1.

    Raises:
        ValueError: Not ``1 <= k <= n`` and ``0 <= successes <= n``.
    """
    if not (1 <= k <= n and 0 <= successes <= n):
        raise ValueError(f"Expected 1 <= k <= n and 0 <= successes <= n, got k={k}, n={n}, successes={successes}.")
    return 1 - math.comb(n - successes, k) / math.comb(n, k)


def bootstrap(values: Sequence[float], seed: int = 0, resamples: int = 2000) -> tuple[float, float] | None:
    """95 % percentile interval of the mean, by resampling; the same values in any order give the same interval.

    Source: B. Efron, Annals of Statistics 7 (1979), 1-26.

    Args:
        values: What is independent of each other: one value per task, or the difference of two runs per task.
        seed: Seeds the resampling.
        resamples: How often.

    Returns:
        None for fewer than two values, of which nothing can be said.
    """
    if len(values) < 2:
        return None
    data = np.sort(np.asarray(values, float))
    rng = np.random.default_rng(seed)
    rows = max(1, _AT_ONCE // len(data))
    means = [
        data[rng.integers(len(data), size=(min(rows, resamples - start), len(data)))].mean(axis=1)
        for start in range(0, resamples, rows)
    ]
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which a share of all lies, between neighbours by interpolation; None without values."""
    return float(np.quantile(np.asarray(values, float), share)) if values else None
