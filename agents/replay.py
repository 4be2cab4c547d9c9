"""The replay agent: repeats the actions of saved episodes."""

from __future__ import annotations

from collections import defaultdict, deque
from pathlib import Path

from adagym.agents.base import Agent, Conversation, Reply
from adagym.digest import messages_digest
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.store import read_trajectories
from adagym.types import Message


class ReplayAgent(Agent):
    """Repeats saved episodes, each in the conversation that starts with the same messages.

    Several saved episodes with one beginning (a group) are handed out in the order of the file. A
    conversation with no episode left, or with more turns than were saved, is replied to with an error.

    Args:
        path: A file written by :class:`adagym.store.Store`.

    Raises:
        DataError: The file is missing or malformed.
        UsageError: The file holds no episode.
    """

    name = "replay"

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self._saved: dict[str, deque[tuple[str, ...]]] = defaultdict(deque)
        self._playing: dict[str, tuple[str, ...]] = {}
        for trajectory in read_trajectories(self.path):
            self._saved[_beginning(trajectory.messages)].append(trajectory.actions)
        if not self._saved:
            raise UsageError(f"{self.path} holds no episode; give a file of saved episodes.")

    @classmethod
    def from_spec(cls, argument: str | None) -> ReplayAgent:
        """Build from ``replay:FILE``.

        Raises:
            UsageError: The file is not given, missing or malformed.
        """
        if not argument:
            raise UsageError("The agent `replay` needs a file of saved episodes; write `replay:FILE`.")
        return cls(argument)

    def poll(self) -> list[Reply]:
        """Reply to everything submitted."""
        batch, self._waiting = self._waiting, []
        return [self._reply(conversation) for conversation in batch]

    def finish(self, key: str) -> TokenTrace | None:
        """Forget an episode."""
        self._playing.pop(key, None)
        return super().finish(key)

    def _reply(self, conversation: Conversation) -> Reply:
        if conversation.turn == 0:
            saved = self._saved[_beginning(conversation.messages)]
            if not saved:
                return Reply(
                    conversation.key, error=f"{self.path} holds no (further) episode that starts like this one."
                )
            self._playing[conversation.key] = saved.popleft()
        actions = self._playing[conversation.key]
        if conversation.turn >= len(actions):
            return Reply(
                conversation.key,
                error=f"The episode saved in {self.path} has {len(actions)} turns, and the environment asks for more.",
            )
        return Reply(conversation.key, actions[conversation.turn])


def _beginning(messages: tuple[Message, ...]) -> str:
    """A digest of everything before the first action."""
    first = next((place for place, message in enumerate(messages) if message.role == "assistant"), len(messages))
    return messages_digest(messages[:first])
