"""TRL's conversational format for image-text models: typed messages and a list of pictures.

``write`` makes JSON lines and picture files; load them with::

    data = datasets.load_dataset("json", data_files="data.jsonl", split="train")
    data = data.cast_column("images", datasets.List(datasets.Image()))

from within the folder, because the paths are relative to it. ``write_parquet`` makes one file that
``datasets.load_dataset`` reads with its pictures decoded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adagym.algos.exports.content import ImageFolder, pictures, refuse_json_turns, typed, write_lines
from adagym.algos.exports.parquet import write_table
from adagym.errors import UsageError
from adagym.pictures import to_png
from adagym.types import Trajectory

FILE = "data.jsonl"
PARQUET = "data.parquet"

_TEXT = {"dtype": "string", "_type": "Value"}
_PART = {"type": _TEXT, "text": _TEXT}
_MESSAGE = {"role": _TEXT, "content": {"feature": _PART, "_type": "List"}}
_FEATURES = {
    "messages": {"feature": _MESSAGE, "_type": "List"},
    "images": {"feature": {"_type": "Image"}, "_type": "List"},
}
"""What ``datasets`` is told about the columns."""


def write(trajectories: Sequence[Trajectory], folder: Path) -> Path:
    """Write ``data.jsonl`` and ``images/``.

    Raises:
        UsageError: The dialect's turns are not text, or a tool's message holds a picture.
    """
    files = ImageFolder(folder)
    rows = (
        {"messages": messages(t), "images": [files.save(image) for image in pictures(t.messages)]} for t in trajectories
    )
    return write_lines(folder / FILE, rows)


def write_parquet(trajectories: Sequence[Trajectory], folder: Path) -> Path:
    """Write ``data.parquet`` with the pictures inside.

    Raises:
        UsageError: See :func:`write`.
        MissingExtra: ``pyarrow`` is not installed.
    """
    rows = [
        {
            "messages": [{**m, "content": [{"text": None, **part} for part in m["content"]]} for m in messages(t)],
            "images": [{"bytes": to_png(image), "path": None} for image in pictures(t.messages)],
        }
        for t in trajectories
    ]
    return write_table(folder / PARQUET, rows, _schema, {"huggingface": json.dumps({"info": {"features": _FEATURES}})})


def messages(trajectory: Trajectory) -> list[dict[str, Any]]:
    """The conversation in typed parts.

    Raises:
        UsageError: The dialect's turns are not text, or a tool's message holds a picture, which TRL does not count.
    """
    refuse_json_turns(trajectory.dialect, "trl")
    if any(message.images for message in trajectory.messages if message.role == "tool"):
        raise UsageError(
            f"In the dialect `{trajectory.dialect}` pictures stand in tool messages, where TRL does not look for them. "
            "Curate in `adareasoner` or `adatooler`, or export another format."
        )
    return [{"role": message.role, "content": typed(message)} for message in trajectory.messages]


def _schema(pa: Any) -> dict[str, Any]:
    part = pa.struct([("type", pa.string()), ("text", pa.string())])
    message = pa.struct([("role", pa.string()), ("content", pa.list_(part))])
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return {"messages": pa.list_(message), "images": pa.list_(image)}
