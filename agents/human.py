"""You: the pictures in the terminal, the transcript, and actions typed as raw text or through a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from adagym.agents.base import Agent, Conversation
from adagym.agents.fields import describe, fields_of
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.show.blocks import half_blocks
from adagym.types import Array, Message, TextBlock, ToolCall, ToolSpec

MAX_COLUMNS = 72
"""Widest picture, in terminal columns."""

HELP = """Type one of these:
  a tool's name     fill in its parameters in a form
  an answer         anything else, for example R,R,D or Yes; ends the episode
  <... or {...      text that starts so is sent as it stands
  :raw TEXT         send TEXT as it stands
  :tools            describe the tools
  :undo             take back the last action; in a form, close the form
  :quit             stop here
  :help or ?        this text"""

InputFunction = Callable[[str], str]
"""Shows a prompt and returns a line, like ``input``."""

Drawing = Callable[[Array, int], Text]
"""Draws a picture in at most so many columns, see ``adagym.show.blocks``."""

Commands = Mapping[str, Callable[[str], None]]
"""What else may be typed, such as ``:hint``; the function gets what follows the word."""


class Undo(Exception):
    """The player wants the last action back."""


class Quit(Exception):
    """The player stops."""


class HumanAgent(Agent):
    """Asks a person for each action.

    Args:
        console: Where to print; a console on standard output by default.
        input_fn: Where lines come from.
        draw: How pictures are drawn; None tells their names and sizes only, which suits screen readers.
        commands: Further commands by their first word.
        help_text: What ``:help`` prints.
    """

    name = "human"
    parallel = 1  # one conversation after the other

    def __init__(
        self,
        console: Console | None = None,
        input_fn: InputFunction = input,
        *,
        draw: Drawing | None = half_blocks,
        commands: Commands | None = None,
        help_text: str = HELP,
    ) -> None:
        super().__init__()
        self.console = Console() if console is None else console
        self._input = input_fn
        self._draw = draw
        self._commands: Commands = {} if commands is None else commands
        self._help = help_text
        self._shown: dict[str, int] = {}

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Ask for one action after the other; taking back needs ``adagym play``.

        Raises:
            UsageError: The player quits.
        """
        return [self._insist(conversation) for conversation in conversations]

    def write(self, conversation: Conversation) -> str:
        """Show what is new and ask until an action comes of it.

        Raises:
            Undo: The player wants the last action back.
            Quit: The player stops, or the input ends.
        """
        self.show(conversation.key, conversation.messages)
        names = [tool.name for tool in conversation.tools]
        prompt = f"turn {conversation.turn + 1}: {', '.join(names) or 'no tools'}, or an answer (:help) > "
        while True:
            try:
                text = self._action(self.ask(prompt), conversation)
            except UsageError as error:
                self.say(str(error))
                continue
            if text:
                return text

    def show(self, key: str, messages: Sequence[Message]) -> None:
        """Print the messages of an episode that were not printed yet; after an undo, the last one again."""
        first = min(self._shown.get(key, 0), len(messages) - 1)
        for message in messages[max(first, 0) :]:
            self.console.print(Text(f"{message.role}:", style="bold"))
            for block in message.content:
                if isinstance(block, TextBlock):
                    self.console.print(Text(block.text, style="dim" if message.role == "system" else ""))
                    continue
                if self._draw is not None:
                    self.console.print(self._draw(block.image, min(self.console.width, MAX_COLUMNS)))
                self.say(f"{block.name}, {block.image.shape[1]}x{block.image.shape[0]} pixels")
        self._shown[key] = len(messages)

    def ask(self, prompt: str) -> str:
        """Read a line.

        Raises:
            Quit: It is ``:quit``, or the input ends.
        """
        try:
            line = self._input(prompt).strip()
        except EOFError:
            raise Quit from None
        if line == ":quit":
            raise Quit
        return line

    def say(self, text: str) -> None:
        """Print a remark."""
        self.console.print(Text(text, style="italic"))

    def command(self, line: str, conversation: Conversation) -> bool:
        """Carry out a line that is a command; False if it is none.

        Raises:
            UsageError: There is no such command, or it cannot be carried out.
            Undo: The player wants the last action back.
        """
        word, _, rest = line.partition(" ")
        if word == ":undo":
            raise Undo
        if word in ("", "?", ":help"):
            self.say(self._help)
        elif word == ":tools":
            self.say("\n".join(describe(tool) for tool in conversation.tools) or "There are no tools.")
        elif word in self._commands:
            self._commands[word](rest.strip())
        elif word.startswith(":"):
            raise UsageError(f"There is no command {word}; :help lists them.")
        else:
            return False
        return True

    def _action(self, line: str, conversation: Conversation) -> str:
        """What a line means; empty if it was a question to us."""
        dialect = DIALECTS.load(conversation.dialect)
        if line.startswith(":raw "):
            return line.removeprefix(":raw ")
        if self.command(line, conversation):
            return ""
        if line.startswith(("<", "{")):
            return line
        tool = next((tool for tool in conversation.tools if tool.name.casefold() == line.casefold()), None)
        if tool is None:
            return dialect.write_answer(line)
        images = [block.name for m in conversation.messages for block in m.content if not isinstance(block, TextBlock)]
        return dialect.write_call(self._form(tool, images))

    def _form(self, tool: ToolSpec, images: Sequence[str]) -> ToolCall:
        arguments: dict[str, Any] = {}
        for item in fields_of(tool):
            choices = item.completions(images)
            only = choices[0] if item.required and len(choices) == 1 else ""
            hint = f": {', '.join(choices)}" if choices else ""
            hint += ", taken by Enter" if only else ""
            prompt = f"  {item.name} ({item.kind}{hint}{'' if item.required else ', optional'}): "
            while True:
                entry = self.ask(prompt) or only
                if entry == ":undo":
                    raise UsageError(f"The form of {tool.name} is closed; nothing was sent.")
                if not entry and not item.required:
                    break
                try:
                    arguments[item.name] = item.read(entry, images)
                except UsageError as error:
                    self.say(str(error))
                    continue
                break
        return ToolCall(tool.name, arguments)

    def _insist(self, conversation: Conversation) -> str:
        while True:
            try:
                return self.write(conversation)
            except Undo:
                self.say("Actions can be taken back in `adagym play` only.")
            except Quit:
                raise UsageError("The player quit.") from None
