"""You: the picture in the terminal, the transcript, and actions typed as raw text or through a form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from adagym.agents.base import Agent, Conversation
from adagym.agents.seat import GymEnv, bare, conversation_at
from adagym.envs.episode import Snapshot
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.types import Array, Message, Task, TextBlock, ToolCall, ToolSpec, Trajectory

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
  :help             this text"""

InputFunction = Callable[[str], str]
"""Shows a prompt and returns a line, like ``input``."""


class Undo(Exception):
    """The player wants the last action back."""


class Quit(Exception):
    """The player stops."""


class HumanAgent(Agent):
    """Asks a person for each action.

    Args:
        console: Where to print; a console on standard output by default.
        input_fn: Where lines come from.
    """

    name = "human"
    parallel = 1  # one conversation after the other

    def __init__(self, console: Console | None = None, input_fn: InputFunction = input) -> None:
        super().__init__()
        self.console = Console() if console is None else console
        self._input = input_fn
        self._shown: dict[str, int] = {}

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Ask for one action after the other; taking back needs :func:`play_episode`.

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
                text = self._action(self._ask(prompt), conversation)
            except UsageError as error:
                self._say(str(error))
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
                else:
                    self.console.print(half_blocks(block.image, min(self.console.width, MAX_COLUMNS)))
                    self._say(f"{block.name}, {block.image.shape[1]}x{block.image.shape[0]} pixels")
        self._shown[key] = len(messages)

    def confirm_end(self, trajectory: Trajectory) -> None:
        """Tell how the episode ended and wait; Enter accepts.

        Raises:
            Undo: The player wants the last action back.
            Quit: The player stops, or the input ends.
        """
        parts = ", ".join(
            f"{name} {'-' if value is None else f'{value:g}'}" for name, value in trajectory.reward_parts.items()
        )
        reward = "not scored" if trajectory.reward is None else f"reward {trajectory.reward:g}"
        self._say(f"The episode is over: {trajectory.outcome}, {reward} ({parts}).")
        line = self._ask("Enter to finish, :undo to take the last action back > ")
        if line == ":undo":
            raise Undo

    def _action(self, line: str, conversation: Conversation) -> str:
        """What a line means; empty if it was a question to us."""
        command, _, rest = line.partition(" ")
        dialect = DIALECTS.load(conversation.dialect)
        if command == ":undo":
            raise Undo
        if command == ":raw":
            return rest
        if command == ":help" or not line:
            self._say(HELP)
            return ""
        if command == ":tools":
            self._say("\n".join(describe(tool) for tool in conversation.tools) or "There are no tools.")
            return ""
        if command.startswith(":"):
            raise UsageError(f"There is no command {command}; :help lists them.")
        if line.startswith(("<", "{")):
            return line
        tool = next((tool for tool in conversation.tools if tool.name.casefold() == line.casefold()), None)
        return dialect.write_answer(line) if tool is None else dialect.write_call(self._form(tool))

    def _form(self, tool: ToolSpec) -> ToolCall:
        arguments: dict[str, Any] = {}
        for name in tool.properties:
            schema = tool.parameters["properties"][name]
            required = name in tool.required
            prompt = f"  {name} ({kind_of(schema)}{'' if required else ', optional'}): "
            while True:
                entry = self._ask(prompt)
                if entry == ":undo":
                    raise UsageError(f"The form of {tool.name} is closed; nothing was sent.")
                if not entry and not required:
                    break
                try:
                    arguments[name] = read_value(entry, schema)
                except UsageError as error:
                    self._say(str(error))
                    continue
                break
        return ToolCall(tool.name, arguments)

    def _insist(self, conversation: Conversation) -> str:
        while True:
            try:
                return self.write(conversation)
            except Undo:
                self._say("Actions can be taken back in `adagym play` only.")
            except Quit:
                raise UsageError("The player quit.") from None

    def _ask(self, prompt: str) -> str:
        try:
            line = self._input(prompt).strip()
        except EOFError:
            raise Quit from None
        if line == ":quit":
            raise Quit
        return line

    def _say(self, text: str) -> None:
        self.console.print(Text(text, style="italic"))


