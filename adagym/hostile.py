"""Actions that an environment must bear: malformed, enormous, mistyped, and well-formed but absurd.

Drawn from a generator, for long runs (``benchmarks/hostile.py``) and for tests. They are aimed: most are near to what
an environment accepts, because noise is refused at its first character.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.sampling import SchemaSampler
from adagym.spaces import ActionText
from adagym.testing import HOSTILE
from adagym.types import ToolCall, ToolSpec

OBJECTS: tuple[Any, ...] = tuple(action for action in HOSTILE if not isinstance(action, str) or len(action) < 100_000)
"""Fixed actions of every type; the largest are left out, as they would take most of a run's time."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 64, 10**6, 10**7, 2**31, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e-300, 1e308),
    *(
        "",
        " ",
        "img_1",
        "img_2",
        "img_0",
        "img_-1",
        "img_999",
        "IMG_1",
        "img_1 ",
        "\u0661",
        "\ud800",
        "\x00",
        "a" * 1001,
    ),
    *("/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1/", "data:image/png;base64,AAAA"),
    *("frame_1", "0", "-1", "1e9", "NaN", "true", "[1, 2]", '{"x": 1, "y": 2}', "[[0,0],[1,1]]", "R,R,D", "L" * 999),
    *([], {}, [[]], [0, 0], [1, 2, 3], [0, 0, 1, 1], [0, 0, 10**6, 10**6], [1e6, 1e6], [5, 5, 5, 5], [9, 9, 1, 1]),
    *([[0, 0], [10**6, 10**6]], [[1, 2]] * 300, {"x": 1, "y": 2}, {"x": "a"}, [None], [[None, None]], [True, True]),
    *({"shape": "circle", "coords": [0, 0, 9, 9]}, {"shape": "x"}, "all", "Elf", "Gift", "(?=a)*" * 20, "((((" * 50),
)
"""Values of arguments."""
TEXTS = (
    *(
        "",
        " ",
        "\n",
        "\r\n\t",
        "\x00",
        "\x1b[2J",
        "\ud800",
        "\udfff",
        "\ufffe",
        "\u202e",
        "\u2028",
        "e\u0301" * 40,
        "🧊",
    ),
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "<response>", "</response>", "<answer>", "</answer>"),
    *(
        "\\boxed{",
        "}",
        "{",
        "[",
        '"',
        "\\",
        "\\u",
        "\\ud800",
        "NaN",
        "Infinity",
        "1e999",
        "null",
        "9" * 5000,
        "{{" * 500,
    ),
    *(
        "[" * 3000,
        '{"a":' * 1500,
        "name",
        "parameters",
        "arguments",
        "<|im_end|>",
        "<image>",
        "</s>",
        "```json",
        "0.1.2",
    ),
)
"""Pieces that are put into texts."""


_SHARES = (0.05, 0.15, 0.25, 0.3, 0.18, 0.07)
"""Of fixed objects, noise, spoiled calls, calls with absurd arguments, valid calls, and answers, which end episodes."""


