"""What opens over the game: help, the turns that were tried, a file's name, another player's episode."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static, Tree
from textual.widgets.tree import TreeNode

from adagym.play.protocols import Mode
from adagym.play.session import Node, Session
from adagym.play.transcript import Transcript
from adagym.show.brief import call_text
from adagym.types import Message

HELP = """\
Choose what to do in the list, fill in the fields, press Enter.
Tab and Shift+Tab go round. The right arrow takes a completion.

{keys}

On the picture (F2, or click it)
  arrows       move by a cell      shift+arrows, hjkl  by a pixel
  + -          zoom                Enter, Space        pick
  [ ]          other pictures      Escape              back

A box takes two picks, one for each corner, or a drag of the mouse.
In a list of places every pick adds one. The wheel zooms.
Pictures in the transcript open with a click, or with Enter.

The line below the transcript says what the episode would be worth
if it ended now. Nothing is lost by undoing: F7 keeps every branch.
"""


class Sheet(ModalScreen[str | None]):
    """A page over the game; Escape closes it."""

    # What opens a page closes it too.
    BINDINGS: ClassVar[list[BindingType]] = [("escape,f1,f7,f8,f9,f10,ctrl+q", "close", "Close")]

    def action_close(self) -> None:
        """Go back to the game."""
        self.dismiss(None)

    def on_unmount(self) -> None:
        """Draw what is beside the picture once more."""
        # Where the whole screen is drawn, textual-image's sixel surface leaves the cursor a row too low, and what is
        # right of its last row is not written.
        self.app.call_after_refresh(self.app.query_one("#right").refresh)


class HelpSheet(Sheet):
    """The keys."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter", "close", "Close")]

    def compose(self) -> ComposeResult:
        """The page."""
        with Vertical(classes="sheet", id="help") as sheet:
            sheet.border_title, sheet.border_subtitle = "Help", "Escape closes"
            with VerticalScroll():
                yield Static(HELP.format(keys=_keys(self.app)), markup=False)


def _keys(app: App[object]) -> str:
    """The function keys of the game in two columns, each with what it does."""
    told = [f"{key.key.upper():<4}{key.tooltip}" for _, key in app._bindings if key.tooltip]
    half = (len(told) + 1) // 2
    return "\n".join(f"{left:<31}{right}" for left, right in zip_longest(told[:half], told[half:], fillvalue=""))


class TurnsSheet(Sheet):
    """Every turn that was tried; the chosen one's number is the result."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def compose(self) -> ComposeResult:
        """The tree, open at the current turn."""
        with Vertical(classes="sheet", id="turns") as sheet:
            sheet.border_title, sheet.border_subtitle = "Turns", "Enter goes there, Escape closes"
            first = self._session.nodes[0]
            tree: Tree[int] = Tree(self._label(first), first.number)
            tree.root.expand()
            places: dict[int, TreeNode[int]] = {first.number: tree.root}
            for node in self._session.nodes[1:]:
                if node.parent is not None:
                    places[node.number] = places[node.parent].add(self._label(node), node.number, expand=True)
            self._current = places[self._session.here.number]
            yield tree

    def on_mount(self) -> None:
        """Start at the current turn."""
        tree = self.query_one(Tree)
        tree.focus()
        self.call_after_refresh(tree.move_cursor, self._current)

    def on_tree_node_selected(self, event: Tree.NodeSelected[int]) -> None:
        """Go there."""
        self.dismiss(str(event.node.data))

    def _label(self, node: Node) -> str:
        steps = node.trajectory.steps
        did = f"{len(steps)} {call_text(steps[-1])}" if steps else "0 the task"
        end = ""
        if node.ended:
            reward = node.trajectory.reward
            end = f" ({node.trajectory.outcome}{'' if reward is None else f', reward {reward:g}'})"
        return f"{did}{end}{' <- here' if node is self._session.here else ''}"


class FileSheet(Sheet):
    """Asks for a file; its name is the result."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self._value = value

    def compose(self) -> ComposeResult:
        """The field."""
        with Vertical(classes="sheet", id="file") as sheet:
            sheet.border_title, sheet.border_subtitle = "Append the episode to", "Enter saves, Escape closes"
            yield Input(self._value, compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the name."""
        event.stop()
        self.dismiss(event.value.strip() or None)


class EpisodeSheet(Sheet):
    """The transcript of another player."""

    def __init__(self, title: str, messages: Sequence[Message], mode: Mode) -> None:
        super().__init__()
        self._title, self._messages, self._mode = title, messages, mode

    def compose(self) -> ComposeResult:
        """The messages."""
        with Vertical(classes="sheet", id="episode") as sheet:
            sheet.border_title, sheet.border_subtitle = self._title, "Escape closes"
            yield Transcript(self._mode)

    async def on_mount(self) -> None:
        """Fill it."""
        await self.query_one(Transcript).show(self._messages)
        self.query_one(Transcript).focus()
