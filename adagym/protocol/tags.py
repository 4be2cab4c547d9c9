"""The shared parser and writer of the dialects that mark calls and answers with tags."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from adagym.protocol.base import (
    ParseFailure,
    PromptStyle,
    boxed,
    check_text,
    check_written,
    dumps,
    failed,
    function_schema,
    read_call,
    result_message,
    signature,
    write_json,
)
from adagym.types import Message, ParsedAction, Role, TextBlock, ToolCall, ToolResult, ToolSpec

_CALL = "tool_call"
_THINK = "think"

NO_THOUGHT = "..."
"""Written for an empty thought where the dialect demands one."""


@dataclass(frozen=True)
class TagDialect:
    """A dialect with ``<think>``, ``<tool_call>`` and, usually, an answer tag.

    Without an answer tag any text that holds no call is the answer, and thinking is optional.
    """

    name: str
    arguments_key: str
    """The key the writer uses and the strict form demands; the parser also takes the other."""
    answer_tag: str | None
    answer_boxed: bool
    """Whether the answer stands in ``\\boxed{}``."""
    tool_role: Role
    full_prompt: str
    """Template with ``{tools}``."""
    brief_prompt: str
    """Template with ``{tools}``."""
    no_tool_prompt: str
    stop: tuple[str, ...] = ()

    def parse(self, text: object) -> ParsedAction:
        """Read one action; see :mod:`adagym.protocol.base` for the error kinds."""
        try:
            source = check_text(text)
        except ParseFailure as failure:
            return failed(text, failure)
        thoughts, body = _split_thoughts(source)
        think = " ".join(thought.strip() for thought in thoughts)
        try:
            call, answer = self._read(body)
        except ParseFailure as failure:
            return failed(source, failure, think)
        return ParsedAction(source, think, call, answer, format_ok=self._strict(source))

    def write_call(self, call: ToolCall, think: str = "") -> str:
        """Write a call strictly; ``<`` in its JSON is escaped where the dialect's marks occur in it.

        Raises:
            UsageError: The call cannot be written so that it is read back unchanged.
        """
        body = write_json({"name": call.name, self.arguments_key: dict(call.arguments)})
        if self._marks().search(body):
            body = body.replace("<", "\\u003c")  # a `<` in JSON can only stand inside a string
        return check_written(self, f"{self._thought(think)}<tool_call>{body}</tool_call>", call)

    def write_answer(self, answer: str, think: str = "") -> str:
        """Write a final answer strictly.

        Raises:
            UsageError: The answer cannot be written so that it is read back unchanged.
        """
        answer = answer.strip()
        text = f"\\boxed{{{answer}}}" if self.answer_boxed else answer
        if self.answer_tag is not None:
            text = f"<{self.answer_tag}>{text}</{self.answer_tag}>"
        return check_written(self, f"{self._thought(think)}{text}", answer)

    def system_prompt(self, tools: Sequence[ToolSpec], style: PromptStyle = "full") -> str:
        """Explain the tools and the format to a model."""
        if not tools:
            return self.no_tool_prompt
        if style == "brief":
            return self.brief_prompt.format(tools="\n".join(signature(tool) for tool in tools))
        return self.full_prompt.format(tools="\n".join(dumps(function_schema(tool)) for tool in tools))

    def observe(self, result: ToolResult, image_names: Sequence[str]) -> Message:
        """Tell the model what its call returned."""
        return result_message(self.tool_role, result, image_names)

    def complain(self, error: str) -> Message:
        """Tell the model that its last turn held no usable action."""
        return Message("user", (TextBlock(f"{error} Please call a tool or give your final answer."),))

    def _read(self, body: str) -> tuple[ToolCall | None, str | None]:
        calls = _tagged(body, _CALL)
        answers = _tagged(body, self.answer_tag) if self.answer_tag else []
        if calls and answers:
            raise ParseFailure("call_and_answer", "Call a tool or answer, not both in one turn.")
        if len(calls) > 1:
            raise ParseFailure("several_calls", f"Make one call per turn, not {len(calls)}.")
        if len(answers) > 1:
            raise ParseFailure("several_answers", f"Give one answer, not {len(answers)}.")
        if calls:
            if not calls[0].strip():
                raise ParseFailure("empty_call", "The tool call is empty.")
            other = "arguments" if self.arguments_key == "parameters" else "parameters"
            return read_call(calls[0], (self.arguments_key, other)), None
        if self.answer_tag and not answers:
            raise ParseFailure("no_action", f"There is neither a <tool_call> nor a <{self.answer_tag}>.")
        if self.answer_tag is None and f"<{_THINK}>" in body:
            raise ParseFailure("unclosed_tag", f"<{_THINK}> is never closed.")
        answer = self._answer(answers[0] if answers else body)
        if not answer:
            raise ParseFailure("empty_answer", "The answer is empty.")
        return None, answer

    def _answer(self, content: str) -> str:
        inner = boxed(content)
        return content.strip() if inner is None else inner

    def _strict(self, source: str) -> bool:
        """One non-empty thought, then exactly one call or answer, and nothing else (AdaReasoner Eq. 6).

        That there is exactly one call or answer is known when this is asked. Without an answer tag the thought is
        optional and prose may stand before a call.
        """
        text = source.strip()
        if self.answer_tag is None:
            return f"<{_CALL}>" not in text or self._ends_in_plain_call(text)
        thought, closed, rest = text.removeprefix(f"<{_THINK}>").partition(f"</{_THINK}>")
        rest = rest.strip()
        if not text.startswith(f"<{_THINK}>") or not closed or not thought.strip():
            return False
        if self._marks().search(thought) or f"<{_THINK}>" in rest or f"</{_THINK}>" in rest:
            return False
        if rest.startswith(f"<{_CALL}>"):
            return self._ends_in_plain_call(rest)
        framed = rest.startswith(f"<{self.answer_tag}>") and rest.endswith(f"</{self.answer_tag}>")
        return framed and (not self.answer_boxed or boxed(rest) is not None)

    def _ends_in_plain_call(self, text: str) -> bool:
        """Whether a call's JSON, without a fence and with no other keys, ends the text."""
        body, closed, after = text.partition(f"<{_CALL}>")[2].rpartition(f"</{_CALL}>")
        try:
            value = json.loads(body)
        except ValueError:  # fenced
            return False
        return bool(closed) and not after and set(value) == {"name", self.arguments_key}

    def _marks(self) -> re.Pattern[str]:
        return re.compile("|".join(rf"</?{tag}>" for tag in (_CALL, _THINK, self.answer_tag) if tag))

    def _thought(self, think: str) -> str:
        think = think.strip()
        if self.answer_tag is None and not think:
            return ""
        return f"<think>{think or NO_THOUGHT}</think>"


