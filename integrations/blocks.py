"""Messages in the form that transformers' chat templates take, for the trainers built on them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from PIL import Image

from adagym.types import Block, ImageBlock, TextBlock

Content = list[dict[str, Any]]
"""Text and pictures; pictures as ``PIL`` images."""


def content(blocks: Sequence[Block]) -> Content:
    """The blocks of a message, with control tokens in their texts broken."""
    made: Content = []
    # Neighbouring texts are joined first: a control token could stand across their border.
    for is_image, group in itertools.groupby(blocks, lambda block: isinstance(block, ImageBlock)):
        if is_image:
            pictures = (block.image for block in group if isinstance(block, ImageBlock))
            made += [{"type": "image", "image": Image.fromarray(picture)} for picture in pictures]
        else:
            made += text_block(harmless("".join(block.text for block in group if isinstance(block, TextBlock))))
    return made


def text_block(text: str) -> Content:
    """One block of text, or none for the empty text."""
    return [{"type": "text", "text": text}] if text else []


def harmless(text: str) -> str:
    """Break control tokens such as ``<|image_pad|>`` that stand in a text, as ``adagym.policies.chat`` does."""
    return text.replace("<|", "< |")
