"""Padded batches of token sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from adagym.policies.base import TokenTrace
from adagym.types import Array


@dataclass(frozen=True)
class TokenBatch:
    """``B`` sequences, padded on the right to ``T`` tokens."""

    ids: torch.Tensor
    """``(B, T)`` int64; 0 where padded."""
    sampled: torch.Tensor
    """``(B, T)`` bool: tokens that carry loss."""
    logprobs: torch.Tensor
    """``(B, T)`` float32: log-probabilities at sampling time."""
    images: tuple[tuple[Array, ...], ...]
    """Pictures of each sequence."""
    lengths: tuple[int, ...]

    def select(self, rows: Sequence[int]) -> TokenBatch:
        """A part of the batch, with no more padding than it needs."""
        longest = max(self.lengths[row] for row in rows)
        index = torch.as_tensor(list(rows))
        return TokenBatch(
            self.ids[index, :longest],
            self.sampled[index, :longest],
            self.logprobs[index, :longest],
            tuple(self.images[row] for row in rows),
            tuple(self.lengths[row] for row in rows),
        )


def collate(traces: Sequence[TokenTrace]) -> TokenBatch:
    """Pad traces on the right."""
    lengths = tuple(len(trace.ids) for trace in traces)
    shape = (len(traces), max(lengths, default=0))
    ids, sampled = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    logprobs = np.zeros(shape, np.float32)
    for row, trace in enumerate(traces):
        ids[row, : lengths[row]] = trace.ids
        sampled[row, : lengths[row]] = trace.sampled
        logprobs[row, : lengths[row]] = trace.logprobs
    images = tuple(trace.images for trace in traces)
    return TokenBatch(torch.from_numpy(ids), torch.from_numpy(sampled), torch.from_numpy(logprobs), images, lengths)
