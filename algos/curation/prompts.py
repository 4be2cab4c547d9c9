"""How long the first observations of tasks are for a model, so that those which do not fit can be left out.

AdaTooler-V's script drops questions of more than 8192 tokens from its data, and says how many. The prompt is what the
environment shows: system prompt, tools, question, pictures and the frames of a video, each at what the
model's processor makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adagym.envs.base import ToolEnv
from adagym.errors import DataError
from adagym.types import Task

if TYPE_CHECKING:
    from adagym.policies.encoding import Encoder


@dataclass(frozen=True)
class PromptLength:
    """One line of the report's file."""

    id: str
    index: int
    """The task's position in its source."""
    tokens: int | None
    """Of the first observation; None if the task could not be opened."""
    error: str | None = None
    """Why it could not."""

    @property
    def group(self) -> str:
        """What the task belongs to: its id without the last part."""
        return self.id.rpartition("/")[0] or self.id


def prompt_lengths(
    env: ToolEnv, tasks: Sequence[Task], indices: Iterable[int], encoder: Encoder
) -> Iterator[PromptLength]:
    """Measure tasks one by one.

    Args:
        env: Shows them, as it is to show them in training.
        tasks: The source.
        indices: Which of them, from 0.
        encoder: The model's.

    Raises:
        UsageError: The model's chat template cannot write the prompt.
    """
    for index in indices:
        task_id = f"unread/{index}"
        try:
            task = tasks[index]
            task_id = task.id
            env.reset(seed=0, options={"task": task})
        except DataError as error:
            yield PromptLength(task_id, index, None, str(error))
            continue
        yield PromptLength(task_id, index, len(encoder.prompt(env.messages).ids))


@dataclass(frozen=True)
class GroupReport:
    """What was kept of one data source."""

    tasks: int
    kept: int
    too_long: int
    unreadable: int
    longest: int | None
    """Tokens of the longest prompt, kept or not."""


def report(lengths: Iterable[PromptLength], max_tokens: int) -> Mapping[str, GroupReport]:
    """Group to what was kept of it, in the order of the groups' names."""
    groups: dict[str, list[PromptLength]] = {}
    for length in lengths:
        groups.setdefault(length.group, []).append(length)
    return {name: _reported(groups[name], max_tokens) for name in sorted(groups)}


def _reported(lengths: Sequence[PromptLength], max_tokens: int) -> GroupReport:
    tokens = [length.tokens for length in lengths if length.tokens is not None]
    kept = sum(number <= max_tokens for number in tokens)
    return GroupReport(len(lengths), kept, len(tokens) - kept, len(lengths) - len(tokens), max(tokens, default=None))
