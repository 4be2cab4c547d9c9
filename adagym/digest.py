"""Content hashes of pictures, observations and messages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from adagym.types import Array, ImageBlock, Message, Observation

DIGEST_CHARS = 32
"""Length of every digest: 128 bits of SHA-256 in hexadecimal."""


def image_digest(image: Array) -> str:
    """Hash a picture by shape and content.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
    """
    content = hashlib.sha256(repr(image.shape).encode())
    content.update(np.ascontiguousarray(image).data)
    return content.hexdigest()[:DIGEST_CHARS]


def observation_digest(observation: Observation) -> str:
    """Hash an observation by its text and pictures."""
    parts = [observation["text"], *(image_digest(image) for image in observation["images"])]
    return _text_digest(parts)


def messages_digest(messages: Sequence[Message]) -> str:
    """Hash messages by role, text, picture names and pictures, in order."""
    parts: list[str] = []
    for message in messages:
        parts.append(message.role)
        for block in message.content:
            parts += [block.name, image_digest(block.image)] if isinstance(block, ImageBlock) else [block.text]
    return _text_digest(parts)


def _text_digest(parts: Sequence[str]) -> str:
    content = hashlib.sha256()
    for part in parts:
        encoded = part.encode(errors="surrogatepass")
        content.update(len(encoded).to_bytes(8, "big"))  # so that ("ab", "c") and ("a", "bc") differ
        content.update(encoded)
    return content.hexdigest()[:DIGEST_CHARS]
