"""What the formats share: messages as text with placeholders, pictures as files, files written whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from adagym.digest import image_digest
from adagym.errors import UsageError
from adagym.pictures import to_png
from adagym.types import Array, ImageBlock, Message, TextBlock

PLACEHOLDER = "<image>"
"""Stands where a picture stands."""

RESERVED = (PLACEHOLDER, "<video>", "<audio>")
"""Trainers replace these wherever they occur, so a text that holds one cannot be exported."""

IMAGES = "images"


def with_placeholders(message: Message) -> str:
    """A message's text, with a placeholder for each picture.

    Raises:
        UsageError: Its own text holds a placeholder.
    """
    return "".join(PLACEHOLDER if isinstance(b, ImageBlock) else checked(b.text) for b in message.content)


def typed(message: Message) -> list[dict[str, str]]:
    """A message's content as parts of the types ``image`` and ``text``."""
    return [
        {"type": "text", "text": block.text} if isinstance(block, TextBlock) else {"type": "image"}
        for block in message.content
    ]


def checked(text: str) -> str:
    """The text itself.

    Raises:
        UsageError: It holds a placeholder.
    """
    found = next((mark for mark in RESERVED if mark in text), None)
    if found is not None:
        raise UsageError(
            f"A message holds the text `{found}`, which trainers take for a placeholder: {text[:120]!r}. "
            "Leave the episode out, or change its prompt."
        )
    return text


def pictures(messages: Iterable[Message]) -> list[Array]:
    """All pictures of a conversation, in order."""
    return [image for message in messages for image in message.images]


class ImageFolder:
    """Pictures beside a data file, named by content and written once.

    Args:
        folder: Where the data file is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        self._known: set[str] = set()

    def save(self, image: Array) -> str:
        """Write a picture, unless it is there; return its path relative to the folder."""
        name = f"{IMAGES}/{image_digest(image)}.png"
        path = self._folder / name
        if name not in self._known and not path.exists():
            part = path.with_suffix(".part")
            part.write_bytes(to_png(image))
            part.replace(path)
        self._known.add(name)
        return name


def write_lines(path: Path, values: Iterable[Mapping[str, Any]]) -> Path:
    """Write JSON lines so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
    return part.replace(path)


def refuse_json_turns(dialect: str, name: str) -> None:
    """Refuse a dialect whose turns are messages of an interface and not text that a model writes.

    Raises:
        UsageError: It is such a dialect.
    """
    if dialect == "openai":
        raise UsageError(
            f"Turns of the dialect `openai` are JSON messages, which `{name}` cannot train on as text. Export "
            "`llamafactory-calls`, or curate in another dialect."
        )
