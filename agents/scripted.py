"""The expert: a fixed blueprint of thoughts, tool calls and an answer per task family (see ``agents/experts``).

The expert sees what a model sees, the messages, the pictures and the tools' results, and never the task behind them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from adagym.agents.base import Agent, Conversation
from adagym.agents.experts import EXPERTS
from adagym.agents.experts.base import Move, Scene
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.protocol.base import NEW_IMAGE
from adagym.types import ImageBlock, TextBlock


class ExpertAgent(Agent):
    """Plays a task family's blueprint. Deterministic, with no state between turns.

    Args:
        draw: Whether paths are also drawn on the picture before the answer.
    """

    name = "expert"

    def __init__(self, draw: bool = False) -> None:
        super().__init__()
        self.draw = draw

    @classmethod
    def from_spec(cls, argument: str | None) -> ExpertAgent:
        """Build from ``expert`` or ``expert:draw``.

        Raises:
            UsageError: The argument is another one.
        """
        if argument not in (None, "draw"):
            raise UsageError(f"The expert is written `expert` or `expert:draw`, not `expert:{argument}`.")
        return cls(draw=argument == "draw")

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write the blueprint's next turn for each conversation.

        Raises:
            UsageError: There is no blueprint for the family, or it needs a tool that is not offered.
        """
        return [self._write(conversation) for conversation in conversations]

    def _write(self, conversation: Conversation) -> str:
        if conversation.family not in EXPERTS:
            played = ", ".join(EXPERTS.names())
            raise UsageError(f"The expert has no blueprint for the family `{conversation.family}`; it plays {played}.")
        return write_move(EXPERTS.load(conversation.family)(read_scene(conversation, self.draw)), conversation)


def write_move(move: Move, conversation: Conversation) -> str:
    """Write a move in the conversation's dialect and under the tools' current names.

    Raises:
        UsageError: It calls a tool that is not offered.
    """
    dialect = DIALECTS.load(conversation.dialect)
    if move.call is None:
        return dialect.write_answer(move.answer, move.think)
    if move.call.name not in conversation.offered:
        raise UsageError(
            f"The script for `{conversation.family}` calls {move.call.name}, but the environment offers "
            f"{', '.join(conversation.offered) or 'no tools'}. Make the environment with its default tools."
        )
    call = move.call if conversation.disguise is None else conversation.disguise.mask_call(move.call)
    return dialect.write_call(call, move.think)


def read_scene(conversation: Conversation, draw: bool = False) -> Scene:
    """Collect prompt, pictures and tool results, with their original fields, from a conversation.

    Raises:
        UsageError: The conversation holds no picture.
    """
    blocks = [block for message in conversation.messages for block in message.content]
    images = {block.name: block.image for block in blocks if isinstance(block, ImageBlock)}
    if not images:
        raise UsageError("The expert reads a picture, and this conversation holds none. Show it the task's image.")
    prompt = next(message.text for message in conversation.messages if message.role == "user")
    replies = [
        after
        for before, after in zip(conversation.messages, conversation.messages[1:], strict=False)
        if before.role == "assistant"
    ]
    results = tuple(_envelope(next((b.text for b in r.content if isinstance(b, TextBlock)), "")) for r in replies)
    if conversation.disguise is not None:
        results = tuple(map(conversation.disguise.unmask_envelope, results))
    name = next(iter(images))
    made = tuple(tuple(NEW_IMAGE.findall(reply.text)) for reply in replies)
    return Scene(prompt, name, images[name], images, results, draw, conversation.offered, made)


def _envelope(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:  # a complaint in plain words instead of a result
        return {}
    return value if isinstance(value, dict) else {}
