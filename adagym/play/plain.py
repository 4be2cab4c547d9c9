"""The plain mode: lines in, lines out. For terminals without a screen to fill, screen readers, and scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from adagym.agents.human import HELP, Drawing, HumanAgent, InputFunction, Quit, Undo
from adagym.errors import UsageError
from adagym.play.company import Companion, Hints
from adagym.play.saving import save_episode
from adagym.play.session import Session
from adagym.protocol import DIALECTS
from adagym.show.blocks import half_blocks
from adagym.show.brief import call_text
from adagym.show.sections import outcome_text, parts_text
from adagym.types import Trajectory

PLAIN_HELP = HELP.replace(
    "  :quit ",
    """  :redo             the action that was taken back, or the next one of a saved episode
  :turns            every turn that was tried, with its number
  :go NUMBER        go to that turn; acting there is another branch
  :hint             what the expert would do next
  :score            the reward if the episode ended here
  :save FILE        append the episode to a file
  :quit """,
)


class Moved(Exception):
    """Another moment of the game is current."""


class PlainGame:
    """A game in lines of text.

    Args:
        session: The game.
        console: Where to print.
        input_fn: Where lines come from.
        draw: How pictures are drawn; None tells their names and sizes only.
        hints: Who gives hints; None where nobody does.
        rival: Who plays the same task beside the player.
    """

    def __init__(
        self,
        session: Session,
        console: Console | None = None,
        input_fn: InputFunction = input,
        *,
        draw: Drawing | None = half_blocks,
        hints: Hints | None = None,
        rival: Companion | None = None,
    ) -> None:
        commands: dict[str, Callable[[str], None]] = {
            ":redo": self._redo,
            ":turns": self._turns,
            ":go": self._go,
            ":hint": self._hint,
            ":score": self._score,
            ":save": self._save,
        }
        self.session = session
        self.agent = HumanAgent(console, input_fn, draw=draw, commands=commands, help_text=PLAIN_HELP)
        self._hints = hints
        self._rival = rival

    def play(self) -> Trajectory:
        """Play until the player finishes or quits; return the episode as it stands."""
        while True:
            try:
                if self.session.here.ended:
                    self._confirm_end()
                    return self.session.here.trajectory
                self.session.act(self.agent.write(self.session.conversation()))
                self._let_rival_play()
            except Quit:
                return self.session.here.trajectory
            except Undo:
                if not self.session.undo():
                    self.agent.console.print("There is no action to take back.")
            except Moved:
                continue

    def _confirm_end(self) -> None:
        """Tell how the episode ended and wait; Enter accepts."""
        trajectory = self.session.here.trajectory
        self.agent.show("play", trajectory.messages)
        self.agent.say(f"The episode is over: {outcome_text(trajectory)}.")
        if self._rival is not None:
            self._rival.finish()
            self.agent.say(self._rival.standing())
        while True:
            line = self.agent.ask("Enter to finish, :undo to take the last action back > ")
            if not line:
                return
            try:
                if not self.agent.command(line, self.session.conversation()):
                    self.agent.say("The episode is over; :undo takes the last action back.")
            except UsageError as error:
                self.agent.say(str(error))

    def _let_rival_play(self) -> None:
        if self._rival is not None and not self.session.here.ended:
            self._rival.advance()
            self.agent.say(self._rival.standing())

    def _redo(self, rest: str) -> None:
        if not self.session.redo():
            raise UsageError("There is no later turn.")
        raise Moved

    def _go(self, rest: str) -> None:
        if not rest.isdecimal() or int(rest) >= len(self.session.nodes):
            raise UsageError(f":go takes a turn from 0 to {len(self.session.nodes) - 1}; :turns lists them.")
        self.session.go(int(rest))
        raise Moved

    def _turns(self, rest: str) -> None:
        for node in self.session.nodes:
            here = " (here)" if node is self.session.here else ""
            after = "" if node.parent is None else f" after {node.parent}"
            did = call_text(node.trajectory.steps[-1]) if node.trajectory.steps else "the task"
            self.agent.say(f"{node.number}{after}: {did}{here}")

    def _hint(self, rest: str) -> None:
        if self._hints is None:
            raise UsageError("Nobody gives hints here.")
        text = self._hints.next(self.session)
        parsed = DIALECTS.load(self.session.here.trajectory.dialect).parse(text)
        if parsed.think:
            self.agent.say(parsed.think)
        if parsed.call is None:
            self.agent.say(f"Answer {parsed.answer}")
        else:
            arguments = ", ".join(f"{name} {value}" for name, value in parsed.call.arguments.items())
            self.agent.say(f"Call {parsed.call.name}: {arguments}")

    def _score(self, rest: str) -> None:
        score = self.session.score()
        total = "not scored" if score.total is None else f"reward {score.total:g}"
        self.agent.say(f"{total}{parts_text(score.parts)}")

    def _save(self, rest: str) -> None:
        if not rest:
            raise UsageError("Write :save FILE, for example :save runs/mine/episodes.jsonl.")
        self.agent.say(save_episode(self.session.here.trajectory, Path(rest)))
