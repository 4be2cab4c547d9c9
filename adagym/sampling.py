"""Values and answers drawn at random: what :class:`adagym.spaces.ActionText` samples are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from adagym.types import Array, Task


class SchemaSampler:
    """Draws values that satisfy a JSON schema; integers are pixels of the picture drawn first."""

    def __init__(self, rng: np.random.Generator, images: Mapping[str, Array]) -> None:
        self._rng = rng
        self._names = list(images) or ["img_1"]
        self._name = self._names[int(rng.integers(len(self._names)))]
        image = images.get(self._name)
        self._side = 64 if image is None else min(image.shape[:2])

    def draw(self, schema: Mapping[str, Any]) -> Any:
        """Return one value."""
        for key in ("enum", "examples"):
            if schema.get(key):
                return schema[key][int(self._rng.integers(len(schema[key])))]
        if "anyOf" in schema:
            return self.draw(schema["anyOf"][0])
        kind = schema.get("type", "string")
        if kind == "array":
            return self._array(schema)
        if kind in ("integer", "number"):
            low = int(schema.get("minimum", 0))
            return int(self._rng.integers(low, max(int(schema.get("maximum", self._side - 1)), low) + 1))
        if kind == "boolean":
            return bool(self._rng.integers(2))
        if kind == "object":
            return {name: self.draw(value) for name, value in schema.get("properties", {}).items()}
        return None if kind == "null" else self._text(str(schema.get("description", "")))

    def _text(self, description: str) -> str:
        _, _, listed = description.partition("for example ")
        examples = re.split(r", | or ", listed.split(". ")[0].rstrip(".")) if listed else ["start"]
        if examples[0].startswith("img_"):
            return self._name
        return examples[int(self._rng.integers(len(examples)))]

    def _array(self, schema: Mapping[str, Any]) -> list[Any]:
        low = int(schema.get("minItems", 0))
        high = int(schema.get("maxItems", max(low, 3)))
        items = [self.draw(schema.get("items", {})) for _ in range(int(self._rng.integers(low, high + 1)))]
        is_box = low == high == 4 and schema.get("items", {}).get("type") in ("integer", "number")
        return _ordered(items) if is_box else items


def _ordered(sides: Sequence[int]) -> list[int]:
    """A box ``[x1, y1, x2, y2]`` that holds at least one pixel, made of any four sides."""
    (x1, x2), (y1, y2) = sorted(sides[::2]), sorted(sides[1::2])
    return [x1, y1, x2 + 1, y2 + 1]


def draw_answer(rng: np.random.Generator, task: Task | None) -> str:
    """Draw an answer of the kind that a task asks for; without a task a word."""
    kind = "text" if task is None else task.answer_type
    return _ANSWERS.get(kind, _answer_text)(rng, task)


def _answer_plan(rng: np.random.Generator, task: Task | None) -> str:
    side = int(task.meta.get("side", 4)) if task is not None else 4
    moves = rng.integers(4, size=int(rng.integers(1, 2 * side + 1)))
    return ",".join("LRUD"[move] for move in moves)


def _answer_yes_no(rng: np.random.Generator, task: Task | None) -> str:
    return ("Yes", "No")[int(rng.integers(2))]


def _answer_choice(rng: np.random.Generator, task: Task | None) -> str:
    count = len(task.choices) if task is not None and task.choices else 4
    return chr(ord("A") + int(rng.integers(count)))


def _answer_number(rng: np.random.Generator, task: Task | None) -> str:
    return str(int(rng.integers(100)))


def _answer_box(rng: np.random.Generator, task: Task | None) -> str:
    return str(_ordered([int(value) for value in rng.integers(100, size=4)]))


def _answer_moves(rng: np.random.Generator, task: Task | None) -> str:
    move, turn = ("forward", "backward")[int(rng.integers(2))], ("left", "right")[int(rng.integers(2))]
    return f"move_{move}:{int(rng.integers(1, 20)) / 10},rotate_{turn}:{int(rng.integers(1, 91))}"


def _answer_text(rng: np.random.Generator, task: Task | None) -> str:
    return ("yes", "no", "unknown", "none")[int(rng.integers(4))]


_ANSWERS: dict[str, Callable[[np.random.Generator, Task | None], str]] = {
    "plan": _answer_plan,
    "yes_no": _answer_yes_no,
    "choice": _answer_choice,
    "number": _answer_number,
    "regression": _answer_number,
    "mra": _answer_number,
    "moves": _answer_moves,
    "box": _answer_box,
}
