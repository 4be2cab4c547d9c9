"""A value as titled sections of text and pictures, which terminals and notebooks draw each in their way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adagym.show import ShownObservation
from adagym.show.brief import brief, call_text, size
from adagym.types import Array, ArrayImage, ImageBlock, Message, Step, Task, TextBlock, ToolResult, Trajectory


@dataclass(frozen=True)
class Picture:
    """A picture with what is written below it."""

    caption: str
    image: Array


@dataclass(frozen=True)
class Section:
    """A title, and what is below it."""

    title: str
    parts: tuple[str | Picture, ...]


def sections(value: object) -> tuple[Section, ...]:
    """Everything worth seeing of a value, in order; pictures of tasks are loaded.

    Args:
        value: An instance of one of the types that derive from :class:`adagym.show.Shown`.

    Raises:
        DataError: A task's picture cannot be loaded.
    """
    if isinstance(value, Task):
        return (_task(value),)
    if isinstance(value, Message):
        return (message_section(value),)
    if isinstance(value, Trajectory):
        return (*map(message_section, value.messages), Section("outcome", (outcome_text(value),)))
    if isinstance(value, ToolResult):
        return (Section(brief(value), (facts(value.data), *_pictures(value.images))),)
    if isinstance(value, Step):
        seen = value.observation
        shown = Section(f"observation ({call_text(value)})", (seen["text"], *_pictures(seen["images"])))
        return Section("action", (value.action,)), shown
    if isinstance(value, ShownObservation):
        return (Section("observation", (str(value.get("text", "")), *_pictures(tuple(value.get("images", ()))))),)
    if isinstance(value, ImageBlock):
        return (Section("picture", (picture(value),)),)
    if isinstance(value, ArrayImage):
        return (Section("picture", _pictures((value.array,))),)
    return (Section(type(value).__name__, (value.text if isinstance(value, TextBlock) else repr(value),)),)


def message_section(message: Message) -> Section:
    """A turn of the transcript."""
    parts = (block.text if isinstance(block, TextBlock) else picture(block) for block in message.content)
    return Section(message.role, tuple(parts))


def picture(block: ImageBlock) -> Picture:
    """A named picture, with its size below it."""
    return Picture(f"{block.name}, {size(block.image)} pixels", block.image)


def outcome_text(trajectory: Trajectory) -> str:
    """How an episode stands: outcome, reward and its parts."""
    reward = "not scored" if trajectory.reward is None else f"reward {trajectory.reward:g}"
    error = "" if trajectory.error is None else f": {trajectory.error}"
    return f"{trajectory.outcome}, {reward}{parts_text(trajectory.reward_parts)}{error}"


def parts_text(parts: Mapping[str, float | None]) -> str:
    """Reward parts in parentheses, `-` where one could not be scored; empty where there are none."""
    named = ", ".join(f"{name} {'-' if value is None else f'{value:g}'}" for name, value in parts.items())
    return f" ({named})" if named else ""


def facts(values: Mapping[str, Any]) -> str:
    """A mapping as lines of ``key: value``."""
    return "\n".join(
        f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)}"
        for key, value in values.items()
    )


def _pictures(images: tuple[Array, ...]) -> tuple[Picture, ...]:
    return tuple(Picture(f"{size(image)} pixels", image) for image in images)


def _task(task: Task) -> Section:
    about: dict[str, Any] = {"family": task.family, "split": task.split}
    about |= {"video": task.video} if task.video is not None else {}
    about |= {f"choice {number}": choice for number, choice in enumerate(task.choices, 1)}
    about |= {"answer": task.answer or "(judged by simulation)", "answer type": task.answer_type}
    about |= {"tools": ", ".join(task.tool_names) or "none"} if task.tool_names is not None else {}
    about |= {"tool benefit": task.tool_benefit} if task.tool_benefit is not None else {}
    about |= dict(task.meta)
    images = (ImageBlock(f"img_{number}", image.load()) for number, image in enumerate(task.images, 1))
    return Section(f"task {task.id}", (task.prompt, *map(picture, images), facts(about)))
