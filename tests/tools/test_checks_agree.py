"""What a check finds in a call is what a run finds in it, for every tool and values of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from adagym.tools import TOOLS
from adagym.tools.executor import Executor
from adagym.types import ToolCall

RNG = np.random.default_rng(0)
IMAGES = {name: RNG.integers(0, 255, (96, 128, 3), dtype=np.uint8) for name in ("img_1", "img_2")}
TEXTS = ("img_1", "img_2", "R,D", "Elf", "red", "horizontal", "y1=9, y2=400", "2024-03-15", "celsius")


def drawn(schema: Mapping[str, Any], rng: np.random.Generator) -> Any:
    """A value of the kind that a schema asks for, fit or not."""
    if "anyOf" in schema:
        return drawn(schema["anyOf"][int(rng.integers(len(schema["anyOf"])))], rng)
    if "enum" in schema:
        return schema["enum"][int(rng.integers(len(schema["enum"])))]
    kind = schema.get("type")
    if kind == "array":
        return [drawn(schema.get("items", {}), rng) for _ in range(schema.get("minItems") or int(rng.integers(1, 3)))]
    if kind in ("integer", "number"):
        return int(rng.integers(-5, 140))
    return bool(rng.integers(2)) if kind == "boolean" else TEXTS[int(rng.integers(len(TEXTS)))]


@pytest.mark.parametrize("name", sorted({*TOOLS.names()} - {"OCR"}))  # OCR refuses nothing, and takes a second a call
def test_a_check_agrees_with_a_run(name: str) -> None:
    executor, rng = Executor([name]), np.random.default_rng(1)
    schemas = executor.specs[0].parameters["properties"]
    for _ in range(60):
        arguments = {key: drawn(schema, rng) for key, schema in schemas.items() if rng.random() < 0.8}
        arguments |= {key: "img_1" for key in arguments if "image" in key}
        call = ToolCall(name, arguments)
        assert executor.check(call, IMAGES) == executor.run(call, IMAGES).check, call
