"""What a tool's parameters can be: their JSON schema, and how a model's value is read.

Reading is tolerant where the meaning is beyond doubt: released checkpoints write points as ``{"x": 1, "y": 2}``
and lists as strings. Whatever else does not fit raises a :class:`~adagym.errors.ToolError` for the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from adagym.errors import ErrorCode, ToolError
from adagym.types import Array
from adagym.video import ShownVideo

MAX_TEXT = 1000
"""Longest text parameter, in characters."""
MAX_POINTS = 4096
"""Most points in one parameter."""
MAX_BOXES = 256
"""Most boxes in one parameter."""
MAX_COORDINATE = 1_000_000
"""Largest coordinate, in pixels; larger numbers would overflow drawing."""

Point = tuple[int, int]
"""``(x, y)`` in pixels."""
Box = tuple[int, int, int, int]
"""``(x1, y1, x2, y2)`` in pixels; the right column and the bottom row are not part of it."""
SHAPES = ("rectangle", "ellipse", "circle")
Shape = tuple[str, Box]
"""One of ``SHAPES``, and the box it is drawn around."""


@dataclass(frozen=True)
class Media:
    """What the calls of a conversation can refer to."""

    images: Mapping[str, Array] = field(default_factory=dict)
    """Pictures by name; they are not changed."""
    video: ShownVideo | None = None


Reader = Callable[[Any, Media], Any]


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of parameter. Compared by identity: a schema has no hash, and annotations with ``| None`` need one."""

    schema: Mapping[str, Any]
    read: Reader
    """Turns the model's value into the function's argument, or raises ToolError."""


def refuse(expected: str, value: object) -> ToolError:
    """What is said of a value that cannot be read; the executor puts the parameter's name before it."""
    return ToolError(f"must be {expected}, not {show(value)}.", ErrorCode.INVALID_PARAMETERS)


def invalid(message: str, parameter: str | None = None) -> ToolError:
    """A value that could be read and cannot be used; the parameter that is to blame, if it is one alone."""
    return ToolError(message, ErrorCode.INVALID_PARAMETERS, parameter)


def show(value: object) -> str:
    """A value as a short text that can always be encoded, even where a string in it held a lone surrogate."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except RecursionError:  # reading JSON bears slightly deeper nesting than writing it
        return "a deeply nested value"
    return plain(text[:80])


def plain(text: str) -> str:
    """A text that can be encoded: a question mark for each lone surrogate, which JSON can express and files cannot."""
    return text.encode(errors="replace").decode()


def _read_image(value: Any, media: Media) -> Array:
    if isinstance(value, str) and value in media.images:
        return media.images[value]
    known = ", ".join(media.images) or "none"
    raise ToolError(
        f"must name an image of this conversation ({known}), not {show(value)}.", ErrorCode.CANNOT_LOAD_IMAGE
    )


def _read_text(value: Any, media: Media) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise refuse(f"a non-empty text of at most {MAX_TEXT} characters", value)
    return value


def _read_integer(value: Any, media: Media) -> int:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _whole(value):
        raise refuse("a whole number", value)
    return int(value)


def _read_boolean(value: Any, media: Media) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise refuse("true or false", value)


def _read_point(value: Any, media: Media) -> Point:
    value = decoded(value)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list | dict):
        value = value[0]
    return _point(value)


def _read_points(value: Any, media: Media) -> tuple[Point, ...]:
    value = decoded(value)
    if isinstance(value, dict) or (isinstance(value, list) and value and not isinstance(value[0], list | dict)):
        value = [value]
    if not isinstance(value, list) or len(value) > MAX_POINTS:
        raise refuse(f"a list of at most {MAX_POINTS} points [x, y]", value)
    return tuple(_point(item) for item in value)


def _point(value: Any) -> Point:
    if isinstance(value, dict) and set(value) == {"x", "y"}:
        value = [value["x"], value["y"]]
    if not isinstance(value, list) or len(value) != 2 or not all(_is_coordinate(item) for item in value):
        raise refuse("a point [x, y] in pixels, with coordinates that are not negative", value)
    return round(value[0]), round(value[1])


def _read_box(value: Any, media: Media) -> Box:
    value = decoded(value)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list | dict):
        value = value[0]
    return _box(value)


def _read_boxes(value: Any, media: Media) -> tuple[Box, ...]:
    value = decoded(value)
    if isinstance(value, dict) or (isinstance(value, list) and value and not isinstance(value[0], list | dict)):
        value = [value]
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_BOXES:
        raise refuse(f"a list of 1 to {MAX_BOXES} boxes [x1, y1, x2, y2]", value)
    return tuple(_box(item) for item in value)


def _read_shapes(value: Any, media: Media) -> tuple[Shape, ...]:
    value = decoded(value)
    value = [value] if isinstance(value, dict) else value
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_BOXES or not all(map(_is_shape, value)):
        names = ", ".join(SHAPES)
        raise refuse(f'a list of 1 to {MAX_BOXES} {{"shape": one of {names}, "coords": [x1, y1, x2, y2]}}', value)
    return tuple((item["shape"], _box(decoded(item["coords"]))) for item in value)


def _is_shape(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"shape", "coords"} and value["shape"] in SHAPES


def _box(value: Any) -> Box:
    """Four sides in whole pixels; ``adagym.tools.boxes`` checks that they lie in a picture and in order."""
    if isinstance(value, dict):
        value = next(([value[key] for key in keys] for keys in SIDES if set(value) == set(keys)), value)
    if not isinstance(value, list) or len(value) != 4 or not all(is_side(side) for side in value):
        raise refuse("a box [x1, y1, x2, y2] in pixels", value)
    if any(isinstance(side, float) for side in value) and all(0 <= side <= 1 for side in value):
        raise ToolError(
            f"must be in absolute pixels; normalised coordinates (0 to 1) such as {show(value)} are not supported.",
            ErrorCode.INVALID_PARAMETERS,
        )
    x1, y1, x2, y2 = (round(side) for side in value)
    return x1, y1, x2, y2


def is_side(value: Any) -> bool:
    """Whether a value is a number that drawing can bear."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_COORDINATE


