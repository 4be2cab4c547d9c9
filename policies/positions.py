"""Rotary positions of mixed text and pictures (Qwen2-VL's M-RoPE), computed per chunk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def mrope_positions(
    ids: NDArray[np.int64], image_token_id: int, grids: Sequence[tuple[int, int, int]], merge: int, start: int = 0
) -> tuple[NDArray[np.int64], int]:
    """Positions over time, height and width for each token.

    Text counts up by one on all three axes; a picture's tokens share the time and spread over height and
    width; the text after it goes on past the larger side. Equal to ``get_rope_index`` of the Qwen2-VL family.

    Args:
        ids: ``(T,)`` tokens; each picture is an unbroken run of ``image_token_id``.
        image_token_id: The pad token.
        grids: Patches over (time, height, width) for each picture, in order.
        merge: Patches per side merged into one token.
        start: Position of the first token.

    Returns:
        ``(3, T)`` positions, and the position after the last token.
    """
    positions = np.empty((3, len(ids)), dtype=np.int64)
    at, index, position = 0, 0, start
    pads = np.flatnonzero(ids == image_token_id)
    for time, height, width in grids:
        rows, columns = height // merge, width // merge
        first = int(pads[at])
        text = first - index
        positions[:, index:first] = position + np.arange(text)
        position += text
        axes = np.indices((time, rows, columns)).reshape(3, -1)
        index = first + axes.shape[1]
        positions[:, first:index] = position + axes
        position += max(rows, columns)
        at += axes.shape[1]
    text = len(ids) - index
    positions[:, index:] = position + np.arange(text)
    return positions, position + text


def flat_positions(length: int, start: int = 0) -> tuple[NDArray[np.int64], int]:
    """Plain positions, repeated over three axes so that both kinds share one code path."""
    return np.tile(start + np.arange(length, dtype=np.int64), (3, 1)), start + length
