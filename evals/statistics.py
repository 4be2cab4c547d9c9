"""Intervals for small samples."""

from __future__ import annotations

import math


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
