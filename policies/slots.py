"""A static key-value cache with one row per episode, for ragged batches of any transformers decoder."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin


class _SlotLayer(CacheLayerMixin):
    """One layer's keys and values, ``(slots, heads, tokens, head_dim)``, in the order in which attention reads them."""

    is_sliding = False

    def __init__(self, owner: SlotCache) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # transformers has no types here
        self._owner = owner

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate for the model's head count, dtype and device."""
        _, heads, _, dim = key_states.shape
        shape = (self._owner.slots, heads, self._owner.tokens, dim)
        self.keys = torch.zeros(shape, dtype=key_states.dtype, device=key_states.device)
        self.values = torch.zeros(
            (*shape[:3], value_states.shape[-1]), dtype=value_states.dtype, device=value_states.device
        )
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new tokens at their places and return the rows' keys and values up to the span."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        owner = self._owner
        where = (owner.rows[:, None], slice(None), owner.places)  # selects (B, L, heads, head_dim)
        self.keys[where] = key_states.transpose(1, 2)
        self.values[where] = value_states.transpose(1, 2)
        if owner.whole:
            rows = slice(len(owner.rows))
            return self.keys[rows, :, : owner.span], self.values[rows, :, : owner.span]
        return self.keys[owner.rows, :, : owner.span], self.values[owner.rows, :, : owner.span]

    def get_seq_length(self) -> int:
        """Zero: positions and masks are always passed explicitly."""
        return 0

    def get_max_length(self) -> int:
        """Tokens a row can hold."""
        return self._owner.tokens

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset of the keys."""
        return self._owner.span, 0


class SlotCache(Cache):
    """Keys and values of many episodes at once, each in a row of its own.

    Before a forward pass :meth:`aim` says which rows the batch stands for and where its tokens go.

    Args:
        layers: Decoder layers.
        slots: Rows.
        tokens: Tokens a row can hold.
    """

    def __init__(self, layers: int, slots: int, tokens: int) -> None:
        self.slots = slots
        self.tokens = tokens
        self.rows = torch.empty(0, dtype=torch.long)
        self.places = torch.empty((0, 0), dtype=torch.long)
        self.span = 0
        self.whole = False
        self._rows = [_SlotLayer(self) for _ in range(layers)]
        super().__init__(layers=list(self._rows))

    def aim(self, rows: torch.Tensor, places: torch.Tensor, span: int) -> None:
        """Point the next forward pass.

        Args:
            rows: ``(B,)`` row of each batch entry.
            places: ``(B, L)`` place of each token in its row.
            span: How many leading tokens of each row the queries may look at.
        """
        self.rows, self.places, self.span = rows, places, span
        # Rows 0..B-1 in order can be viewed without copying.
        self.whole = bool((rows == torch.arange(len(rows), device=rows.device)).all())

    def release(self) -> None:
        """Give the memory back; the next forward pass allocates it again."""
        for layer in self._rows:
            layer.keys = layer.values = None
            layer.is_initialized = False

    def copy(self, source: int, targets: list[int], length: int) -> None:
        """Copy the first ``length`` tokens of one row to others (a prompt shared by a group)."""
        for layer in self._rows:
            if layer.keys is not None and layer.values is not None:
                layer.keys[targets, :, :length] = layer.keys[source, :, :length]
                layer.values[targets, :, :length] = layer.values[source, :, :length]
