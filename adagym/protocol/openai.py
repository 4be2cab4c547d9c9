"""Native tool calls of OpenAI-compatible endpoints.

The action text is the assistant message itself, as JSON: ``{"content": "...", "tool_calls": [{"type":
"function", "function": {"name": "...", "arguments": "{...}"}}]}``. Without ``tool_calls`` the content is
the answer. ``write_call`` puts the thought into ``content``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adagym.protocol.base import (
    ParseFailure,
    PromptStyle,
    boxed,
    check_text,
    check_written,
    dumps,
    failed,
    read_call,
    read_json,
    result_message,
    write_json,
)
from adagym.types import Message, ParsedAction, TextBlock, ToolCall, ToolResult, ToolSpec


class OpenAIDialect:
    """See the module's docstring."""

    name = "openai"
    stop: tuple[str, ...] = ()
    answer_tag: str | None = None

    def parse(self, text: object) -> ParsedAction:
        """Read one action; see :mod:`adagym.protocol.base` for the error kinds."""
        try:
            source = check_text(text)
            message = read_json(source)
            if not isinstance(message, dict):
                raise ParseFailure("not_object", "An action is an assistant message: one JSON object.")
            calls = message.get("tool_calls") or []
            content = _content(message)
            if calls:
                return ParsedAction(source, content, call=_only_call(calls), format_ok=True)
            if not content.strip():
                raise ParseFailure("empty_answer", "The message has neither content nor tool_calls.")
            inner = boxed(content)
            answer = content.strip() if inner is None else inner
            if not answer:
                raise ParseFailure("empty_answer", "The answer is empty.")
            return ParsedAction(source, answer=answer, format_ok=True)
        except ParseFailure as failure:
            return failed(text, failure)

    def write_call(self, call: ToolCall, think: str = "") -> str:
        """Write a call strictly.

        Raises:
            UsageError: The call cannot be written so that it is read back unchanged.
        """
        function = {"name": call.name, "arguments": write_json(dict(call.arguments))}
        text = write_json({"content": think, "tool_calls": [{"type": "function", "function": function}]})
        return check_written(self, text, call)

    def write_answer(self, answer: str, think: str = "") -> str:
        """Write a final answer strictly.

        Raises:
            UsageError: The answer cannot be written so that it is read back unchanged.
        """
        answer = answer.strip()
        return check_written(self, write_json({"content": f"{think} \\boxed{{{answer}}}".strip()}), answer)

    def system_prompt(self, tools: Sequence[ToolSpec], style: PromptStyle = "full") -> str:
        """Explain the format; the tools themselves travel in the request's ``tools`` field."""
        return (
            "You are a visual assistant. Images are named img_1, img_2, ... in order of appearance; coordinates are "
            "absolute pixels [x, y] from the top left corner. Call one tool at a time where it helps, then give the "
            "final answer in \\boxed{}."
        )

    def observe(self, result: ToolResult, image_names: Sequence[str]) -> Message:
        """Tell the model what its call returned."""
        return result_message("tool", result, image_names)

    def complain(self, error: str) -> Message:
        """Tell the model that its last turn held no usable action."""
        return Message("user", (TextBlock(f"{error} Please call a tool or give your final answer."),))


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if not isinstance(content, str):
        raise ParseFailure("bad_json", f'"content" must be a string, not {type(content).__name__}.')
    return content


def _only_call(calls: Any) -> ToolCall:
    if not isinstance(calls, list):
        raise ParseFailure("bad_json", f'"tool_calls" must be a list, not {type(calls).__name__}.')
    if len(calls) > 1:
        raise ParseFailure("several_calls", f"Make one call per turn, not {len(calls)}.")
    function = calls[0].get("function") if isinstance(calls[0], dict) else None
    if not isinstance(function, dict):
        raise ParseFailure("not_object", 'A tool call needs a "function" object.')
    if isinstance(function.get("arguments"), str):
        arguments = function["arguments"].strip() or "{}"
        function = {**function, "arguments": read_json(arguments)}
    return read_call(dumps(function), ("arguments",))


DIALECT = OpenAIDialect()
