"""Text and pictures to tokens and pixels, for transformers image-text models."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from adagym.digest import image_digest
from adagym.errors import UsageError
from adagym.policies.chat import Chat
from adagym.types import Array, Message

_PIXEL_CACHE_BYTES = 256 * 2**20
"""Preprocessed pictures kept; group members and tool results repeat the same few."""

Grid = tuple[int, int, int]
"""Patches over time, height and width."""


@dataclass(frozen=True)
class Pixels:
    """A preprocessed picture."""

    values: torch.Tensor
    """``(patches, patch_dim)``."""
    grid: Grid


@dataclass(frozen=True)
class Chunk:
    """A stretch of tokens with the pictures whose pads it holds."""

    ids: NDArray[np.int64]
    images: tuple[Array, ...]


class Encoder:
    """Turns messages into chunks and pictures into pixels.

    Args:
        processor: A transformers processor with ``tokenizer`` and ``image_processor``.
        image_token: The placeholder that the template writes for one picture.
        merge: Patches per side that the vision tower merges into one token.
        template: Replaces the processor's chat template.
    """

    def __init__(self, processor: Any, image_token: str, merge: int, template: str | None = None) -> None:
        self._arguments = (processor, image_token, merge, template)
        self.tokenizer = processor.tokenizer
        self.image_token_id = int(self.tokenizer.convert_tokens_to_ids(image_token))
        self.merge = merge
        self.chat = Chat(processor, template)
        self._image_processor = processor.image_processor
        self._pixels: OrderedDict[str, Pixels] = OrderedDict()
        self._grids: dict[str, Grid] = {}
        self._digests: dict[int, tuple[weakref.ref[Array], str]] = {}
        self._tokenise = lru_cache(maxsize=4096)(self._tokenise_text)

    def __reduce__(self) -> tuple[type[Encoder], tuple[Any, ...]]:
        """Copied and pickled without its caches."""
        return type(self), self._arguments

    def prompt(self, messages: Sequence[Message]) -> Chunk:
        """Tokens before the first sampled one.

        Raises:
            UsageError: The template refuses the messages or leaves out pictures.
        """
        return self._chunk(self.chat.prompt(messages), messages)

    def between(self, messages: Sequence[Message], last: int) -> Chunk:
        """Tokens between a sampled turn, whose last token was ``last``, and the next one.

        Raises:
            UsageError: The template refuses the messages or leaves out pictures.
        """
        chunk = self._chunk(self.chat.between(messages), messages)
        # A turn that was ended by the template's own end token already holds it.
        return Chunk(chunk.ids[1:], chunk.images) if chunk.ids[0] == last else chunk

    def text(self, text: str) -> NDArray[np.int64]:
        """Tokens of a supervised turn; like all text it cannot hold control tokens."""
        return np.array(self._tokenise(self.chat.harmless(text)), dtype=np.int64)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of sampled tokens, control tokens left out."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def pixels(self, image: Array) -> Pixels:
        """Preprocess a picture, or find it in the cache by its content."""
        digest = self.digest(image)
        found = self._pixels.get(digest)
        if found is None:
            # Pictures that were read from disk are read-only, which torch warns about.
            writable = image if image.flags.writeable else image.copy()
            # Said, since it would be guessed wrongly for pictures of one or three pixels' height.
            features = self._image_processor(images=[writable], input_data_format="channels_last", return_tensors="pt")
            time, height, width = features["image_grid_thw"][0].tolist()
            found = Pixels(features["pixel_values"], (time, height, width))
            self._pixels[digest] = found
            self._grids[digest] = found.grid
            while sum(item.values.nbytes for item in self._pixels.values()) > _PIXEL_CACHE_BYTES:
                self._pixels.popitem(last=False)
        return found

    def forget(self, digest: str) -> None:
        """Drop a preprocessed picture that is needed no more; its grid stays known."""
        self._pixels.pop(digest, None)

    def grid(self, image: Array) -> Grid:
        """A picture's patches over time, height and width."""
        return self._grids.get(self.digest(image)) or self.pixels(image).grid

    def pads(self, image: Array) -> int:
        """How many tokens a picture takes."""
        return int(np.prod(self.grid(image))) // self.merge**2

    def digest(self, image: Array) -> str:
        """A picture's content hash, computed once per array (arrays of messages are never changed)."""
        known = self._digests.get(id(image))
        if known is not None and known[0]() is image:
            return known[1]
        digest = image_digest(image)
        key = id(image)
        self._digests[key] = (weakref.ref(image, lambda _: self._digests.pop(key, None)), digest)
        return digest

    def _chunk(self, text: str, messages: Sequence[Message]) -> Chunk:
        images = tuple(image for message in messages for image in message.images)
        ids = np.array(self._tokenise(text), dtype=np.int64)
        is_pad = ids == self.image_token_id
        if int(is_pad.sum()) != len(images):
            raise UsageError(
                f"The chat template wrote {int(is_pad.sum())} image placeholders for {len(images)} pictures. "
                "Pass `template=adagym.policies.chat.CHAT_TEMPLATE` for models of the Qwen family."
            )
        repeats = np.ones(len(ids), dtype=np.int64)
        repeats[is_pad] = [self.pads(image) for image in images]
        return Chunk(np.repeat(ids, repeats), images)

    def _tokenise_text(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))
