"""Tools of servers that know nothing of adagym: what models are told of them, and what their answers mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from adagym.errors import ErrorCode, ToolError
from adagym.tools.backends.mcp_content import check_plain, picture
from adagym.tools.backends.mcp_line import Listed
from adagym.tools.base import Parameter, Tool, ToolOutput
from adagym.tools.values import ImageArg, Kind, Media, decoded, refuse, show
from adagym.types import ToolSpec

MAX_MESSAGE = 20_000
"""Longest text of an answer that models read, in characters; the rest is cut off."""
MAX_IMAGES = 16
"""Most pictures of an answer that are read."""
_IMAGE: Kind = ImageArg.__metadata__[0]  # type: ignore[attr-defined]  # what Annotated holds
_NAMED = " The name of a picture of this conversation, for example img_1."


@dataclass(frozen=True)
class ForeignTool(Tool):
    """A tool that only its server knows; made with :meth:`listed`."""

    schema: Mapping[str, Any] = field(default_factory=dict)
    repeatable: bool = False
    """Whether a call may be made twice, as the server says."""
    bare: frozenset[str] = frozenset()
    """Picture parameters that take base64 alone, not a data URL: those with ``contentEncoding: base64``."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description and JSON schema, as a model sees them."""
        return ToolSpec(self.name, self.description, self.schema)

    @classmethod
    def listed(cls, listed: Listed, call: ForeignCall) -> ForeignTool:
        """Make a tool of what a server tells of it; ``call`` asks the server.

        A parameter is a picture if it is a text whose schema says so (``contentMediaType: image/...``) or whose name
        does (``image``, ``image_...``, ``..._image``); models name one of the conversation, and it is sent.
        """
        given = listed.schema.get("properties")
        properties: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
        required = [name for name in listed.schema.get("required") or () if name in properties]
        parameters = []
        bare = set()
        for name, schema in properties.items():
            schema = schema if isinstance(schema, Mapping) else {}
            told = str(schema.get("description") or "")
            if _is_picture(name, schema):
                properties[name] = {"type": "string", "description": (told + _NAMED).strip()}
                kind = _IMAGE
                bare |= {name} if schema.get("contentEncoding") == "base64" else set()
            else:
                kind = Kind(schema, partial(_read, name, _validator(schema, listed.schema)))
            parameters.append(Parameter(name, kind, told, name in required))
        shown = {"type": "object", "properties": properties, "required": required}
        shown |= {key: listed.schema[key] for key in ("$defs", "definitions") if key in listed.schema}
        tool = cls(
            listed.name,
            listed.description,
            tuple(parameters),
            lambda **arguments: call(tool, arguments),
            schema=shown,
            repeatable=listed.repeatable,
            bare=frozenset(bare),
        )
        return tool


ForeignCall = Callable[[ForeignTool, Mapping[str, Any]], ToolOutput]
"""Has a server run a tool; the arguments were read."""


def read_foreign(server: str, result: Mapping[str, Any]) -> ToolOutput:
    """What a server answered: its texts as the message, its pictures, and its structured content if there is no text.

    Raises:
        ToolError: The server calls it an error, which the model should read.
        Garbled: A picture cannot be read.
    """
    blocks = result.get("content") or []
    texts = [_text(block) for block in blocks if block["type"] != "image"]
    message = "\n".join(filter(None, texts))
    if len(message) > MAX_MESSAGE:
        message = f"{message[:MAX_MESSAGE]} [cut off]"
    if result.get("isError"):
        raise ToolError(message or "The tool failed and did not say why.", ErrorCode.TOOL_RUN_FAILED)
    pictures = [block["data"] for block in blocks if block["type"] == "image"][:MAX_IMAGES]
    structured = result.get("structuredContent")
    data = structured if isinstance(structured, dict) and not message else {}
    return ToolOutput(data, tuple(picture(server, text) for text in pictures), message)


def _text(block: Mapping[str, Any]) -> str:
    if block["type"] == "text":
        return str(block["text"])
    inner = block.get("resource") or {}
    return str(inner["text"]) if "text" in inner else f"[{block['type']}, which is not shown]"


def _is_picture(name: str, schema: Mapping[str, Any]) -> bool:
    if schema.get("type") != "string" or "enum" in schema:
        return False
    media = str(schema.get("contentMediaType") or "")
    return media.startswith("image/") or bool(re.fullmatch(r"image|image_.*|.*_image", name))


def _validator(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Draft202012Validator | None:
    """What checks a value, or None if the schema cannot be used; then the server has to."""
    shared = {key: whole[key] for key in ("$defs", "definitions") if key in whole}
    full = {**shared, **schema}
    try:
        Draft202012Validator.check_schema(full)
    except SchemaError:
        return None
    nothing: Registry[Any] = Registry()  # references lead nowhere but into the schema
    return Draft202012Validator(full, registry=nothing)


def _read(name: str, validator: Draft202012Validator | None, value: Any, media: Media) -> Any:
    check_plain(name, value)
    if validator is None:
        return value
    try:
        fitting = [choice for choice in (value, decoded(value)) if validator.is_valid(choice)]
    except (Unresolvable, re.error):  # the server's mistake; it has to check the value itself
        return value
    if not fitting:
        raise refuse(f"of the schema {show(validator.schema)}", value)
    check_plain(name, fitting[0])
    return fitting[0]
