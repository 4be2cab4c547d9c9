"""Thoughts written by a model: the whole episode is shown with gaps, and the model fills them.

As in AdaReasoner's curation, the reply must hold exactly as many thoughts as there are gaps; otherwise it is asked
for again, and after that the row is given up. Any OpenAI-compatible endpoint will do.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from adagym.agents.endpoint import (
    FORM,
    NEVER,
    Address,
    ContextOverflow,
    Endpoint,
    EndpointError,
    Refused,
    unanswered,
)
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.store import replay
from adagym.types import ImageBlock, Message, Step, Trajectory

RETRIES = 3
"""How often an unusable reply is asked for again (AdaReasoner, ``AdaDataCuration``)."""

TEMPLATES = "templates"
"""The spec that keeps the thoughts of the blueprints."""

_GAP = re.compile(r"<think>(.*?)</think>", re.DOTALL)

_TASK = """Below is the transcript of an assistant that solves a visual problem with tools. Each turn of the assistant \
begins with a numbered gap of the form <think>[N] draft</think>. Replace each draft by the reasoning that leads from \
what is known at that point to the call or answer that follows: natural, in the first person, one to three sentences, \
with the facts of the draft, and without knowledge of what comes later. Name no tool by another name than the \
transcript does.

Reply with exactly {count} blocks <think>...</think>, in order, without numbers, and with nothing else.

{transcript}"""


class NoThoughts(Exception):
    """The model gave no usable thoughts for an episode; the message says why."""


Thinker = Callable[[Trajectory], Sequence[str]]
"""Writes one thought per turn; raises NoThoughts."""


def make_thinker(spec: str) -> Thinker | None:
    """Build what writes the thoughts.

    Args:
        spec: ``templates``, which keeps the blueprints' own, or ``openai:MODEL@URL``.

    Raises:
        UsageError: The spec is of another form.
    """
    if spec == TEMPLATES:
        return None
    kind, _, rest = spec.partition(":")
    if kind != "openai" or not rest:
        raise UsageError(f"Thoughts are written by `{TEMPLATES}` or by `{FORM}`, not by `{spec}`.")
    where = Address.parse(rest)
    return ModelThinker(Endpoint(where.model, where.url))


class ModelThinker:
    """Asks an OpenAI-compatible endpoint for the thoughts of an episode.

    Args:
        endpoint: The model.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def __call__(self, trajectory: Trajectory) -> Sequence[str]:
        """Write one thought per turn.

        Raises:
            NoThoughts: No reply had the right number of thoughts, or the request was refused.
            UsageError: The endpoint does not answer, or knows neither key nor model.
        """
        steps = trajectory.steps
        prompt = _TASK.format(count=len(steps), transcript=transcript(trajectory))
        for _ in range(1 + RETRIES):
            thoughts = [thought.strip() for thought in _GAP.findall(self._ask(prompt))]
            if len(thoughts) == len(steps) and all(thoughts) and _writable(trajectory, thoughts):
                return thoughts
        raise NoThoughts("wrong number of thoughts")

    def _ask(self, prompt: str) -> str:
        endpoint = self._endpoint
        try:
            return endpoint.chat([{"role": "user", "content": prompt}]).text
        except Refused as error:
            if error.status in NEVER:
                raise unanswered(endpoint, error) from error
            raise NoThoughts("request refused by the model") from error
        except ContextOverflow as error:
            raise NoThoughts("request refused by the model") from error
        except EndpointError as error:  # after the client's own retries
            raise unanswered(endpoint, error) from error


def think_in_parallel(
    thinker: Thinker, trajectories: Iterable[Trajectory], workers: int
) -> Iterator[tuple[Trajectory, Sequence[str] | NoThoughts]]:
    """Have thoughts written for several episodes at a time, in order.

    At most ``workers`` episodes are in flight.

    Raises:
        UsageError: See :class:`ModelThinker`.
    """

    def write(trajectory: Trajectory) -> Sequence[str] | NoThoughts:
        try:
            return thinker(trajectory)
        except NoThoughts as reason:
            return reason

    source = iter(trajectories)
    with ThreadPoolExecutor(workers) as pool:
        while batch := list(itertools.islice(source, workers)):
            yield from zip(batch, pool.map(write, batch), strict=True)


def fill(trajectory: Trajectory, thoughts: Sequence[str]) -> Trajectory:
    """Put thoughts into an episode and play it again, so that it is read as it will be seen.

    Raises:
        UsageError: A thought cannot be written in the dialect, or the counts differ.
    """
    steps = [
        replace(step, action=rewritten(step, thought, trajectory.dialect))
        for step, thought in zip(trajectory.steps, thoughts, strict=True)
    ]
    return replay(replace(trajectory, steps=tuple(steps)))


def rewritten(step: Step, thought: str, dialect: str) -> str:
    """A turn's action with another thought.

    Raises:
        UsageError: The thought cannot be written in the dialect.
    """
    writer = DIALECTS.load(dialect)
    parsed = writer.parse(step.action)
    if parsed.call is None:
        return writer.write_answer(parsed.answer or "", thought)
    return writer.write_call(parsed.call, thought)


def transcript(trajectory: Trajectory) -> str:
    """An episode in plain text, its thoughts as numbered gaps and its pictures by name."""
    number = itertools.count(1)
    turns = iter(trajectory.steps)
    parts = []
    for message in trajectory.messages:
        if message.role == "assistant":
            step = next(turns)
            action = step.action.strip()
            draft = _GAP.search(action)
            bare = rewritten(step, "", trajectory.dialect) if draft is None else _GAP.sub("", action, count=1)
            parts.append(f"[assistant]\n<think>[{next(number)}] {draft[1].strip() if draft else ''}</think>{bare}")
        else:
            parts.append(f"[{message.role}]\n{_plain(message)}")
    return "\n\n".join(parts)


def _plain(message: Message) -> str:
    return "".join(f"[{b.name}]" if isinstance(b, ImageBlock) else b.text for b in message.content)


def _writable(trajectory: Trajectory, thoughts: Sequence[str]) -> bool:
    try:
        for step, thought in zip(trajectory.steps, thoughts, strict=True):
            rewritten(step, thought, trajectory.dialect)
    except UsageError:
        return False
    return True
