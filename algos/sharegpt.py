"""Conversations in LLaMA-Factory's ShareGPT format, to learn from: the reverse of ``algos/exports/llamafactory.py``.

This is the format of AdaTooler-V's data for supervised fine-tuning. Rows are checked when the file is opened, as the
trainer would, and those that it would drop are counted; pictures are read when a conversation is asked for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adagym.algos.exports.content import PLACEHOLDER
from adagym.algos.exports.llamafactory import INFO
from adagym.envs.tasks.json_rows import JsonRows, Row, first_row
from adagym.envs.tasks.lazy import Lazy
from adagym.envs.tasks.media import inside
from adagym.envs.tasks.records import read_json
from adagym.errors import DataError, UsageError
from adagym.pictures import read_picture
from adagym.protocol import DIALECTS
from adagym.types import Block, ImageBlock, Message, Role, TextBlock, ToolCall, ToolSpec

ASKING = ("human", "observation")
ANSWERING = ("gpt", "function_call")
_ROLES: Mapping[str, Role] = {"human": "user", "observation": "tool", "gpt": "assistant", "function_call": "assistant"}
_THINK_END = "</think>"


@dataclass(frozen=True)
class Conversation:
    """One conversation to learn from."""

    messages: tuple[Message, ...]
    dialect: str
    """How its calls and answers are written."""


class ShareGPT(Lazy[Conversation]):
    """The conversations of one file.

    Turns of the kind ``function_call`` are written as the dialect writes calls, and a row's ``tools`` as it explains
    them. A picture stands where its placeholder stood.

    Args:
        path: A JSON list or JSON lines of ``{"conversations", "images"}``, with ``system`` and ``tools`` where there
            are some; or a folder whose ``dataset_info.json`` names one such file.
        dialect: How calls and answers are written in it.
        media: The folder under which the pictures are; by default that of the file.

    Raises:
        UnknownName: There is no such dialect.
        UsageError: Turns of the dialect are not text.
        DataError: The file cannot be read, or holds no conversation that can be learnt from; says why.
    """

    def __init__(self, path: str | Path, dialect: str, media: str | Path | None = None) -> None:
        if dialect == "openai":
            raise UsageError("Turns of the dialect `openai` are messages of an interface, not text to learn from.")
        self._dialect = DIALECTS.load(dialect)
        file = sharegpt_file(Path(path))
        self._media = str(media or file.parent)
        self.left_out: Counter[str] = Counter()
        """Why rows cannot be learnt from, to how many."""
        self._rows = JsonRows(file, self._usable)
        if not self._rows:
            reasons = "; ".join(f"{count} rows: {reason}" for reason, count in self.left_out.most_common(5))
            raise DataError(f"`{file}` holds no conversation to learn from ({reasons or 'it is empty'}).")

    def __len__(self) -> int:
        return len(self._rows)

    def _at(self, index: int) -> Conversation:
        return self._conversation(self._rows[index])

    def _usable(self, row: Row) -> bool:
        reason = fault(row)
        if reason is not None:
            self.left_out[reason] += 1
        return reason is None

    def _conversation(self, row: Row) -> Conversation:
        pictures = iter(row.get("images") or ())
        shown = 0

        def block(text: str, first: bool) -> list[Block]:
            nonlocal shown
            blocks: list[Block] = []
            if not first:
                shown += 1
                blocks.append(ImageBlock(f"img_{shown}", read_picture(inside(self._media, next(pictures)))))
            return [*blocks, TextBlock(text)] if text else blocks

        messages = []
        system = self._system(row)
        turns = self._turns(row)
        if system:
            turns.insert(0, ("system", system))
        for role, text in turns:
            parts = text.split(PLACEHOLDER) if role != "assistant" else [text]
            content = [item for number, part in enumerate(parts) for item in block(part, not number)]
            messages.append(Message(role, tuple(content)))
        return Conversation(tuple(messages), self._dialect.name)

    def _turns(self, row: Row) -> list[tuple[Role, str]]:
        turns: list[tuple[Role, str]] = []
        for turn in row["conversations"]:
            speaker, text = turn["from"], turn["value"]
            if speaker == "function_call":
                text = self._dialect.write_call(*_read_call(text))
            if speaker != "system":
                turns.append((_ROLES[speaker], text))
        return turns

    def _system(self, row: Row) -> str:
        said = str(row.get("system") or "") or _first_system(row)
        tools = json.loads(row["tools"]) if row.get("tools") else []
        if not tools:
            return said
        specs = [ToolSpec(tool["name"], tool.get("description", ""), tool.get("parameters", {})) for tool in tools]
        explained = self._dialect.system_prompt(specs)
        return explained if said in ("", self._dialect.system_prompt(())) else f"{said}\n\n{explained}"


def sharegpt_file(path: Path) -> Path:
    """The file that a path stands for.

    Raises:
        DataError: A folder does not name one file of conversations.
    """
    if not path.is_dir():
        return path
    info = read_json(path / INFO)
    names = [entry.get("file_name") for entry in info.values()] if isinstance(info, dict) else []
    if len(names) != 1 or not isinstance(names[0], str):
        raise DataError(f"`{path / INFO}` names {len(names)} files; give the file itself.")
    return path / names[0]


def holds_conversations(path: Path) -> bool:
    """Whether a path is one that :class:`ShareGPT` reads."""
    if path.is_dir():
        return (path / INFO).is_file()
    return "conversations" in (first_row(path) or ())


def fault(row: Row) -> str | None:
    """Why a row cannot be learnt from, in words that serve to count; None if it can.

    Turns must alternate, beginning with a person's and ending with the model's, and placeholders be as many as
    pictures; LLaMA-Factory drops other rows too.
    """
    turns, images = row.get("conversations"), row.get("images") or []
    if not isinstance(turns, list) or not all(_is_turn(turn) for turn in turns):
        return "no list of turns `from` and `value`"
    spoken = [turn for turn in turns if turn["from"] != "system"]
    if len(spoken) < 2 or len(spoken) % 2:
        return "the last turn is not the model's"
    if any(turn["from"] not in (ASKING, ANSWERING)[number % 2] for number, turn in enumerate(spoken)):
        return "turns that do not alternate"
    if not isinstance(images, list) or not all(isinstance(path, str) for path in images):
        return "`images` that are not a list of paths"
    if row.get("videos") or row.get("audios"):
        return "a video or sound"
    marks = sum(turn["value"].count(PLACEHOLDER) for turn in turns if turn["from"] in ASKING)
    if marks != len(images):
        return "other than as many pictures as placeholders"
    return _tools_fault(row, spoken)


def _tools_fault(row: Row, spoken: Sequence[Mapping[str, Any]]) -> str | None:
    try:
        tools = json.loads(row.get("tools") or "[]")
        if not all(isinstance(tool["name"], str) for tool in tools):
            return "`tools` that are not named"
        for turn in spoken:
            if turn["from"] == "function_call":
                _read_call(turn["value"])
    except (ValueError, TypeError, KeyError):
        return "a call or `tools` that are not JSON of the form"
    return None


def _is_turn(turn: object) -> bool:
    if not isinstance(turn, dict) or not isinstance(turn.get("value"), str):
        return False
    return turn.get("from") in (*ASKING, *ANSWERING, "system")


def _read_call(text: str) -> tuple[ToolCall, str]:
    """A call and the thought before it."""
    thought, mark, body = text.rpartition(_THINK_END)
    value = json.loads(body)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value["arguments"], dict) or not isinstance(value["name"], str):
        raise ValueError("A call has a name and arguments.")
    return ToolCall(value["name"], value["arguments"]), thought.partition("<think>")[2].strip() if mark else ""


def _first_system(row: Row) -> str:
    return next((turn["value"] for turn in row["conversations"] if turn["from"] == "system"), "")
