"""What every dialect shares: the contract, strict JSON reading, and the text of tool results.

Parsing never raises. Whatever a model writes becomes a :class:`~adagym.types.ParsedAction` with a call,
an answer, or an error of one of these kinds:

``not_text, empty, too_long, bad_unicode, no_action, unclosed_tag, nested_tags, several_calls,
several_answers, call_and_answer, empty_call, empty_answer, bad_json, duplicate_key, not_finite, too_deep,
not_object, missing_name, bad_name, missing_arguments, bad_arguments``
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NoReturn, Protocol

from adagym.errors import UsageError
from adagym.types import Block, ImageBlock, Message, ParsedAction, Role, TextBlock, ToolCall, ToolResult, ToolSpec

MAX_ACTION_CHARS = 100_000
"""Longer actions are refused unread. The reference systems allow 2,048 to 10,240 tokens a turn."""

MAX_DEPTH = 16
"""Deepest nesting of a call's JSON."""

PromptStyle = Literal["full", "brief"]


class Dialect(Protocol):
    """One way to write calls and answers.

    ``parse`` is tolerant and total; ``write_call`` and ``write_answer`` produce the strict form, which
    ``parse`` reads back unchanged with ``format_ok`` set (white space around an answer is dropped, tuples become
    lists). What has no such form, for example an answer that holds the closing tag, is a ``UsageError``.
    """

    @property
    def name(self) -> str:
        """The registered name."""
        ...

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings after which generation may stop; each is part of the action."""
        ...

    @property
    def answer_tag(self) -> str | None:
        """The tag around every answer; None if an answer stands in none."""
        ...

    def parse(self, text: object) -> ParsedAction:
        """Read one action."""
        ...

    def write_call(self, call: ToolCall, think: str = "") -> str:
        """Write a call strictly.

        Raises:
            UsageError: The call cannot be written so that it is read back unchanged.
        """
        ...

    def write_answer(self, answer: str, think: str = "") -> str:
        """Write a final answer strictly.

        Raises:
            UsageError: The answer cannot be written so that it is read back unchanged.
        """
        ...

    def system_prompt(self, tools: Sequence[ToolSpec], style: PromptStyle = "full") -> str:
        """Explain the tools and the format to a model."""
        ...

    def observe(self, result: ToolResult, image_names: Sequence[str]) -> Message:
        """Tell the model what its call returned. ``image_names`` name ``result.images``, in order."""
        ...

    def complain(self, error: str) -> Message:
        """Tell the model that its last turn held no usable action."""
        ...


_SURROGATE = "The action holds a lone surrogate, which is not valid text."


class ParseFailure(Exception):
    """Internal to parsing: carries the kind of error and the sentence for the model."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def check_text(text: object) -> str:
    """Return the action text if it can be read at all.

    Raises:
        ParseFailure: It is not a string, empty, too long, or not valid Unicode.
    """
    if not isinstance(text, str):
        raise ParseFailure("not_text", f"An action is a string; this one is {_kept(text)[:80]}.")
    if len(text) > MAX_ACTION_CHARS:
        raise ParseFailure("too_long", f"The action has more than {MAX_ACTION_CHARS} characters. Write less.")
    if not text.strip():
        raise ParseFailure("empty", "The action is empty. Call a tool or answer.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ParseFailure("bad_unicode", _SURROGATE) from None
    return text


def failed(text: object, failure: ParseFailure, think: str = "") -> ParsedAction:
    """Turn a failure into a parse result that is safe to store and to encode."""
    return ParsedAction(_kept(text), think=think, error=str(failure), error_kind=failure.kind)


def read_json(source: str) -> Any:
    """Read JSON strictly: no NaN or infinity, no duplicate keys, no lone surrogates, bounded depth.

    Raises:
        ParseFailure: The text is not such JSON.
    """
    try:
        value = _DECODER.decode(source)
        if "\\u" in source:  # only an escape can bring a lone surrogate into text that was valid
            dumps(value).encode()
    except ParseFailure:
        raise
    except UnicodeEncodeError:
        raise ParseFailure("bad_unicode", _SURROGATE) from None
    except RecursionError:
        raise ParseFailure("too_deep", f"The call is nested more than {MAX_DEPTH} levels deep.") from None
    except ValueError as error:  # JSONDecodeError, and integers beyond Python's digit limit
        raise ParseFailure("bad_json", f"The call is not valid JSON: {error}.") from None
    if _is_deeper(value, MAX_DEPTH):
        raise ParseFailure("too_deep", f"The call is nested more than {MAX_DEPTH} levels deep.")
    return value


def read_call(source: str, keys: Sequence[str]) -> ToolCall:
    """Read ``{"name": ..., KEY: {...}}`` where KEY is the first of ``keys`` present.

    Raises:
        ParseFailure: It is not such an object.
    """
    value = read_json(_without_fence(source))
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else type(value).__name__
        raise ParseFailure("not_object", f"A call is one JSON object; this is {kind}. Make one call per turn.")
    if "name" not in value:
        raise ParseFailure("missing_name", 'The call has no "name".')
    name = value["name"]
    if not isinstance(name, str) or not name.strip():
        raise ParseFailure("bad_name", f'"name" must be a non-empty string, not {json.dumps(name)[:80]}.')
    key = next((key for key in keys if key in value), None)
    if key is None:
        raise ParseFailure("missing_arguments", f'The call has no "{keys[0]}"; write {{}} for none.')
    if not isinstance(value[key], dict):
        raise ParseFailure("bad_arguments", f'"{key}" must be an object, not {type(value[key]).__name__}.')
    return ToolCall(name.strip(), value[key])


def write_json(value: Any) -> str:
    """JSON for a strict form.

    Raises:
        UsageError: The value is not JSON.
    """
    try:
        return dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"The call's arguments cannot be written as JSON: {error}.") from error


