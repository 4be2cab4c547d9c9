"""Validation: what must hold of an episode before it becomes a row of training data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adagym.agents.blueprints import Variant
from adagym.protocol import DIALECTS
from adagym.rewards.accuracy import accuracy_reward
from adagym.rewards.format import format_reward
from adagym.store import differences, replay
from adagym.types import ImageBlock, Message, Step, Trajectory

Length = Callable[[Sequence[Message]], int]
"""Number of tokens of a conversation."""


def fault(
    trajectory: Trajectory, variant: Variant, length: Length | None = None, max_tokens: int | None = None
) -> str | None:
    """Say what is wrong with an episode, in a few words that serve to count; None if nothing is.

    Checked are, in this order: an answer was given; every turn is strictly well-formed; every turn has a thought; the
    answer is right; as many calls failed as the variant says; pictures are named in order and none is missing; the
    length; and that the episode replays to the same bytes.

    Args:
        trajectory: The episode.
        variant: What it is meant to show.
        length: Counts tokens; None leaves the length unchecked.
        max_tokens: The most that are allowed.
    """
    if trajectory.outcome != "answered":
        return trajectory.error or "no answer"
    if format_reward(trajectory.task, trajectory) != 1:
        return "not well-formed"
    if not all(has_thought(step, trajectory.dialect) for step in trajectory.steps):
        return "a turn without a thought"
    if accuracy_reward(trajectory.task, trajectory) != 1:
        return "wrong answer"
    if sum(not result.ok for result in trajectory.calls) != variant.failures:
        return "other calls failed than planned"
    if not _pictures_match(trajectory):
        return "pictures do not match"
    if length is not None and max_tokens is not None and length(trajectory.messages) > max_tokens:
        return f"more than {max_tokens} tokens"
    # Played just now by this process, so that what its tools ran on can be trusted.
    if differences(trajectory, replay(trajectory, trajectory.env_kwargs.get("tools"))):
        return "does not replay"
    return None


def has_thought(step: Step, dialect: str) -> bool:
    """Whether a turn says more than the bare call or answer does."""
    writer = DIALECTS.load(dialect)
    parsed = writer.parse(step.action)
    bare = writer.write_answer(parsed.answer or "") if parsed.call is None else writer.write_call(parsed.call)
    return step.action.strip() != bare.strip()


def _pictures_match(trajectory: Trajectory) -> bool:
    """Whether the conversation shows the task's pictures, frames of its video, then those of the results, in order."""
    blocks = [b for message in trajectory.messages for b in message.content if isinstance(b, ImageBlock)]
    own = len(trajectory.task.images)
    first = sum(len(message.images) for message in trajectory.messages[:2])
    expected = first + sum(len(step.observation["images"]) for step in trajectory.steps)
    begun = first == own if trajectory.task.video is None else first > own
    return begun and [block.name for block in blocks] == [f"img_{number}" for number in range(1, expected + 1)]
