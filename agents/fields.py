"""Forms: a tool's parameters as fields that a person fills in, with what may stand in each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jsonschema

from adagym.errors import UsageError
from adagym.types import ToolCall, ToolSpec

Spot = Literal["point", "points", "box", "boxes"]
"""Fields that can be filled by picking on a picture: one place or several, corners or spots."""


@dataclass(frozen=True)
class Field:
    """One parameter of a tool."""

    name: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def kind(self) -> str:
        """What is asked for, in a word: ``integer``, ``point``, ``array``, ``integer or null``, ..."""
        return self.spot or kind_of(self.schema)

    @property
    def description(self) -> str:
        """What the parameter means, as models are told."""
        return str(self.schema.get("description", ""))

    @property
    def spot(self) -> Spot | None:
        """How the field is picked on a picture, or None where it cannot be."""
        numbers = _numbers(self.schema)
        if numbers is not None:
            return "point" if numbers == 2 else "box"
        many = _numbers(self.schema.get("items", {})) if self.schema.get("type") == "array" else None
        return None if many is None else "points" if many == 2 else "boxes"

    @property
    def takes_image(self) -> bool:
        """Whether the field names a picture."""
        return "string" in kind_of(self.schema) and ("image" in self.name or "example img_" in self.description)

    def completions(self, images: Iterable[str]) -> list[str]:
        """What may be typed, where that is a list.

        Args:
            images: Names of the pictures of the conversation, in order.
        """
        if self.takes_image:
            return list(images)
        if self.schema.get("enum"):
            return [str(value) for value in self.schema["enum"]]
        return ["yes", "no"] if kind_of(self.schema) == "boolean" else []

    def read(self, text: str, images: Iterable[str]) -> Any:
        """The value that was typed.

        Args:
            text: What was typed; not empty.
            images: Names of the pictures of the conversation.

        Raises:
            UsageError: It is not of the kind the schema asks for, or names a picture that is not there.
        """
        value = read_value(text, self.schema)
        if self.spot in ("points", "boxes") and value and not isinstance(value[0], list):
            value = [value]  # one place, written without the outer brackets
        known = list(images)
        if self.takes_image and isinstance(value, str) and value not in known:
            raise UsageError(f"There is no picture {value!r}; there is {', '.join(known) or 'none'}.")
        problem = next(iter(jsonschema.Draft202012Validator(dict(self.schema)).iter_errors(value)), None)
        if problem is not None:
            raise UsageError(f"{text!r} cannot be used here: {problem.message:.120}.")
        return value


def fields_of(tool: ToolSpec) -> tuple[Field, ...]:
    """The fields of a tool's form, in the order of its signature."""
    return tuple(Field(name, tool.parameters["properties"][name], name in tool.required) for name in tool.properties)


def fill_in(tool: ToolSpec, entries: Mapping[str, str], images: Iterable[str]) -> ToolCall:
    """The call that a filled form stands for.

    Args:
        tool: The tool.
        entries: What was typed, by field; optional ones may be empty or missing.
        images: Names of the pictures of the conversation.

    Raises:
        UsageError: A field is empty that must not be, or holds what it cannot; the message begins with its name.
    """
    known, arguments = list(images), {}
    for item in fields_of(tool):
        text = entries.get(item.name, "").strip()
        if not text and item.required:
            raise UsageError(f"{item.name}: fill this in; it takes {item.kind}.")
        if text:
            try:
                arguments[item.name] = item.read(text, known)
            except UsageError as error:
                raise UsageError(f"{item.name}: {error}") from None
    return ToolCall(tool.name, arguments)


def describe(tool: ToolSpec) -> str:
    """A tool, its parameters and what they are, in lines."""
    lines = [f"{tool.name}: {tool.description}"]
    for item in fields_of(tool):
        option = "" if item.required else ", optional"
        lines.append(f"  {item.name} ({kind_of(item.schema)}{option}): {item.description}")
    return "\n".join(lines)


def kind_of(schema: Mapping[str, Any]) -> str:
    """What a JSON schema asks for, in a word: ``integer``, ``array``, ``integer or null``, ..."""
    if "anyOf" in schema:
        return " or ".join(kind_of(option) for option in schema["anyOf"])
    kind = schema.get("type", "string")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def read_value(text: str, schema: Mapping[str, Any]) -> Any:
    """Read what was typed into a form field.

    Strings are taken as typed and ``yes``/``no`` are booleans; everything else is JSON, where the outer brackets
    of a list may be left out (``32, 96``).

    Raises:
        UsageError: The text is not of the kind the schema asks for.
    """
    kinds = kind_of(schema).split(" or ")
    value = _json_or_none(text)
    if "array" in kinds and not _is_a(value, "array") and not any(_is_a(value, kind) for kind in kinds):
        value = _json_or_none(f"[{text}]") if text else None
    if "boolean" in kinds and text.casefold() in ("yes", "no", "true", "false"):
        value = text.casefold() in ("yes", "true")
    if "string" in kinds and not ("integer" in kinds and _is_a(value, "integer")):
        return text
    if any(_is_a(value, kind) for kind in kinds) or ("null" in kinds and text == "null"):
        return value
    raise UsageError(f"{text!r} is not of the kind {' or '.join(kinds)}; write it as in JSON.")


def _numbers(schema: Mapping[str, Any]) -> int | None:
    """2 or 4 where a schema asks for exactly so many numbers."""
    low, high = schema.get("minItems"), schema.get("maxItems")
    items = schema.get("items", {}).get("type") if schema.get("type") == "array" else None
    return int(low) if items in ("number", "integer") and low == high and low in (2, 4) else None


def _is_a(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    types: dict[str, tuple[type, ...]] = {
        "integer": (int,),
        "number": (int, float),
        "array": (list,),
        "object": (dict,),
    }
    return isinstance(value, types.get(kind, ()))


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
