"""LLaMA-Factory's ShareGPT format with pictures (``src/llamafactory/data/converter.py``).

Turns alternate strictly between ``human`` or ``observation`` and ``gpt`` or ``function_call``. By default a call stays
in a ``gpt`` turn as the text of the dialect, so that the loss teaches exactly the protocol that the environments read:
the trainer's own rendering of ``function_call`` turns writes other keys and spacing than AdaReasoner's dialect. For the
native dialects, which are that rendering, ``write_calls`` gives the structured form with a ``tools`` column.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym

from adagym.algos.exports.content import (
    ImageFolder,
    checked,
    pictures,
    refuse_json_turns,
    with_placeholders,
    write_lines,
)
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.protocol.base import dumps
from adagym.types import ParsedAction, Step, ToolSpec, Trajectory

NAME = "adagym"
"""Name of the entry in ``dataset_info.json``."""
FILE = "data.jsonl"
INFO = "dataset_info.json"

COLUMNS = {
    "messages": "conversations",
    "images": "images",
    "videos": "videos",
    "audios": "audios",
    "system": "system",
    "tools": "tools",
}
TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
_NATIVE = ("hermes", "openai")
_SPEAKERS = {"user": "human", "tool": "observation"}


def write(trajectories: Sequence[Trajectory], folder: Path) -> Path:
    """Write ``data.jsonl``, ``images/`` and ``dataset_info.json``, calls as text.

    Raises:
        UsageError: The dialect's turns are not text, or a text holds a placeholder.
    """
    return _write([(trajectory, False) for trajectory in trajectories], folder)


def write_calls(trajectories: Sequence[Trajectory], folder: Path) -> Path:
    """Write the same with ``function_call`` turns and a ``tools`` column.

    Raises:
        UsageError: The dialect is not one of the native ones, or a text holds a placeholder.
    """
    return _write([(trajectory, True) for trajectory in trajectories], folder)


def sharegpt(trajectory: Trajectory, images: Sequence[str], calls: bool) -> dict[str, Any]:
    """One row.

    Args:
        trajectory: A finished episode.
        images: Paths of its pictures, in order.
        calls: Whether calls are ``function_call`` turns.

    Raises:
        UsageError: See :func:`write` and :func:`write_calls`.
    """
    dialect = DIALECTS.load(trajectory.dialect)
    if not calls:
        refuse_json_turns(dialect.name, "llamafactory")
    elif dialect.name not in _NATIVE:
        raise UsageError(
            f"`llamafactory-calls` is for the dialects {' and '.join(_NATIVE)}, which the trainer renders itself; "
            f"these episodes are in `{dialect.name}`. Export `llamafactory`."
        )
    system = next((message.text for message in trajectory.messages if message.role == "system"), "")
    steps = iter(trajectory.steps)
    turns = []
    for message in trajectory.messages:
        if message.role == "assistant":
            step = next(steps)
            turns.append(_call_turn(step) if calls else {"from": "gpt", "value": checked(step.action)})
        elif message.role != "system":
            turns.append({"from": _SPEAKERS[message.role], "value": with_placeholders(message)})
    return {
        "conversations": turns,
        # The trainer writes the tools itself where it is given them.
        "system": checked(dialect.system_prompt(())) if calls else checked(system),
        "tools": _tools(trajectory) if calls else "",
        "images": list(images),
        "videos": [],
        "audios": [],
    }


def _write(items: Sequence[tuple[Trajectory, bool]], folder: Path) -> Path:
    files = ImageFolder(folder)
    rows = (
        sharegpt(trajectory, [files.save(image) for image in pictures(trajectory.messages)], calls)
        for trajectory, calls in items
    )
    path = write_lines(folder / FILE, rows)
    entry = {"file_name": FILE, "formatting": "sharegpt", "columns": COLUMNS, "tags": TAGS}
    (folder / INFO).write_text(json.dumps({NAME: entry}, indent=2) + "\n", encoding="utf-8")
    return path


def _call_turn(step: Step) -> dict[str, str]:
    """A turn of a native dialect: the thought in the trainer's marks, then the call's JSON or the answer's text."""
    think, text = _parts(step.parsed)
    # The marks with their line breaks fit both forms that the trainer's templates look for.
    thought = f"<think>\n{think}\n</think>\n\n" if think else ""
    if step.parsed.call is None:
        return {"from": "gpt", "value": checked(f"{thought}{text}")}
    call = {"name": step.parsed.call.name, "arguments": dict(step.parsed.call.arguments)}
    return {"from": "function_call", "value": checked(f"{thought}{dumps(call)}")}


def _parts(parsed: ParsedAction) -> tuple[str, str]:
    """Thought and answer text of a turn."""
    answer = f"\\boxed{{{parsed.answer}}}"
    if parsed.think or not parsed.text.lstrip().startswith("{"):
        return parsed.think.strip(), answer
    # An answer of the dialect `openai` keeps its thought in the content, before the answer.
    content = str(json.loads(parsed.text).get("content") or "")
    return content.partition(answer)[0].strip(), answer


def _tools(trajectory: Trajectory) -> str:
    """The tools that were offered, as a JSON string; empty for none."""
    tools = [_schema(tool) for tool in _offered(trajectory)]
    return json.dumps(tools, ensure_ascii=False) if tools else ""


def _offered(trajectory: Trajectory) -> tuple[ToolSpec, ...]:
    """The tools of an episode's environment, which an episode does not keep."""
    kwargs = {**trajectory.env_kwargs, "tasks": (trajectory.task,)}
    env = gym.make(f"adagym.envs:{trajectory.env_id}", disable_env_checker=True, **kwargs)
    try:
        env.reset(seed=trajectory.seed, options={"task": trajectory.task})
        inner: Any = env.unwrapped
        tools: tuple[ToolSpec, ...] = tuple(inner.action_space.tools)
        return tools
    finally:
        env.close()


def _schema(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
