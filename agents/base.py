"""Who acts. An agent reads conversations and writes action texts, many at a time.

The collector submits a conversation whenever an environment is ready and polls for replies, so a slow
episode never holds up the others. A simple agent only implements :meth:`Agent.act`; one that generates
continuously (a policy, an endpoint) overrides :meth:`Agent.submit` and :meth:`Agent.poll`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gymnasium as gym

from adagym.envs.wrappers.disguise import Disguise
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.types import Message, ToolSpec


@dataclass(frozen=True)
class Conversation:
    """Everything a model may see when it is its turn."""

    key: str
    """Identifies the episode; constant over its turns."""
    group: str | None
    """Conversations of one group start with identical messages."""
    seed: int
    """Seeds this episode's sampling; never a global generator."""
    turn: int
    """0 for the first action."""
    family: str
    dialect: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    action_space: gym.Space[str]
    disguise: Disguise | None = None
    """What adaptive names mean; None without. For scripted agents only: models never see it."""

    @property
    def offered(self) -> tuple[str, ...]:
        """Names of the tools in the registry, whatever this episode calls them."""
        return tuple(tool.name for tool in self.tools) if self.disguise is None else tuple(self.disguise.tools)


@dataclass(frozen=True)
class Usage:
    """What one turn cost. Tokens are None where they are not known, for example because the request failed."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float = 0.0
    """Wall time of the turn's requests, waiting for the next attempt included."""
    retries: int = 0
    """Requests that failed before the one that counted."""
    dropped_images: int = 0
    """Pictures that were left out of the turn's prompt because they did not fit."""


@dataclass(frozen=True)
class Reply:
    """An action text, or the reason why there is none (which voids the episode)."""

    key: str
    text: str = ""
    error: str | None = None
    full: bool = False
    """The agent can hold no more of this conversation: the episode is truncated, and scored as it stands."""
    usage: Usage | None = None
    """What the turn cost, where the agent knows it; no part of what replays compare."""


class Agent:
    """Base of all agents."""

    name = "agent"
    parallel = 64
    """How many episodes an evaluation plays at a time unless told otherwise."""

    def __init__(self) -> None:
        self._waiting: list[Conversation] = []

    @classmethod
    def from_spec(cls, argument: str | None) -> Agent:
        """Build the agent of a command-line spec ``name`` or ``name:argument``.

        Agents that load something override this.

        Args:
            argument: What follows the colon, or None without a colon.

        Raises:
            UsageError: The argument is missing, superfluous, or cannot be used.
        """
        if argument is not None:
            raise UsageError(f"The agent `{cls.name}` takes no argument, not even `{argument}`; write `{cls.name}`.")
        return cls()

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write one action text per conversation, in order."""
        raise NotImplementedError(f"{type(self).__name__} must implement `act`, or `submit` and `poll`.")

    def submit(self, conversation: Conversation) -> None:
        """Hand in a conversation whose turn it is."""
        self._waiting.append(conversation)

    def poll(self) -> list[Reply]:
        """Do some work and return what is finished; an empty list means: call again."""
        batch, self._waiting = self._waiting, []
        texts = self.act(batch) if batch else []
        return [Reply(conversation.key, text) for conversation, text in zip(batch, texts, strict=True)]

    def finish(self, key: str) -> TokenTrace | None:
        """Forget an episode, answered or not; return its tokens if the agent keeps them."""
        self._waiting = [conversation for conversation in self._waiting if conversation.key != key]
        return None

    def close(self) -> None:
        """Release models and connections."""