def play_episode(
    env: GymEnv,
    console: Console | None = None,
    input_fn: InputFunction = input,
    *,
    task: Task | int | str | None = None,
    seed: int | None = None,
) -> Trajectory:
    """Play one episode in the terminal, with undo by snapshot, also after its end.

    Args:
        env: The environment; it is left open.
        console: Where to print.
        input_fn: Where lines come from.
        task: What ``reset`` accepts as ``options["task"]``; None draws one.
        seed: Seed of the episode.

    Returns:
        The episode as it stood when the player finished or quit.
    """
    inner = bare(env)
    agent = HumanAgent(console, input_fn)
    env.reset(seed=seed, options=None if task is None else {"task": task})
    history: list[Snapshot] = []
    ended = False
    while True:
        try:
            if ended:
                agent.confirm_end(inner.trajectory())
                return inner.trajectory()
            text = agent.write(conversation_at(env, "play", turn=len(history)))
        except Quit:
            return inner.trajectory()
        except Undo:
            if history:
                inner.restore(history.pop())
                ended = False
            else:
                agent.console.print("There is no action to take back.")
            continue
        history.append(inner.snapshot())
        _, _, terminated, truncated, _ = env.step(text)
        ended = terminated or truncated


def half_blocks(image: Array, columns: int) -> Text:
    """Draw a picture with upper half blocks, two pixels to a character.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
        columns: Width in characters; a narrower picture is not enlarged.
    """
    height, width = image.shape[:2]
    columns = max(1, min(columns, width))
    rows = max(1, round(columns * height / width / 2))
    small = np.asarray(Image.fromarray(image).resize((columns, 2 * rows), Image.Resampling.BOX))
    text = Text(no_wrap=True, end="\n")
    for row in range(rows):
        for top, bottom in zip(small[2 * row], small[2 * row + 1], strict=True):
            text.append("▀", Style(color=_color(top), bgcolor=_color(bottom)))
        if row + 1 < rows:
            text.append("\n")
    return text


def describe(tool: ToolSpec) -> str:
    """A tool, its parameters and what they are, in lines."""
    lines = [f"{tool.name}: {tool.description}"]
    for name in tool.properties:
        schema = tool.parameters["properties"][name]
        option = "" if name in tool.required else ", optional"
        lines.append(f"  {name} ({kind_of(schema)}{option}): {schema.get('description', '')}")
    return "\n".join(lines)


def kind_of(schema: Mapping[str, Any]) -> str:
    """What a JSON schema asks for, in a word: ``integer``, ``array``, ``integer or null``, ..."""
    if "anyOf" in schema:
        return " or ".join(kind_of(option) for option in schema["anyOf"])
    kind = schema.get("type", "string")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def read_value(text: str, schema: Mapping[str, Any]) -> Any:
    """Read what was typed into a form field.

    Strings are taken as typed and ``yes``/``no`` are booleans; everything else is JSON, where the outer brackets
    of a list may be left out (``32, 96``).

    Raises:
        UsageError: The text is not of the kind the schema asks for.
    """
    kinds = kind_of(schema).split(" or ")
    value = _json_or_none(text)
    if "array" in kinds and not isinstance(value, list):
        value = _json_or_none(f"[{text}]") if text else None
    if "boolean" in kinds and text.casefold() in ("yes", "no", "true", "false"):
        value = text.casefold() in ("yes", "true")
    if "string" in kinds:
        return text
    if any(_is_a(value, kind) for kind in kinds) or ("null" in kinds and text == "null"):
        return value
    raise UsageError(f"{text!r} is not of the kind {' or '.join(kinds)}; write it as in JSON.")


def _is_a(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    types: dict[str, tuple[type, ...]] = {
        "integer": (int,),
        "number": (int, float),
        "array": (list,),
        "object": (dict,),
    }
    return isinstance(value, types.get(kind, ()))


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _color(pixel: Array) -> Color:
    return Color.from_rgb(*(int(value) for value in pixel))
