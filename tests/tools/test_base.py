"""Tools are derived from typed, documented functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from adagym.errors import UsageError
from adagym.tools import TOOLS
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.values import ImageArg, PointArg, PointsArg


def example(
    image: ImageArg, spot: PointArg, others: PointsArg, text: str, count: int | None = None, loud: bool = False
) -> ToolOutput:
    """Do a thing. It takes ``two`` sentences
    over two lines.

    Args:
        image: The picture.
        spot: Where,
            exactly.
        others: Elsewhere.
        text: Words.
        count: How often.
        loud: Whether to shout.

    Raises:
        ToolError: Never.
    """
    return ToolOutput({"seen": [image.shape, spot, others, text, count, loud]})


def test_the_schema_is_derived() -> None:
    tool = Tool.of(example, "Example", online=True)
    point = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    assert tool.spec.description == "Do a thing. It takes two sentences over two lines."
    assert tool.spec.parameters == {
        "type": "object",
        "properties": {
            "image": {"type": "string", "description": "The picture."},
            "spot": {**point, "description": "Where, exactly."},
            "others": {"type": "array", "items": point, "description": "Elsewhere."},
            "text": {"type": "string", "description": "Words."},
            "count": {"type": "integer", "description": "How often."},
            "loud": {"type": "boolean", "description": "Whether to shout."},
        },
        "required": ["image", "spot", "others", "text"],
    }
    assert tool.online
    assert [item.default for item in tool.parameters] == [None, None, None, None, None, False]


def no_docstring(image: ImageArg) -> ToolOutput:
    raise NotImplementedError  # read for its signature, never called


def undescribed(image: ImageArg, text: str) -> ToolOutput:
    """Look.

    Args:
        image: The picture.
    """
    raise NotImplementedError  # read for its signature, never called


def untyped(image) -> ToolOutput:
    """Look.

    Args:
        image: The picture.
    """
    raise NotImplementedError  # read for its signature, never called


def strange(image: dict[str, int]) -> ToolOutput:
    """Look.

    Args:
        image: The picture.
    """
    raise NotImplementedError  # read for its signature, never called


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_docstring, "`Bad` needs a docstring"),
        (undescribed, "Describe parameter `text` of the tool `Bad` under `Args:`"),
        (untyped, "Parameter `image` of the tool `Bad` is of type None"),
        (strange, "Parameter `image` of the tool `Bad` is of type dict"),
    ],
)
def test_incomplete_functions_are_refused(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Tool.of(function, "Bad")


def test_the_registered_tools() -> None:
    required = {name: TOOLS.load(name).spec.required for name in ("Point", "Draw2DPath", "AStar")}
    assert required == {
        "Point": ("image", "description"),
        "Draw2DPath": ("image", "start_point", "directions"),
        "AStar": ("start", "goal", "obstacles"),
    }
    optional = {name: set(TOOLS.load(name).spec.properties) - set(required[name]) for name in required}
    assert optional == {
        "Point": set(),
        "Draw2DPath": {"step", "pixel_coordinate", "line_width", "line_color"},
        "AStar": {"cell_size", "image"},
    }


@pytest.mark.parametrize("name", TOOLS.names())
def test_every_schema_is_valid(name: str) -> None:
    tool = TOOLS.load(name)
    jsonschema.Draft202012Validator.check_schema(dict(tool.spec.parameters))
    assert tool.name == name
