"""The key-value cache with a row per episode."""

from __future__ import annotations

import torch

from adagym.policies.slots import SlotCache

HEADS, DIM = 2, 3


def write(cache: SlotCache, rows: list[int], places: list[list[int]], span: int, values: torch.Tensor) -> torch.Tensor:
    """One layer's pass; returns the keys that attention would see, ``(B, heads, span, dim)``."""
    cache.aim(torch.tensor(rows), torch.tensor(places), span)
    keys, again = cache.update(values, values, 0)
    assert torch.equal(keys, again)
    return keys


def test_tokens_stand_at_their_places() -> None:
    cache = SlotCache(1, slots=3, tokens=5)
    values = torch.arange(2 * HEADS * 2 * DIM, dtype=torch.float32).reshape(2, HEADS, 2, DIM) + 1
    keys = write(cache, [2, 0], [[0, 1], [2, 3]], 4, values)
    assert keys.shape == (2, HEADS, 4, DIM)
    assert torch.equal(keys[0, :, 0:2], values[0])
    assert torch.equal(keys[1, :, 2:4], values[1])
    assert not keys[0, :, 2:].any()
    assert not keys[1, :, :2].any()


def test_rows_in_order_are_seen_without_a_copy() -> None:
    cache = SlotCache(1, slots=3, tokens=5)
    one = torch.ones(2, HEADS, 1, DIM)
    view = write(cache, [0, 1], [[0], [0]], 1, one)
    write(cache, [0, 1], [[0], [0]], 1, 2 * one)
    assert torch.equal(view, 2 * one)
    gathered = write(cache, [1, 0], [[0], [0]], 1, one)
    write(cache, [1, 0], [[0], [0]], 1, 3 * one)
    assert torch.equal(gathered, one)


def test_a_prompt_is_copied_and_no_more() -> None:
    cache = SlotCache(1, slots=3, tokens=5)
    values = torch.arange(HEADS * 3 * DIM, dtype=torch.float32).reshape(1, HEADS, 3, DIM) + 1
    write(cache, [1], [[0, 1, 2]], 3, values)
    cache.copy(1, [0, 2], 2)
    keys = write(cache, [0, 1, 2], [[4], [4], [4]], 4, torch.zeros(3, HEADS, 1, DIM))
    for row in (0, 2):
        assert torch.equal(keys[row, :, :2], values[0, :, :2])
        assert not keys[row, :, 2:].any()
    assert torch.equal(keys[1, :, :3], values[0])


def test_a_released_cache_starts_empty() -> None:
    cache = SlotCache(1, slots=2, tokens=3)
    write(cache, [0], [[0]], 1, torch.ones(1, HEADS, 1, DIM))
    cache.release()
    assert cache.layers[0].keys is None
    keys = write(cache, [0], [[1]], 2, torch.ones(1, HEADS, 1, DIM))
    assert not keys[:, :, 0].any()
    assert keys[:, :, 1].all()
