"""What a trainable policy is, and the record of the tokens it sampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adagym.types import Array


@dataclass(frozen=True)
class TokenTrace:
    """One episode as the policy saw and wrote it: token in, token out, never re-tokenised."""

    ids: NDArray[np.int64]
    """``(T,)`` all tokens: prompt, sampled turns, tool results, image pads."""
    sampled: NDArray[np.bool_]
    """``(T,)`` whether the policy sampled the token (the loss mask)."""
    logprobs: NDArray[np.float32]
    """``(T,)`` log-probability at sampling time; 0 where not sampled."""
    images: tuple[Array, ...] = ()
    """Pictures in the order in which their pads appear."""
