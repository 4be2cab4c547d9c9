"""How long a row is for a model, near enough to leave out what will not fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adagym.algos.curation.validate import Length
from adagym.errors import UsageError, require
from adagym.types import Message

PATCH = 28
"""Pixels per side of what Qwen's vision towers make one token of."""
FRAME = 5
"""Tokens that a chat template puts around a message."""


def token_counter(folder: str | Path) -> Length:
    """Make a counter of tokens: the text's by the tokenizer, one for each patch of a picture, some for each message.

    Args:
        folder: Holds a ``transformers`` tokenizer.

    Raises:
        UsageError: It holds none.
        MissingExtra: ``transformers`` is not installed.
    """
    transformers: Any = require("transformers", "train")
    if not Path(folder).is_dir():
        raise UsageError(f"{folder} is not a folder; give the folder of a model or tokenizer.")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} holds no tokenizer that can be loaded: {error}") from error

    def count(messages: Sequence[Message]) -> int:
        text = sum(len(tokenizer(message.text, add_special_tokens=False)["input_ids"]) for message in messages)
        patches = sum(
            math.ceil(image.shape[0] / PATCH) * math.ceil(image.shape[1] / PATCH)
            for message in messages
            for image in message.images
        )
        return int(text + patches + FRAME * len(messages))

    return count
