"""The picture on the screen: looked at nearer, and picked on by keys or mouse."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from PIL import Image
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from adagym.agents.fields import Spot
from adagym.play.protocols import Mode
from adagym.play.view import Marks, Window, box_between, drawn, place
from adagym.show.blocks import grey_lines, half_blocks
from adagym.types import Array

ZOOM = 1.5
"""How much nearer a step is."""
CELL = (10, 20)
"""Pixels to a cell of the terminal, for kitty and sixel."""


class PictureView(Widget, can_focus=True):
    """One picture at a time, as large as there is room.

    Args:
        mode: How the terminal shows pictures.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(0,-1)", "Move", show=False),
        Binding("down", "move(0,1)", "Move", show=False),
        Binding("left", "move(-1,0)", "Move", show=False),
        Binding("right", "move(1,0)", "Move", show=False),
        Binding("shift+up,k", "nudge(0,-1)", "Move by a pixel", show=False),
        Binding("shift+down,j", "nudge(0,1)", "Move by a pixel", show=False),
        Binding("shift+left,h", "nudge(-1,0)", "Move by a pixel", show=False),
        Binding("shift+right,l", "nudge(1,0)", "Move by a pixel", show=False),
        Binding("plus,equals_sign", "zoom(1)", "Nearer", show=False),
        Binding("minus", "zoom(-1)", "Farther", show=False),
        Binding("enter,space", "pick", "Pick", show=False),
        Binding("escape", "leave", "Leave", show=False),
    ]

    class Picked(Message):
        """A point ``[x, y]`` or a box ``[x1, y1, x2, y2]`` was picked, in pixels of the picture."""

        def __init__(self, values: list[int]) -> None:
            super().__init__()
            self.values = values

    class Looked(Message):
        """The crosshair or the window moved."""

    class Left(Message):
        """The player is done with the picture."""

    def __init__(self, mode: Mode, id: str | None = None) -> None:
        super().__init__(id=id)
        self.mode = mode
        self.spot: Spot | None = None
        """What is picked; None: nothing asks for a place, and a point is told."""
        self.image: Array = np.zeros((1, 1, 3), np.uint8)
        self.window = Window.whole(self.image)
        self.cursor = (0, 0)
        self.corner: tuple[int, int] | None = None
        self._drag: tuple[int, int] | None = None
        self._surface: Any = None

    def compose(self) -> ComposeResult:
        """The surface that speaks the terminal's protocol, where it has one."""
        if self.mode in ("kitty", "sixel"):
            from textual_image.widget import SixelImage, TGPImage

            self._surface = TGPImage() if self.mode == "kitty" else SixelImage()
            yield self._surface

    def show(self, image: Array) -> None:
        """Look at another picture, all of it."""
        self.image, self.window = image, Window.whole(image)
        self.cursor, self.corner = (image.shape[1] // 2, image.shape[0] // 2), None
        self.redraw()

    @property
    def cells(self) -> tuple[int, int]:
        """Columns and rows of the picture on the screen."""
        room = self.content_size
        return self.window.cells(max(1, room.width), max(1, room.height))

    @property
    def marks(self) -> Marks:
        """What is drawn over the picture: nothing unless the player is at it."""
        return Marks(self.cursor, self.corner) if self.has_focus or self._drag else Marks()

    def redraw(self) -> None:
        """Draw again, after anything has changed."""
        if self._surface is not None and self.content_size.width:
            columns, rows = self.cells
            # The surface scales to its cells; so many pixels to a cell are about what terminals have.
            pixels = drawn(self.image, self.window, (columns * CELL[0], rows * CELL[1]), self.marks)
            self._surface.styles.width, self._surface.styles.height = columns, rows
            self._surface.image = Image.fromarray(pixels)
        self.refresh()
        self.post_message(self.Looked())

    def render(self) -> Text:
        """The picture as characters; nothing where a surface draws it."""
        columns, rows = self.cells
        if self._surface is not None:
            return Text()
        if self.mode == "blocks":
            return half_blocks(drawn(self.image, self.window, (columns, 2 * rows), self.marks), columns)
        return self._characters(columns, rows)

    def on_resize(self) -> None:
        """Fill the new room."""
        self.redraw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show the crosshair, or hide it."""
        # Not on the events of focus, which come before it changes: a surface is drawn at once.
        super().watch_has_focus(has_focus)
        if not has_focus:
            self.corner = None
        self.redraw()

    def action_move(self, across: int, down: int) -> None:
        """Move the crosshair by a cell."""
        wide, high = self.window.step(self.cells)
        self._move_to(self.cursor[0] + across * wide, self.cursor[1] + down * high)

    def action_nudge(self, across: int, down: int) -> None:
        """Move the crosshair by a pixel."""
        self._move_to(self.cursor[0] + across, self.cursor[1] + down)

    def action_zoom(self, direction: int) -> None:
        """Look nearer or from farther away, around the crosshair."""
        self.window = self.window.zoomed(self.image, ZOOM**direction, self.cursor)
        self.redraw()

    def action_pick(self) -> None:
        """Take the place under the crosshair; of a box, first one corner and then the other."""
        if self.spot in ("box", "boxes"):
            if self.corner is None:
                self.corner = self.cursor
                self.redraw()
                return
            values, self.corner = box_between(self.corner, self.cursor), None
        else:
            values = list(self.cursor)
        self.redraw()
        self.post_message(self.Picked(values))

    def action_leave(self) -> None:
        """Give up the first corner, or else the picture."""
        if self.corner is None:
            self.post_message(self.Left())
        self.corner = None
        self.redraw()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Put the crosshair, or a corner, where the mouse is."""
        self._drag = self._pixel(event)
        self.capture_mouse()
        self._move_to(*self._drag)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the other corner of a box."""
        if self._drag is not None:
            self.corner = self._drag if self.spot in ("box", "boxes") else None
            self._move_to(*self._pixel(event))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Pick: a box if the mouse was dragged over one, else the point."""
        if self._drag is None:
            return
        begin, self._drag = self._drag, None
        self.release_mouse()
        self.cursor = self._pixel(event)
        if self.spot in ("box", "boxes"):
            self.corner = begin if begin != self.cursor else self.corner
        self.action_pick()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Look nearer."""
        self.cursor = self._pixel(event)
        self.action_zoom(1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Look from farther away."""
        self.action_zoom(-1)

    def _pixel(self, event: events.MouseEvent) -> tuple[int, int]:
        offset, room, (columns, rows) = event.get_content_offset_capture(self), self.content_size, self.cells
        # The picture is in the middle of its room.
        column, row = offset.x - (room.width - columns) // 2, offset.y - (room.height - rows) // 2
        return self.window.pixel(column, row, (columns, rows))

    def _move_to(self, x: int, y: int) -> None:
        self.cursor = min(max(x, 0), self.image.shape[1] - 1), min(max(y, 0), self.image.shape[0] - 1)
        self.window = self.window.following(self.image, self.cursor)
        self.redraw()

    def _characters(self, columns: int, rows: int) -> Text:
        """The picture in grey levels, with a crosshair of lines."""
        lines = grey_lines(drawn(self.image, self.window, (columns, rows), Marks()))
        if self.marks.cursor is not None:
            x, y = place(self.cursor, self.window, (columns, rows))
            for column in {max(x - 2, 0), max(x - 1, 0), min(x + 1, columns - 1), min(x + 2, columns - 1)} - {x}:
                lines[y][column] = "─"
            for row in {max(y - 1, 0), min(y + 1, rows - 1)} - {y}:
                lines[row][x] = "│"
            if self.corner is not None:
                left, top = place(self.corner, self.window, (columns, rows))
                lines[top][left] = "┼"
        return Text("\n".join(map("".join, lines)))