def _split_thoughts(source: str) -> tuple[list[str], str]:
    """The contents of every ``<think>...</think>``, and the text without them. Linear in the text's length."""
    thoughts: list[str] = []
    rest: list[str] = []
    place = 0
    while (begin := source.find("<think>", place)) >= 0 and (end := source.find("</think>", begin)) >= 0:
        rest.append(source[place:begin])
        thoughts.append(source[begin + len("<think>") : end])
        place = end + len("</think>")
    return thoughts, "".join([*rest, source[place:]])


def _tagged(body: str, tag: str) -> list[str]:
    """The contents of every ``<tag>...</tag>``; tags must be closed and not nested.

    Raises:
        ParseFailure: A tag is not closed, not opened, or stands inside itself.
    """
    contents: list[str] = []
    begin: int | None = None
    for match in re.finditer(rf"<(/?){tag}>", body):
        opening = not match[1]
        if opening and begin is not None:
            raise ParseFailure("nested_tags", f"<{tag}> stands inside <{tag}>.")
        if not opening and begin is None:
            raise ParseFailure("unclosed_tag", f"</{tag}> closes nothing.")
        if opening:
            begin = match.end()
        else:
            contents.append(body[begin : match.start()])
            begin = None
    if begin is not None:
        raise ParseFailure("unclosed_tag", f"<{tag}> is never closed.")
    return contents
