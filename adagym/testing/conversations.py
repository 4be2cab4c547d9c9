"""Players for adapters that hold a conversation: what they showed a model, as the parity kit compares it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from adagym.digest import observation_digest
from adagym.testing.parity import Shown
from adagym.types import Array, Trajectory

ChatMessage = Mapping[str, Any]
"""``role``, and ``content`` as a text or as parts: pictures as data URLs, as OpenAI's interface has them, or as ``PIL``
images, as transformers' chat templates have them."""

_BEFORE, _AFTER = "<tool_response>\n", "\n</tool_response>"


def shown_in_record(played: Trajectory) -> list[Shown]:
    """What an episode showed by its own record.

    Args:
        played: It was begun by a reset, so its first messages are the system prompt and the task.
    """
    system, task = played.messages[:2]
    begun = observation_digest({"text": f"{system.text}\n\n{task.text}", "images": task.images})
    return _joined(begun, [observation_digest(step.observation) for step in played.steps], played)


def shown_in_chat(turns: Sequence[Sequence[ChatMessage]], played: Trajectory) -> list[Shown]:
    """What a model was sent, and what came of its turns.

    Args:
        turns: For each turn of the model, the messages that were new to it; those of the assistant are ignored. The
            first turn's may lack the system prompt.
        played: The episode. It tells rewards and flags, and what followed the last turn, which nobody is sent.
    """
    first, *later = turns
    system = [message for message in first if message["role"] == "system"] or [
        {"role": "system", "content": played.messages[0].text}
    ]
    text, images = _content([message for message in first if message["role"] != "system"])
    begun = observation_digest({"text": f"{_content(system)[0]}\n\n{text}", "images": images})
    heard = [observation_digest({"text": text, "images": images}) for text, images in map(_content, later)]
    last = [observation_digest(step.observation) for step in played.steps[len(later) :]]
    return _joined(begun, [*heard, *last], played)


def _joined(first: str, later: Sequence[str], played: Trajectory) -> list[Shown]:
    steps = [
        Shown(seen, step.reward, step.terminated, step.truncated)
        for seen, step in zip(later, played.steps, strict=True)
    ]
    return [Shown(first), *steps]


def _content(messages: Sequence[ChatMessage]) -> tuple[str, tuple[Array, ...]]:
    """Text without the marks around results, and pictures."""
    texts: list[str] = []
    images: list[Array] = []
    for message in messages:
        if message["role"] == "assistant":
            continue
        parts = list(_parts(message["content"]))
        text = "".join(part for part in parts if isinstance(part, str))
        wrapped = text.startswith(_BEFORE) and text.endswith(_AFTER)
        texts.append(text[len(_BEFORE) : -len(_AFTER)] if wrapped else text)
        images += [part for part in parts if not isinstance(part, str)]
    return "".join(texts), tuple(images)


def _parts(content: str | Sequence[Mapping[str, Any]]) -> Iterator[str | Array]:
    if isinstance(content, str):
        yield content
        return
    for part in content:
        yield part["text"] if part["type"] == "text" else _picture(part)


def _picture(part: Mapping[str, Any]) -> Array:
    if part["type"] == "image":
        return np.asarray(part["image"])
    url: str = part["image_url"]["url"]
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2], validate=True))) as image:
        return np.asarray(image.convert("RGB"))
