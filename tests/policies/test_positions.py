"""Rotary positions: equal to transformers' own, and the same however a conversation is cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from adagym.policies.hf import HFPolicy
from adagym.policies.positions import flat_positions, mrope_positions

PAD = -1
"""Stands for the image token until the model's own is put in."""

Grid = tuple[int, int, int]


def sequence(*parts: int | Grid) -> tuple[NDArray[np.int64], list[Grid]]:
    """So many text tokens, then a picture, then text, ..."""
    ids: list[int] = []
    grids = [part for part in parts if not isinstance(part, int)]
    for part in parts:
        ids += [1] * part if isinstance(part, int) else [PAD] * (part[1] * part[2] // 4)
    return np.array(ids, dtype=np.int64), grids


CASES = {
    "text": sequence(7),
    "picture in text": sequence(3, (1, 6, 8), 5),
    "picture first": sequence((1, 4, 4), 2),
    "picture last": sequence(4, (1, 2, 10)),
    "several": sequence(2, (1, 6, 6), 3, (1, 10, 4), 1, (1, 2, 2), 4),
}


def test_by_hand() -> None:
    ids, grids = sequence(2, (1, 4, 6), 2)
    positions, after = mrope_positions(ids, PAD, grids, merge=2)
    assert positions.tolist() == [
        [0, 1, 2, 2, 2, 2, 2, 2, 5, 6],
        [0, 1, 2, 2, 2, 3, 3, 3, 5, 6],
        [0, 1, 2, 3, 4, 2, 3, 4, 5, 6],
    ]
    assert after == 7


@pytest.mark.parametrize("name", CASES)
def test_equal_to_get_rope_index(policy: HFPolicy, name: str) -> None:
    ids, grids = CASES[name]
    token = policy.encoder.image_token_id
    tokens = torch.from_numpy(np.where(ids == PAD, token, ids)).unsqueeze(0)
    expected, delta = policy.model.model.get_rope_index(
        input_ids=tokens,
        mm_token_type_ids=(tokens == token).int(),
        image_grid_thw=torch.tensor(grids) if grids else None,
    )
    positions, after = mrope_positions(tokens[0].numpy(), token, grids, merge=2)
    assert positions.tolist() == expected[:, 0].tolist()
    assert after == len(ids) + int(delta)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_chunks_continue_the_whole(name: str, cut: int) -> None:
    ids, grids = CASES[name]
    whole, after = mrope_positions(ids, PAD, grids, merge=2)
    # Any border between text tokens will do; a picture is never cut.
    borders = [place for place in range(1, len(ids)) if ids[place] != PAD or ids[place - 1] != PAD][::cut]
    pieces, start, left = [], 0, list(grids)
    for piece in np.split(ids, borders):
        inside = [left.pop(0)] if (piece == PAD).any() else []
        places, start = mrope_positions(piece, PAD, inside, merge=2, start=start)
        pieces.append(places)
    assert np.concatenate(pieces, axis=1).tolist() == whole.tolist()
    assert start == after


def test_flat_positions() -> None:
    positions, after = flat_positions(3, start=4)
    assert positions.tolist() == [[4, 5, 6]] * 3
    assert after == 7
