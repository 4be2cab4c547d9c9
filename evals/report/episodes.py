"""One saved episode as the page's script reads it, and JSON that is safe inside HTML."""

from __future__ import annotations

import json
from typing import Any

TEXT_LIMIT = 100_000
"""Characters. Longer texts are cut; no dialect reads a longer action either."""


def episode(record: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of an episode: the task, the messages, and of every step what is not in its messages.

    Args:
        record: A line of ``episodes.jsonl``.

    Returns:
        JSON values; a picture is its name.
    """
    task = record["task"]
    shown: dict[str, Any] = {
        "prompt": task["prompt"],
        "answer": task["answer"],
        "answer_type": task["answer_type"],
        "choices": task["choices"],
        "meta": task["meta"],
        "video": task["video"],
        "messages": [
            {"role": message["role"], "blocks": [_block(block) for block in message["content"]]}
            for message in record["messages"]
        ],
        "steps": [_step(step) for step in record["steps"]],
        "outcome": record["outcome"],
        "reward": record["reward"],
        "parts": list(record["reward_parts"].items()),
        "error": record["error"],
    }
    cut: dict[str, Any] = clipped(shown)
    return cut


def _block(block: dict[str, Any]) -> list[str]:
    return ["text", block["text"]] if "text" in block else ["image", block["name"], block["image"]]


def _step(step: dict[str, Any]) -> dict[str, Any]:
    parsed, result = step["parsed"], step["result"]
    return {
        "call": parsed["call"],
        "answer": parsed["answer"],
        "error": parsed["error"],
        "kind": parsed["error_kind"],
        "strict": parsed["format_ok"],
        "result": None
        if result is None
        else {name: result[name] for name in ("tool", "status", "error_code", "message", "data", "images")},
    }


def images(shown: dict[str, Any]) -> list[str]:
    """Names of the pictures in an episode, each once, in order."""
    blocks = [block[2] for message in shown["messages"] for block in message["blocks"] if block[0] == "image"]
    results = [name for step in shown["steps"] if step["result"] for name in step["result"]["images"]]
    return list(dict.fromkeys([*blocks, *results]))


def clipped(value: Any) -> Any:
    """JSON values with every text cut to :data:`TEXT_LIMIT`, and a note where one was cut."""
    if isinstance(value, str):
        left = len(value) - TEXT_LIMIT
        return value if left <= 0 else f"{value[:TEXT_LIMIT]}\n[… {left:,} more characters are in episodes.jsonl]"
    if isinstance(value, list | tuple):
        return [clipped(item) for item in value]
    if isinstance(value, dict):
        return {clipped(name): clipped(item) for name, item in value.items()}
    return value


def embedded(value: Any) -> str:
    """JSON that can stand inside a script element: ASCII alone, and no character that HTML reads.

    So neither ``</script>`` nor ``<!--`` nor U+2028 can occur, and no encoding can be guessed wrongly.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
