"""The shared parser and writer of the dialects that mark calls and answers with tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adagym.protocol.base import (
    ParseFailure,
    PromptStyle,
    boxed,
    check_text,
    dumps,
    failed,
    function_schema,
    read_call,
    result_message,
    signature,
)
from adagym.types import Message, ParsedAction, Role, TextBlock, ToolCall, ToolResult, ToolSpec

_CALL = "tool_call"
_THINK = "think"


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
        think = " ".join(part.strip() for part in _contents(source, _THINK))
        body = re.sub(r"<think>.*?</think>", "", source, flags=re.DOTALL)
        try:
            call, answer = self._read(body)
        except ParseFailure as failure:
            return failed(source, failure, think)
        return ParsedAction(source, think, call, answer, format_ok=self._strict(source))

    def write_call(self, call: ToolCall, think: str = "") -> str:
        """Write a call strictly."""
        body = dumps({"name": call.name, self.arguments_key: dict(call.arguments)})
        return f"{self._thought(think)}<tool_call>{body}</tool_call>"

    def write_answer(self, answer: str, think: str = "") -> str:
        """Write a final answer strictly."""
        inner = f"\\boxed{{{answer}}}" if self.answer_boxed else answer
        if self.answer_tag is None:
            return f"{self._thought(think)}{inner}"
        return f"{self._thought(think)}<{self.answer_tag}>{inner}</{self.answer_tag}>"

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
        answer = self._answer(answers[0] if answers else body)
        if not answer:
            raise ParseFailure("empty_answer", "The answer is empty.")
        return None, answer

    def _answer(self, content: str) -> str:
        inner = boxed(content)
        return content.strip() if inner is None else inner

    def _strict(self, source: str) -> bool:
        """One non-empty thought, then exactly one call or answer, and nothing else (AdaReasoner Eq. 6)."""
        ends = f"<tool_call>.*</tool_call>|<{self.answer_tag}>.*</{self.answer_tag}>"
        if self.answer_tag is None:
            return _CALL not in source or source.rstrip().endswith("</tool_call>")
        match = re.fullmatch(rf"\s*<think>(.+?)</think>\s*({ends})\s*", source, re.DOTALL)
        if match is None or "<think>" in match[1] or "think>" in match[2]:
            return False
        if match[2].startswith("<tool_call>"):
            return f'"{self.arguments_key}"' in match[2]
        return not self.answer_boxed or boxed(match[2]) is not None

    def _thought(self, think: str) -> str:
        if self.answer_tag is None and not think:
            return ""
        return f"<think>{think}</think>"


def _contents(source: str, tag: str) -> list[str]:
    return re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)


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