class Hostile:
    """Draws hostile actions for an environment's action space.

    Args:
        rng: Every draw is a function of its state alone.
        rare: Tools to be called a hundred times less often than others, because a call takes long.
    """

    def __init__(self, rng: np.random.Generator, rare: Collection[str] = ()) -> None:
        self._rng, self._rare = rng, frozenset(rare)

    def action(self, space: ActionText) -> Any:
        """One action, mostly a string; for the tools, the dialect and the pictures that the space has now."""
        kinds = (self._object, self._noise, self._mutated, self._call, self._valid, self._answer)
        return kinds[int(self._rng.choice(len(kinds), p=_SHARES))](space)

    def arguments(self, spec: ToolSpec) -> dict[str, Any]:
        """Arguments of a tool: each of its parameters mostly there, with any value, and now and then one too many."""
        names = [name for name in spec.properties if self._rng.random() < 0.9]
        if self._rng.random() < 0.05:
            names.append(str(self._pick(TEXTS)))
        return {name: self.value(spec.parameters["properties"].get(name, {})) for name in names}

    def value(self, schema: Any = None) -> Any:
        """A value: often of the type that a schema asks for, with extreme or random content."""
        kind = schema.get("type") if isinstance(schema, dict) else None
        chance = self._rng.random()
        if kind == "string" and chance < 0.5:
            return f"img_{int(self._rng.integers(1, 6))}" if chance < 0.4 else str(self._pick(TEXTS))
        if kind in ("integer", "number") and chance < 0.5:
            return self._number()
        if kind == "array" and chance < 0.6:
            inner = schema.get("items", {})
            size = int(schema.get("minItems", self._rng.integers(0, 5)))
            return [self.value(inner) if self._rng.random() < 0.2 else self._number() for _ in range(size)]
        return self._pick(VALUES)

    def _number(self) -> int | float:
        return int(self._rng.integers(-4, 700)) if self._rng.random() < 0.8 else float(self._rng.normal() * 1e3)

    def _object(self, space: ActionText) -> Any:
        return self._pick(OBJECTS)

    def _noise(self, space: ActionText) -> str:
        if self._rng.random() < 0.5:
            return "".join(str(self._pick(TEXTS)) for _ in range(int(self._rng.integers(1, 8))))
        codes = self._rng.integers(0, 0x3000, int(self._rng.integers(0, 300)))
        return "".join(map(chr, codes))

    def _mutated(self, space: ActionText) -> str:
        text = self._call(space) if self._rng.random() < 0.5 else self._valid(space)
        for _ in range(int(self._rng.integers(1, 4))):
            at, to = sorted(int(place) for place in self._rng.integers(0, len(text) + 1, 2))
            middle = (str(self._pick(TEXTS)), "", text[at:to] * 2, text[at:to][::-1])
            text = text[:at] + middle[int(self._rng.integers(4))] + text[to if self._rng.random() < 0.5 else at :]
        return text

    def _call(self, space: ActionText) -> str:
        if not space.tools:
            return self._noise(space)
        spec = self._spec(space)
        name = spec.name if self._rng.random() < 0.95 else str(self._pick(TEXTS))
        arguments, writer = self.arguments(spec), DIALECTS.load(space.dialect)
        try:
            return writer.write_call(ToolCall(name, arguments), "x")
        except (UsageError, TypeError, ValueError):  # a writer refuses what its reader would refuse
            return (
                writer.write_call(ToolCall("Tool", {}), "x").replace("Tool", name).replace("{}", json.dumps(arguments))
            )

    def _answer(self, space: ActionText) -> str:
        answer = _shown(self._pick((*TEXTS, *VALUES)))
        return DIALECTS.load(space.dialect).write_answer("ANSWER", "x").replace("ANSWER", answer)

    def _valid(self, space: ActionText) -> str:
        if not space.tools:
            return self._noise(space)
        spec = self._spec(space)
        arguments = SchemaSampler(self._rng, space.situation.images)
        schemas = spec.parameters.get("properties", {})
        drawn = {name: arguments.draw(schema) for name, schema in schemas.items() if name in spec.required}
        return DIALECTS.load(space.dialect).write_call(ToolCall(spec.name, drawn), "x")

    def _spec(self, space: ActionText) -> ToolSpec:
        usual = [spec for spec in space.tools if spec.name not in self._rare]
        tools = usual if usual and self._rng.random() > 0.01 else space.tools
        return tools[int(self._rng.integers(len(tools)))]

    def _pick(self, items: Sequence[Any]) -> Any:
        return items[int(self._rng.integers(len(items)))]


def _shown(value: Any) -> str:
    """A value as text. Python refuses to write integers of thousands of digits."""
    return "9" * 400 if isinstance(value, int) and abs(value) > 10**300 else str(value)