def _is_coordinate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_COORDINATE


def _whole(value: float) -> bool:
    # The range comes first: it excludes infinities, NaN, and integers too large for a float.
    return -MAX_COORDINATE <= value <= MAX_COORDINATE and value == int(value)


def decoded(value: Any) -> Any:
    """A list or object that was written as a string."""
    if not isinstance(value, str) or len(value) > 100 * MAX_POINTS:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


SIDES = (("x1", "y1", "x2", "y2"), ("x_min", "y_min", "x_max", "y_max"))
"""The keys by which a box may be written as an object."""
_BOX_SCHEMA = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
_SHAPE_SCHEMA = {
    "type": "object",
    "properties": {"shape": {"type": "string", "enum": list(SHAPES)}, "coords": _BOX_SCHEMA},
    "required": ["shape", "coords"],
}
_POINT_SCHEMA = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}

TEXT = Kind({"type": "string"}, _read_text)
INTEGER = Kind({"type": "integer"}, _read_integer)
BOOLEAN = Kind({"type": "boolean"}, _read_boolean)

ImageArg = Annotated[NDArray[np.uint8], Kind({"type": "string"}, _read_image)]
"""A picture of the conversation, by its name ``img_n``."""
PointArg = Annotated[Point, Kind(_POINT_SCHEMA, _read_point)]
"""A point ``[x, y]``."""
PointsArg = Annotated[tuple[Point, ...], Kind({"type": "array", "items": _POINT_SCHEMA}, _read_points)]
"""A list of points ``[[x, y], ...]``."""
BoxArg = Annotated[Box, Kind(_BOX_SCHEMA, _read_box)]
"""A box ``[x1, y1, x2, y2]``."""
BoxesArg = Annotated[tuple[Box, ...], Kind({"type": "array", "items": _BOX_SCHEMA, "minItems": 1}, _read_boxes)]
"""A list of boxes ``[[x1, y1, x2, y2], ...]``."""
ShapesArg = Annotated[tuple[Shape, ...], Kind({"type": "array", "items": _SHAPE_SCHEMA, "minItems": 1}, _read_shapes)]
"""A list of shapes ``[{"shape": "circle", "coords": [x1, y1, x2, y2]}, ...]``."""
