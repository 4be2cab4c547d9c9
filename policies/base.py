"""What a trainable policy is, and the record of the tokens it sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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


@dataclass(kw_only=True)
class TokenLog:
    """An episode's tokens as they come."""

    ids: list[int] = field(default_factory=list)
    sampled: list[bool] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    images: list[Array] = field(default_factory=list)

    def extend(self, ids: NDArray[np.int64], images: Sequence[Array]) -> None:
        """Append tokens that were not sampled, and the pictures whose pads they hold."""
        self.ids += ids.tolist()
        self.sampled += [False] * len(ids)
        self.logprobs += [0.0] * len(ids)
        self.images += images

    def append(self, ids: Sequence[int], logprobs: Sequence[float]) -> None:
        """Append tokens that were sampled, with their log-probabilities."""
        self.ids += ids
        self.sampled += [True] * len(ids)
        self.logprobs += logprobs

    def trace(self) -> TokenTrace:
        """The tokens so far."""
        return TokenTrace(
            np.array(self.ids, dtype=np.int64),
            np.array(self.sampled, dtype=np.bool_),
            np.array(self.logprobs, dtype=np.float32),
            tuple(self.images),
        )
