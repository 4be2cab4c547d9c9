"""The full-screen app: picture, transcript and form side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Static

from adagym.agents.fields import Spot
from adagym.errors import AdagymError
from adagym.play.company import Companion, Hints
from adagym.play.form import ActionForm
from adagym.play.picture import PictureView
from adagym.play.protocols import Mode
from adagym.play.saving import save_episode
from adagym.play.screens import EpisodeSheet, FileSheet, HelpSheet, TurnsSheet
from adagym.play.session import Session
from adagym.play.transcript import Thumbnail, Transcript
from adagym.protocol import DIALECTS
from adagym.show.brief import size
from adagym.show.sections import outcome_text, parts_text
from adagym.types import Trajectory

DEFAULT_FILE = "runs/played/episodes.jsonl"
"""Where F8 proposes to save."""


class PlayApp(App[Trajectory]):
    """Plays one game; the result is the episode as the player left it.

    Args:
        session: The game.
        mode: How pictures are shown.
        hints: Who gives hints; None where nobody does.
        rival: Who plays the same task beside the player.
        out: Where saving is proposed.
    """

    CSS_PATH = "app.tcss"
    TITLE = "adagym play"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        # Priority, because a text area has uses of its own for some of these keys. The help page shows the tooltips.
        Binding("f1", "help", "Help", priority=True, tooltip="this page"),
        Binding("f2", "pick", "Pick", priority=True, tooltip="pick on the picture"),
        Binding("f3", "hint", "Hint", priority=True, tooltip="hint: fills in the form"),
        Binding("f4", "send", "Send", show=False, priority=True, tooltip="send what is filled in"),
        Binding("f5", "undo", "Undo", priority=True, tooltip="undo"),
        Binding("f6", "redo", "Redo", priority=True, tooltip="redo, or the next saved turn"),
        Binding("f7", "turns", "Turns", priority=True, tooltip="turns: go to any, and branch"),
        Binding("f8", "save", "Save", priority=True, tooltip="save the episode"),
        Binding("f9", "rival", "Other", priority=True, tooltip="the other player's episode"),
        Binding("f10", "leave", "Quit", priority=True, tooltip="quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True),
        Binding("left_square_bracket", "turn_page(-1)", "Previous picture", show=False),
        Binding("right_square_bracket", "turn_page(1)", "Next picture", show=False),
    ]

    def __init__(
        self,
        session: Session,
        mode: Mode = "blocks",
        *,
        hints: Hints | None = None,
        rival: Companion | None = None,
        out: Path | None = None,
    ) -> None:
        super().__init__()
        self.animation_level = "none"  # a slow line has better things to carry
        self.session = session
        self._mode: Mode = mode
        self._hints = hints
        self._rival = rival
        self._out = out
        self._picture = ""
        self._busy = False

    def compose(self) -> ComposeResult:
        """The panes."""
        yield Static(id="status", markup=False)
        with Horizontal():
            with Vertical(id="left"):
                yield PictureView(self._mode, id="picture")
                yield Static(id="caption", markup=False)
            with Vertical(id="right"):
                yield Transcript(self._mode, id="transcript")
                yield Static(id="reward", markup=False)
                yield ActionForm(id="form")
        yield Static(id="say", markup=False)
        yield Footer(compact=True)

    async def on_mount(self) -> None:
        """Show the beginning."""
        self.query_one("#left").border_title = "picture"
        self.query_one("#transcript").border_title = "transcript"
        self.query_one("#form").border_title = "your turn"
        await self._show()
        self.query_one(ActionForm).focus_fields()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done in this game, and nothing of it under a page."""
        if action == "rival" and self._rival is None:
            return False
        return True if len(self.screen_stack) == 1 else None

    @on(ActionForm.Sent)
    def _act(self, event: ActionForm.Sent) -> None:
        if self.session.here.ended:
            self._say("The episode is over; F5 takes the last turn back, F10 leaves.", wrong=True)
            return
        self._start(self._play(event.text))

    @on(ActionForm.Wanted)
    def _aim(self, event: ActionForm.Wanted) -> None:
        view = self.query_one(PictureView)
        view.spot = None if event.field is None else event.field.spot
        view.corner = None
        self._show_caption()

    @on(PictureView.Picked)
    def _fill(self, event: PictureView.Picked) -> None:
        form, view = self.query_one(ActionForm), self.query_one(PictureView)
        if not form.put(event.values, self._picture):
            self._say(f"{', '.join(map(str, event.values))} on {self._picture}; no field here takes a place.")
        elif view.spot not in ("points", "boxes"):  # of several places, more may follow
            form.focus_fields()

    @on(PictureView.Left)
    def _back(self) -> None:
        self.query_one(ActionForm).focus_fields()

    @on(PictureView.Looked)
    def _show_caption(self) -> None:
        view = self.query_one(PictureView)
        if not self._picture:
            return
        names = list(self.session.images)
        place = f"({names.index(self._picture) + 1}/{len(names)})"
        if view.has_focus:
            what = _what(view.spot, view.corner is not None)
            told = f"{self._picture} {place} at {view.cursor[0]}, {view.cursor[1]}{what}"
        else:
            told = f"{self._picture} {size(view.image)} {place}{'  F2 [ ] others' if len(names) > 1 else ''}"
        self.query_one("#caption", Static).update(told)

    @on(Thumbnail.Opened)
    def _open(self, event: Thumbnail.Opened) -> None:
        self._look_at(event.picture)

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpSheet())

    def action_pick(self) -> None:
        """Go to the picture; again, back to the form."""
        view, form = self.query_one(PictureView), self.query_one(ActionForm)
        if view.has_focus:
            form.focus_fields()
        else:
            view.focus()

    def action_hint(self) -> None:
        """Fill the form with the expert's next move."""
        if self._hints is None:
            self._say("Nobody gives hints here.", wrong=True)
        else:
            self._start(self._hint(self._hints))

    def action_send(self) -> None:
        """Send what the form holds."""
        self.query_one(ActionForm).send()

    def action_undo(self) -> None:
        """Take the last turn back."""
        self._move(self.session.undo, "There is no turn to take back.")

    def action_redo(self) -> None:
        """Play the turn again that was taken back, or the next saved one."""
        self._move(self.session.redo, "There is no later turn.")

    def action_turns(self) -> None:
        """Choose a turn to go on from."""

        def go(number: str | None) -> None:
            if number is not None:
                self._move(lambda: bool(self.session.go(int(number))), "")

        if not self._busy:
            self.push_screen(TurnsSheet(self.session), go)

    def action_save(self) -> None:
        """Ask for a file and append the episode to it."""

        def save(name: str | None) -> None:
            if name is not None:
                try:
                    self._say(save_episode(self.session.here.trajectory, Path(name)))
                except AdagymError as error:
                    self._say(str(error), wrong=True)

        self.push_screen(FileSheet(str(self._out or DEFAULT_FILE)), save)

    def action_rival(self) -> None:
        """Show how the other player went about it, once the game is over."""
        if self._rival is None:
            return
        if not self.session.here.ended:
            self._say("The other player's episode is shown when yours is over.", wrong=True)
        else:
            title = self._rival.standing()
            self.push_screen(EpisodeSheet(title, self._rival.trajectory.messages, self._mode))

    def action_leave(self) -> None:
        """End the game."""
        self.exit(self.session.here.trajectory)

    def action_turn_page(self, direction: int) -> None:
        """Look at the picture before or after."""
        names = list(self.session.images)
        if names:
            self._look_at(names[(names.index(self._picture) + direction) % len(names)])

    async def _play(self, text: str) -> None:
        # Tools may take seconds: they run beside the screen, which goes on drawing.
        await asyncio.to_thread(self.session.act, text)
        await self._show()
        if self._rival is not None:
            ended = self.session.here.ended
            await asyncio.to_thread(self._rival.finish if ended else self._rival.advance)
            self._show_reward()

    async def _hint(self, hints: Hints) -> None:
        text = await asyncio.to_thread(hints.next, self.session)
        parsed = DIALECTS.load(self.session.here.trajectory.dialect).parse(text)
        form = self.query_one(ActionForm)
        await form.load(parsed)
        form.border_title = "your turn, as hinted"
        self.query_one("#send").focus()
        self._say(f"Hint: {parsed.think or 'this'} F4 sends it.")

    def _move(self, move: Any, otherwise: str) -> None:
        async def go() -> None:
            if not move():
                self._say(otherwise, wrong=True)
            await self._show()

        self._start(go())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do one thing at a time; what goes wrong is told."""
        if self._busy:
            work.close()
            self._say("One moment: the last thing is still being done.", wrong=True)
            return

        async def guarded() -> None:
            self._busy = True
            self._say("...")
            try:
                await work
                if self._said == "...":
                    self._say("")
            except AdagymError as error:
                self._say(str(error), wrong=True)
            finally:
                self._busy = False

        self.run_worker(guarded())

    async def _show(self) -> None:
        """Show the current moment."""
        here, images = self.session.here, self.session.images
        trajectory = here.trajectory
        await self.query_one(Transcript).show(self.session.messages)
        most = trajectory.env_kwargs.get("max_turns", "?")
        state = "" if here.ended else f" · turn {len(trajectory.steps) + 1} of {most}"
        self.query_one("#status", Static).update(
            f" {trajectory.env_id.removeprefix('adagym/')} · {trajectory.task.id}{state} · {trajectory.outcome}"
        )
        if images:
            self._look_at(next(reversed(images)))
        self._show_reward()
        form = self.query_one(ActionForm)
        form.border_title = "the episode is over" if here.ended else "your turn"
        if here.ended:
            self._say(f"The episode is over: {outcome_text(trajectory)}. F5 takes the last turn back, F10 leaves.")
            return
        try:
            tools = self.session.conversation().tools
        except AdagymError as error:  # a saved episode can be looked at all the same
            self._say(str(error), wrong=True)
            tools = ()
        await form.equip(tools, images, trajectory.task, trajectory.dialect)
        if here.latest is not None:  # what was taken back can be changed; what was saved can be seen coming
            await form.load(self.session.nodes[here.latest].trajectory.steps[-1].parsed)
            form.border_title = "the next turn, as it was played"
        else:
            form.clear()

    def _look_at(self, name: str) -> None:
        self._picture = name
        self.query_one(PictureView).show(self.session.images[name])
        self._show_caption()

    def _show_reward(self) -> None:
        score = self.session.score()
        total = "not scored" if score.total is None else f"{score.total:g}"
        line, told = self.query_one("#reward", Static), f"{total}{parts_text(score.parts)}"
        begins = ("reward ", "") if self.session.here.ended else ("reward if it ended now: ", "reward now ", "now ")
        fitting = (begin for begin in begins if len(begin + told) <= line.content_size.width)
        rival = "" if self._rival is None else f"\n{self._rival.standing()}"
        line.update(f"{next(fitting, begins[-1])}{told}{rival}")

    def _say(self, text: str, wrong: bool = False) -> None:
        self._said = text
        line = self.query_one("#say", Static)
        line.set_class(wrong, "wrong")
        line.update(f"! {text}" if wrong else text)

    _said = ""


def _what(spot: Spot | None, begun: bool) -> str:
    """What Enter does on the picture."""
    if spot in ("box", "boxes"):
        return ": other corner" if begun else ": first corner"
    return ": pick" if spot else ""
