"""What ``fuzz.py`` feeds: the parser of every dialect, and the arguments of every tool. Each raises what it finds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adagym.hostile import TEXTS, VALUES
from adagym.protocol import DIALECTS
from adagym.tools import TOOLS
from adagym.tools.backends.checked import checked
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.executor import Executor
from adagym.types import Array, ToolCall
from adagym.video import ShownVideo, Video

Target = Callable[[bytes], None]

SLOW = ("OCR", "Point")
"""Tools of which only the reading of arguments is run: the rest reads a picture, whatever the arguments are."""
TOKENS = tuple(text.strip("\x00") for text in TEXTS if text.isascii() and text.isprintable() and 1 < len(text) < 30)
"""What a fuzzer should try to put in."""


def targets() -> list[str]:
    """Names of all targets: ``parser``, and ``tool:NAME`` for every registered tool."""
    return ["parser", *(f"tool:{name}" for name in TOOLS.names())]


def target(name: str) -> Target:
    """A function of bytes that raises if anything goes wrong. Everything it uses is imported by then."""
    for dialect in DIALECTS.names():
        DIALECTS.load(dialect)
    return parse if name == "parser" else _ToolTarget(name.partition(":")[2])


def seeds(name: str) -> list[bytes]:
    """Inputs to begin with."""
    if name != "parser":
        return [bytes(range(start, start + 40)) for start in range(0, 200, 20)]
    call, names = ToolCall("Point", {"image": "img_1", "at": [1, {"x": 2.5}]}), DIALECTS.names()
    written = [(DIALECTS.load(n).write_call(call, "a"), DIALECTS.load(n).write_answer("R,D", "a")) for n in names]
    return [bytes([place]) + text.encode() for place, texts in enumerate(written) for text in texts]


def parse(data: bytes) -> None:
    """Parse text in the dialect that the first byte chooses."""
    names = DIALECTS.names()
    dialect = DIALECTS.load(names[(data[0] if data else 0) % len(names)])
    parsed = dialect.parse(data[1:].decode("utf-8", errors="surrogateescape" if data[:1] > b"\x80" else "replace"))
    found = [parsed.call, parsed.answer, parsed.error]
    if sum(part is not None for part in found) != 1:
        raise AssertionError(f"not exactly one of call, answer and error: {parsed}")
    f"{parsed.text}{parsed.think}{parsed.answer}{parsed.error}".encode()
    if parsed.call is not None:
        json.dumps([parsed.call.name, dict(parsed.call.arguments)], ensure_ascii=False, allow_nan=False).encode()


class _Flicker(Video):
    """Twelve small frames in six seconds."""

    times: NDArray[np.float64] = np.arange(12) / 2
    size = (64, 48)
    duration = 6.0

    def frames(self, indices: Sequence[int]) -> list[Array]:
        return [np.full((48, 64, 3), 20 * index, np.uint8) for index in indices]


class _Reading(Executor):
    """Reads arguments and runs nothing."""

    def perform(self, tool: Tool, arguments: Any) -> ToolOutput:
        return ToolOutput()


class _ToolTarget:
    def __init__(self, name: str) -> None:
        self._executor = (_Reading if name in SLOW else Executor)((name,))
        (self._spec,) = self._executor.specs
        noise = np.random.default_rng(0).integers(0, 256, (200, 160, 3), np.uint8)
        self._images = {"img_1": noise, "img_2": np.full((48, 64, 3), 255, np.uint8)}
        for image in self._images.values():
            image.flags.writeable = False  # a tool that draws on what it was given raises
        self._video = ShownVideo(_Flicker(), (0, 3, 6, 9))

    def __call__(self, data: bytes) -> None:
        draw = _Draw(data)
        schemas = self._spec.parameters["properties"]
        arguments = {name: draw.value(schema) for name, schema in schemas.items() if draw.byte() > 8}
        if draw.byte() > 250:
            arguments[draw.text()] = draw.value({})
        video = self._video if draw.byte() > 20 else None
        result = checked(self._executor.run(ToolCall(self._spec.name, arguments), self._images, video))
        if int(result.error_code) not in (0, 201, 202, 203, 204, 205) or result.ok != (result.error_code == 0):
            raise AssertionError(f"the code {result.error_code} with the status {result.status}")


class _Draw:
    """Values read off bytes: small changes of the bytes are small changes of the values."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 128

    def text(self) -> str:
        size = self.byte() % 24
        self._at += size
        return self._data[self._at - size : self._at].decode(
            "utf-8", errors="surrogateescape" if size > 20 else "replace"
        )

    def number(self) -> int | float:
        kind, whole = self.byte(), self.byte()
        if kind < 160:
            return whole - 8
        if kind < 200:
            return whole / 256
        value: Any = VALUES[3 + whole % 16]
        return value if kind < 220 else float(whole) * 1000 - 3000

    def value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        kind, form = schema.get("type"), self.byte()
        if form > 200 or depth > 4:
            return VALUES[self.byte() % len(VALUES)]
        if schema.get("enum") and form > 60:
            return schema["enum"][self.byte() % len(schema["enum"])]
        if form < 20 and kind is not None:
            return json.dumps(self.value(schema, depth + 1), default=str)  # lists and objects are also read from texts
        if kind == "array":
            size = int(schema.get("minItems", self.byte() % 5)) if form > 50 else self.byte() % 7
            return [self.value(schema.get("items", {}), depth + 1) for _ in range(size)]
        if kind == "object":
            return {name: self.value(inner, depth + 1) for name, inner in schema.get("properties", {}).items()}
        if kind in ("integer", "number"):
            return self.number()
        if kind == "string":
            return f"img_{self.byte() % 4}" if form > 90 else self.text()
        return self.value(schema["anyOf"][self.byte() % 2], depth + 1) if "anyOf" in schema else self.number()
