"""One line for each kind of value: what a debugger, a log or an assertion prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adagym.show import ShownObservation
from adagym.types import (
    Array,
    ArrayImage,
    ImageBlock,
    Message,
    Step,
    Task,
    TextBlock,
    ToolResult,
    Trajectory,
)

MOST_CHARS = 60
"""Longest excerpt of a text."""
MOST_SIZES = 4
"""Most pictures whose sizes are told."""


def brief(value: object) -> str:
    """A value in one line, without pixels.

    Args:
        value: An instance of one of the types that derive from :class:`adagym.show.Shown`.

    Raises:
        TypeError: It is not; a new type needs a line here.
    """
    for kind, facts in _FACTS.items():
        if isinstance(value, kind):
            return f"{type(value).__name__.removeprefix('Shown')}({', '.join(facts(value))})"
    raise TypeError(f"{type(value).__name__} has no one-line form; add it to adagym/show/brief.py.")


def excerpt(text: str, most: int = MOST_CHARS) -> str:
    """The beginning of a text in quotes, with the number of characters if it is longer."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}... {len(text)} characters"


def size(image: Array) -> str:
    """Width and height in pixels, for example ``256x128``."""
    return f"{image.shape[1]}x{image.shape[0]}"


def call_text(step: Step) -> str:
    """What a step did, in a few words: its call and how that went, its answer, or what was wrong."""
    parsed = step.parsed
    if parsed.call is not None:
        ended = "" if step.result is None else ": ok" if step.result.ok else f": failed {int(step.result.error_code)}"
        return f"{parsed.call.name}{ended}"
    return f"answer {excerpt(parsed.answer)}" if parsed.answer is not None else f"unusable: {parsed.error_kind}"


def _sizes(images: Sequence[Array]) -> str:
    shown = [size(image) for image in images[:MOST_SIZES]]
    return f"[{', '.join([*shown, *(['...'] if len(images) > MOST_SIZES else [])])}]"


def _task(task: Task) -> list[str]:
    facts = [
        excerpt(task.id),
        f"family={task.family!r}",
        f"prompt={excerpt(task.prompt)}",
        f"images={len(task.images)}",
    ]
    facts += [f"video={excerpt(task.video)}"] if task.video is not None else []
    facts += [f"choices={len(task.choices)}"] if task.choices else []
    return [*facts, f"answer={excerpt(task.answer)}", f"split={task.split!r}"]


def _message(message: Message) -> list[str]:
    named = [f"{block.name} {size(block.image)}" for block in message.content if isinstance(block, ImageBlock)]
    return [message.role, *([f"[{', '.join(named)}]"] if named else []), excerpt(message.text)]


def _result(result: ToolResult) -> list[str]:
    code = [] if result.error_code == 0 else [f"error_code={int(result.error_code)}"]
    said = [f"message={excerpt(result.message)}"] if result.message else []
    data = [f"data={_short(dict(result.data))}"] if result.data else []
    return [result.tool, result.status, *code, *said, *data, f"images={_sizes(result.images)}"]


def _step(step: Step) -> list[str]:
    flags = [name for name in ("terminated", "truncated") if getattr(step, name)]
    return [call_text(step), f"reward={step.reward:g}", *flags]


def _trajectory(trajectory: Trajectory) -> list[str]:
    did = " -> ".join(map(call_text, trajectory.steps[:8])) + (" -> ..." if len(trajectory.steps) > 8 else "")
    score = "unscored" if trajectory.reward is None else f"reward={trajectory.reward:g}"
    turns = f"{len(trajectory.steps)} turn{'' if len(trajectory.steps) == 1 else 's'}"
    return [
        trajectory.env_id,
        f"task={excerpt(trajectory.task.id)}",
        f"{turns}{f': {did}' if did else ''}",
        trajectory.outcome,
        score,
    ]


def _observation(observation: ShownObservation) -> list[str]:
    # A caller may have put anything into it or taken anything out.
    facts = [f"text={excerpt(observation['text'])}"] if isinstance(observation.get("text"), str) else []
    images = observation.get("images")
    facts += [f"images={_sizes(images)}"] if isinstance(images, tuple) else []
    return [*facts, *(f"{key}={value!r:.60}" for key, value in observation.items() if key not in ("text", "images"))]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}..."


_FACTS: dict[type, Any] = {
    Task: _task,
    ArrayImage: lambda image: [size(image.array)],
    TextBlock: lambda block: [excerpt(block.text)],
    ImageBlock: lambda block: [block.name, size(block.image)],
    Message: _message,
    ToolResult: _result,
    Step: _step,
    Trajectory: _trajectory,
    ShownObservation: _observation,
}
"""Kind to the facts in its parentheses."""
