"""Conversations as an OpenAI-compatible endpoint takes them: roles, pictures as data URLs, native tool calls."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from adagym.errors import UsageError
from adagym.pictures import to_png
from adagym.protocol import DIALECTS
from adagym.types import Array, ImageBlock, Message, ParsedAction, TextBlock

NATIVE = "openai"
"""The dialect whose calls are fields of the interface and not text."""

_JPEG_QUALITY = 90


@dataclass(frozen=True)
class PictureFormat:
    """How pictures are sent."""

    image: Literal["png", "jpeg"] = "png"
    """PNG keeps every pixel; JPEG is several times smaller for photographs."""
    side: int = 0
    """Pixels of the longer side at most; 0 sends pictures as they are."""

    def __post_init__(self) -> None:
        """Check the values."""
        if self.image not in ("png", "jpeg"):
            raise UsageError(f"Pictures are sent as `png` or `jpeg`, not `{self.image}`.")
        if self.side < 0 or 0 < self.side < 16:
            raise UsageError(f"`side` is 0 for no limit, or at least 16 pixels, not {self.side}.")

    def parts(self, name: str, picture: Array) -> list[dict[str, Any]]:
        """A picture as parts of a message; one that is shrunk follows a text with both sizes."""
        height, width, _ = picture.shape
        told: list[dict[str, Any]] = []
        if self.side and max(width, height) > self.side:
            scale = self.side / max(width, height)
            size = max(1, round(width * scale)), max(1, round(height * scale))
            picture = np.asarray(Image.fromarray(picture).resize(size))
            told = [
                _text(
                    f"({name} has {width}x{height} pixels, in which coordinates count; it is shown with "
                    f"{size[0]}x{size[1]}.)"
                )
            ]
        data = base64.b64encode(self._encoded(picture)).decode("ascii")
        return [*told, {"type": "image_url", "image_url": {"url": f"data:image/{self.image};base64,{data}"}}]

    def _encoded(self, picture: Array) -> bytes:
        if self.image == "png":
            return to_png(picture)
        encoded = io.BytesIO()
        Image.fromarray(picture).save(encoded, self.image, quality=_JPEG_QUALITY)
        return encoded.getvalue()


class Transcript:
    """One conversation in the interface's form, which grows with the episode.

    In text dialects calls and results are text, and results have the role ``user``: endpoints take the role ``tool``
    only as an answer to a native call. In the dialect ``openai`` calls and results are native; pictures of a
    result follow it in a message of the role ``user``, since few endpoints take pictures in results.

    Args:
        dialect: The conversation's dialect.
        pictures: How pictures are sent.
    """

    def __init__(self, dialect: str, pictures: PictureFormat) -> None:
        self.messages: list[dict[str, Any]] = []
        self._native = dialect == NATIVE
        self._dialect = DIALECTS.load(dialect)
        self._pictures = pictures
        self._written: list[str] = []
        self._seen = 0
        self._calls = 0
        self._droppable: list[tuple[list[dict[str, Any]], int, str]] = []

    def extend(self, messages: Sequence[Message]) -> None:
        """Add what is new.

        Args:
            messages: The whole conversation so far.
        """
        first = self._seen == 0
        for message in messages[self._seen :]:
            if message.role == "assistant":
                self.messages.append(self._assistant(message))
            elif message.role == "tool":
                self._result(message)
            else:
                self._add(message.role, self._parts(message), droppable=not first)
        self._seen = len(messages)

    def written(self) -> Sequence[str]:
        """The messages as JSON, each written once: a turn sends all of them again, pictures included."""
        self._written += [json.dumps(message) for message in self.messages[len(self._written) :]]
        return self._written

    def drop(self) -> int:
        """Leave out the older half of the pictures that tools gave; those of the first observation stay.

        Returns:
            How many were left out; 0 if there are none.
        """
        count = (len(self._droppable) + 1) // 2
        gone, self._droppable = self._droppable[:count], self._droppable[count:]
        self._written.clear()
        for parts, place, name in gone:
            parts[place] = _text(f"[{name} is left out here: the conversation is too long. It still exists.]")
        return count

    def _assistant(self, message: Message) -> dict[str, Any]:
        parsed = self._dialect.parse(message.text) if self._native else None
        if parsed is None or parsed.call is None:  # also unusable calls, which servers would refuse to read again
            return {"role": "assistant", "content": message.text}
        self._calls += 1
        return {"role": "assistant", "content": parsed.think, "tool_calls": [self._call(parsed)]}

    def _call(self, parsed: ParsedAction) -> Mapping[str, Any]:
        call = json.loads(parsed.text)["tool_calls"][0]
        # Own ids, so that an episode is sent the same each time; some servers want nine letters and digits.
        return {"id": f"call{self._calls:05d}", "type": "function", "function": call["function"]}

    def _result(self, message: Message) -> None:
        if not self._native:
            parts = [_text("<tool_response>\n"), *self._parts(message), _text("\n</tool_response>")]
            self._add("user", parts, droppable=True)
            return
        self.messages.append({"role": "tool", "tool_call_id": f"call{self._calls:05d}", "content": message.text})
        if message.images:
            pictures = [block for block in message.content if isinstance(block, ImageBlock)]
            parts = [part for block in pictures for part in (_text(f"{block.name}:"), *self._picture(block))]
            self._add("user", parts, droppable=True)

    def _parts(self, message: Message) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        for block in message.content:
            parts += [_text(block.text)] if isinstance(block, TextBlock) else self._picture(block)
        return parts

    def _picture(self, block: ImageBlock) -> list[dict[str, Any]]:
        *told, picture = self._pictures.parts(block.name, block.image)
        return [*told, {**picture, "name": block.name}]

    def _add(self, role: str, parts: list[dict[str, Any]], *, droppable: bool) -> None:
        """Append a message: plain text where there is nothing else, neighbouring texts in one part."""
        joined: list[dict[str, Any]] = []
        for part in parts:
            if part["type"] == "text" and joined and joined[-1]["type"] == "text":
                joined[-1] = _text(joined[-1]["text"] + part["text"])
                continue
            name = part.get("name", "")
            joined.append({key: value for key, value in part.items() if key != "name"})
            if name and droppable:
                self._droppable.append((joined, len(joined) - 1, name))
        plain = len(joined) == 1 and joined[0]["type"] == "text"
        self.messages.append({"role": role, "content": joined[0]["text"] if plain else joined})


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
