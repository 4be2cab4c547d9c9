"""verl's parquet files: ``sft.parquet`` (whole conversations) and ``rl.parquet`` (prompts with what judges them).

Texts hold ``<image>`` where a picture stands, and pictures are always ``{"bytes": ...}``: verl refuses a column that
mixes forms. No column is a struct that could be empty, which parquet cannot store.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adagym.algos.exports.content import pictures, refuse_json_turns, with_placeholders
from adagym.algos.exports.parquet import write_table
from adagym.pictures import to_png
from adagym.types import Message, Trajectory

SFT = "sft.parquet"
RL = "rl.parquet"


def write(trajectories: Sequence[Trajectory], folder: Path) -> Path:
    """Write both files and return the first.

    Each episode is a row of ``sft.parquet``; each task is one of ``rl.parquet``, however many episodes it has.

    Raises:
        UsageError: The dialect's turns are not text, or a text holds a placeholder.
        MissingExtra: ``pyarrow`` is not installed.
    """
    path = write_table(folder / SFT, [conversation(trajectory) for trajectory in trajectories], _sft_schema)
    tasks: dict[tuple[str, str], Trajectory] = {}
    for trajectory in trajectories:
        tasks.setdefault((trajectory.task.family, trajectory.task.id), trajectory)
    write_table(folder / RL, [question(t, index) for index, t in enumerate(tasks.values())], _rl_schema)
    return path


def conversation(trajectory: Trajectory) -> dict[str, Any]:
    """One row of ``sft.parquet``."""
    refuse_json_turns(trajectory.dialect, "verl")
    return {"messages": _texts(trajectory.messages), "images": _bytes(trajectory.messages)}


def question(trajectory: Trajectory, index: int) -> dict[str, Any]:
    """One row of ``rl.parquet``: what the episode began with.

    The ground truth is the reference answer; for a task that is judged by simulation it is the JSON of its facts.
    """
    task = trajectory.task
    opening = [message for message in trajectory.messages[:2] if message.role != "assistant"]
    facts = json.dumps(dict(task.meta), ensure_ascii=False)
    return {
        "data_source": task.family,
        "prompt": _texts(opening),
        "images": _bytes(opening),
        "ability": "visual_reasoning",
        "reward_model": {"style": "rule", "ground_truth": task.answer or facts},
        "extra_info": {
            "split": task.split,
            "index": index,
            "task": task.id,
            "answer_type": task.answer_type,
            "env": trajectory.env_id,
            "meta": facts,
        },
    }


def _texts(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": with_placeholders(message)} for message in messages]


def _bytes(messages: Sequence[Message]) -> list[dict[str, bytes]]:
    return [{"bytes": to_png(image)} for image in pictures(messages)]


def _sft_schema(pa: Any) -> dict[str, Any]:
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    return {"messages": pa.list_(message), "images": pa.list_(pa.struct([("bytes", pa.binary())]))}


def _rl_schema(pa: Any) -> dict[str, Any]:
    judged = pa.struct([("style", pa.string()), ("ground_truth", pa.string())])
    strings = ["split", "task", "answer_type", "env", "meta"]
    extra = pa.struct([("index", pa.int64()), *((name, pa.string()) for name in strings)])
    columns = _sft_schema(pa)
    return {
        "data_source": pa.string(),
        "prompt": columns["messages"],
        "images": columns["images"],
        "ability": pa.string(),
        "reward_model": judged,
        "extra_info": extra,
    }