def check_written(dialect: Dialect, text: str, expected: ToolCall | str) -> str:
    """Return a written action if it is read back as what was meant.

    Raises:
        UsageError: It is not; the message says how it would be read.
    """
    parsed = dialect.parse(text)
    if isinstance(expected, str):
        same = parsed.answer == expected
    else:
        found = parsed.call
        same = found is not None and found.name == expected.name
        same = same and found is not None and dumps(found.arguments) == dumps(dict(expected.arguments))
    if same and parsed.format_ok:
        return text
    what = "answer" if isinstance(expected, str) else "call"
    why = parsed.error or "it, or its thought, holds marks of the dialect and would be read as something else."
    raise UsageError(f"This {what} cannot be written in the dialect `{dialect.name}`: {why} It is {text[:200]!r}.")


def boxed(text: str) -> str | None:
    r"""Return the content of the last ``\boxed{...}`` with balanced braces, or None."""
    start = text.rfind(r"\boxed{")
    if start < 0:
        return None
    begin = start + len(r"\boxed{")
    depth = 1
    for index in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return text[begin:index].strip()
    return None


def envelope(result: ToolResult) -> dict[str, Any]:
    """The fields of a result in the order a model sees them (times are left out: they vary)."""
    fields: dict[str, Any] = {"tool_response_from": result.tool, "status": result.status}
    if result.message:
        fields["message"] = result.message
    return {**fields, "error_code": int(result.error_code), **result.data}


_NEW_IMAGE = "\nNew image generated and saved as: {}\n"
NEW_IMAGE = re.compile(_NEW_IMAGE.format(r"(\w+)"))
"""Finds the names of new pictures in the text of a result."""


def result_message(role: Role, result: ToolResult, image_names: Sequence[str]) -> Message:
    """A result as JSON, followed by each new picture under its name."""
    blocks: list[Block] = [TextBlock(dumps(envelope(result)))]
    for name, image in zip(image_names, result.images, strict=True):
        blocks += [TextBlock(_NEW_IMAGE.format(name)), ImageBlock(name, image)]
    return Message(role, tuple(blocks))


def dumps(value: Any) -> str:
    """JSON as models write it: one line, ``", "`` and ``": "``, Unicode kept."""
    return _ENCODER.encode(value)


def signature(tool: ToolSpec) -> str:
    """A tool in one line: ``Name(parameters): first sentence``. Where some are required, the others are left out."""
    names = ", ".join(tool.required or tool.properties)
    return f"{tool.name}({names}): {tool.description.split('. ')[0].rstrip('.')}."


def function_schema(tool: ToolSpec) -> dict[str, Any]:
    """A tool as an OpenAI function object."""
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
    }


def _refuse_constant(constant: str) -> NoReturn:
    raise ParseFailure("not_finite", f"{constant} is not a JSON number.")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ParseFailure("duplicate_key", "The call names the same key twice.")
    return keys


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ParseFailure("not_finite", f"{digits[:40]} is beyond the range of numbers.")
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique_keys)
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _is_deeper(value: Any, limit: int) -> bool:
    """Level by level, because recursion itself would fail on what this is to find."""
    level = [value]
    for _ in range(limit):
        level = [item for node in level for item in _children(node)]
        if not level:
            return False
    return any(isinstance(node, Mapping | list) for node in level)


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, Mapping):
        return node.values()
    return node if isinstance(node, list) else ()


def _kept(text: object) -> str:
    """What is kept of a refused action: bounded, and valid Unicode (lone surrogates become U+FFFD)."""
    kept = (text if isinstance(text, str) else repr(text))[: MAX_ACTION_CHARS + 1]
    return re.sub("[\ud800-\udfff]", "\ufffd", kept)


def _without_fence(source: str) -> str:
    source = source.strip()
    if source.startswith("```") and source.endswith("```") and len(source) >= 6:
        return source[3:-3].removeprefix("json").strip()
    return source
