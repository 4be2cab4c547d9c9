"""The transcript: every message of the game with every picture, the newest in view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message as Signal
from textual.widget import Widget
from textual.widgets import Collapsible, Static

from adagym.play.protocols import Mode
from adagym.show.blocks import grey_levels, half_blocks
from adagym.show.sections import Picture, message_section
from adagym.types import ImageBlock, Message

THUMBNAIL = (24, 8)
"""Most columns and rows of a picture in the transcript."""


class Thumbnail(Static, can_focus=True):
    """A small picture; a click, or Enter, shows it large."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Show large", show=False)]

    class Opened(Signal):
        """The player wants to see a picture large."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.picture = name

    def __init__(self, block: ImageBlock, caption: str, mode: Mode) -> None:
        draw = grey_levels if mode == "grey" else half_blocks
        super().__init__(Text.assemble(draw(block.image, *THUMBNAIL), "\n", (caption, "dim")))
        self._picture = block.name

    def on_click(self) -> None:
        """Show it large."""
        self.action_open()

    def action_open(self) -> None:
        """Show it large."""
        self.post_message(self.Opened(self._picture))


class Transcript(VerticalScroll):
    """Messages of an episode.

    Args:
        mode: How the terminal shows pictures.
    """

    def __init__(self, mode: Mode, id: str | None = None) -> None:
        super().__init__(id=id)
        self._mode = mode
        self._shown: list[tuple[Message, list[Widget]]] = []

    async def show(self, messages: Sequence[Message]) -> None:
        """Show these messages; those that are on show already stay."""
        same = 0
        while same < min(len(messages), len(self._shown)) and messages[same] is self._shown[same][0]:
            same += 1
        for _, widgets in self._shown[same:]:
            for widget in widgets:
                await widget.remove()
        del self._shown[same:]
        for message in messages[same:]:
            widgets = self._widgets(message)
            self._shown.append((message, widgets))
            await self.mount_all(widgets)
        self.anchor()  # stays at the end, also when the room changes, until the player scrolls

    def _widgets(self, message: Message) -> list[Widget]:
        if message.role == "system":  # long, and the same in every episode
            return [Collapsible(Static(message.text, markup=False), title="system prompt", collapsed=True)]
        widgets: list[Widget] = [Static(message.role, classes=f"role {message.role}", markup=False)]
        for block, part in zip(message.content, message_section(message).parts, strict=True):
            if isinstance(block, ImageBlock) and isinstance(part, Picture):
                widgets.append(Thumbnail(block, part.caption, self._mode))
            elif isinstance(part, str) and part.strip():
                widgets.append(Static(part.strip(), markup=False))
        return widgets
