"""What goes over a line: arguments with pictures on the way there, results of adagym's own servers on the way back.

A picture is sent to a server once, as a data URL; after that its hash (:func:`adagym.digest.image_digest`) stands for
it, as it does for pictures that the server made.
"""

from __future__ import annotations

import base64
import json
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from adagym.digest import image_digest
from adagym.errors import DataError, ErrorCode, ToolError, ToolTimeout
from adagym.pictures import read_picture, to_png
from adagym.tools.backends.mcp_line import Garbled
from adagym.tools.backends.mcp_pool import Again
from adagym.tools.base import ToolOutput
from adagym.tools.frames import Place
from adagym.types import Array

MAX_TEXT = 1_000_000
"""Longest argument that is sent, as JSON, in characters; pictures do not count."""
MAX_DEPTH = 32
"""Deepest nesting of lists and objects in an argument that is sent."""
HASH = "sha256:"
_NEVER = (ErrorCode.CANNOT_LOAD_IMAGE, ErrorCode.TOOL_NOT_FOUND, ErrorCode.MISSING_REQUIRED_PARAMETER)
"""Failures that are not the model's doing: the call was read here before it was sent."""


class Sent:
    """A picture in the forms in which servers take it."""

    def __init__(self, image: Array) -> None:
        self.digest = image_digest(image)
        self._image = weakref.ref(image)
        self._url = ""

    def url(self) -> str:
        """The picture as a data URL of a PNG; whoever asks keeps the picture alive."""
        image = self._image()
        if not self._url and image is not None:
            self._url = f"data:image/png;base64,{base64.b64encode(to_png(image)).decode()}"
        return self._url


class Pictures:
    """Pictures as they are sent, each hashed and encoded at most once, and forgotten when its array is."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[weakref.ref[Array], Sent]] = {}

    def of(self, image: Array) -> Sent:
        """What stands for a picture, which nobody may change afterwards."""
        key = id(image)
        known = self._sent.get(key)
        if known is not None and known[0]() is image:
            return known[1]
        sent = Sent(image)
        self._sent[key] = (weakref.ref(image, lambda gone: self._forget(key, gone)), sent)
        return sent

    def _forget(self, key: int, gone: weakref.ref[Array]) -> None:
        known = self._sent.get(key)
        if known is not None and known[0] is gone:  # the number may belong to another array by now
            self._sent.pop(key, None)


class CannotSend(Exception):
    """The value belongs to this process, as the video does."""


def sendable(name: str, value: Any, pictures: Pictures) -> Any:
    """A value that was read, in a form that a server reads to the same value; pictures become :class:`Sent`.

    Raises:
        CannotSend: There is none.
        ToolError: The text in it cannot be encoded.
    """
    if isinstance(value, np.ndarray):
        return pictures.of(value)
    plain = _plain(value)
    check_plain(name, plain)
    return plain


def check_plain(name: str, value: Any) -> None:
    """Refuse what would break the connection rather than fail at the other end.

    Raises:
        ToolError: The value holds text that cannot be encoded, a number that JSON has not, or too much.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False) if _depth(value) <= MAX_DEPTH else None
        usable = text is not None and len(text.encode()) <= MAX_TEXT
    except (TypeError, ValueError):  # UnicodeEncodeError is one
        usable = False
    if not usable:
        message = f"`{name}` must be plain JSON of at most {MAX_TEXT} bytes and {MAX_DEPTH} levels, in valid Unicode."
        raise ToolError(message, ErrorCode.INVALID_PARAMETERS, name)


def read_own(server: str, result: Mapping[str, Any], arguments: Mapping[str, Any]) -> ToolOutput:
    """What ``adagym serve-tools`` answered.

    Args:
        server: Its name, for messages.
        result: The result of the protocol.
        arguments: What was sent.

    Raises:
        ToolError: The tool refused the call.
        Again: The server is busy, or no longer has a picture.
        ToolTimeout: The tool took longer than the server lets it.
        Garbled: The tool broke, or the answer is not one of ``adagym serve-tools``.
    """
    try:
        content = result["content"]
        told = json.loads(content[0]["text"])
        status, message, code, data = told["status"], told["message"], told["error_code"], told["data"]
        names, valid = told.get("images") or [], _valid(result, told)
        blocks = [block["data"] for block in content[1:] if block["type"] == "image"]
        fitting = isinstance(message, str) and isinstance(data, dict) and len(blocks) == len(names)
        code = ErrorCode(code)
    except (KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise Garbled(f"{server}: the answer is not in adagym's form ({type(error).__name__}: {error}).") from error
    if status == "busy":
        raise Again(rest=True)
    if code == ErrorCode.CANNOT_LOAD_IMAGE and any(_is_hash(value) for value in arguments.values()):
        raise Again(rest=False)
    if status == "failed" and code not in _NEVER:
        blamed = None if valid is None else next((name for name in arguments if name not in valid), None)
        raise ToolError(str(message), code, blamed)
    if status == "broken" and str(message).startswith(ToolTimeout.__name__):
        raise ToolTimeout(f"{server}: {message}")
    if status != "success" or not fitting or code != ErrorCode.SUCCESS:
        raise Garbled(f"{server}: {str(message) or 'the answer is not in the form of adagym.'}")
    return ToolOutput(data, tuple(picture(server, block) for block in blocks), message)


def picture(server: str, text: str) -> Array:
    """Decode a picture of a result.

    Raises:
        Garbled: It is none, or too large.
    """
    try:
        image = read_picture(base64.b64decode(text, validate=True))
    except (ValueError, DataError) as error:
        raise Garbled(f"{server}: a picture of the answer cannot be read: {error}") from error
    image.flags.writeable = False  # its hash stands for it from now on
    return image


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(HASH)


def _valid(result: Mapping[str, Any], told: Mapping[str, Any]) -> list[str] | None:
    check = (result.get("_meta") or {}).get("adagym/check") or told.get("check")
    return None if check is None else [str(name) for name in check["valid"]]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Place):
        return list(value.numbers)
    if isinstance(value, tuple | list):
        if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], tuple):
            return {"shape": value[0], "coords": list(value[1])}
        return [_plain(item) for item in value]
    raise CannotSend(type(value).__name__)


def _depth(value: Any) -> int:
    """How deep lists and objects nest; stops counting above the limit."""
    level, depth = [value], 0
    while depth <= MAX_DEPTH:
        level = [
            item
            for outer in level
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return depth
        depth += 1
    return depth
