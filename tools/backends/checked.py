"""What a result must be before an environment shows it, whoever made it."""

from __future__ import annotations

import json

from adagym.errors import InfraError
from adagym.spaces import ImageSpace
from adagym.types import ToolResult

_PICTURES = ImageSpace()


def checked(result: ToolResult) -> ToolResult:
    """Return a result that can be shown, saved and compared.

    Raises:
        InfraError: It cannot: its data are not JSON, its texts cannot be encoded, or its pictures are none. A tool
            that returns such a thing is broken, and the model has no part in it.
    """
    wrong = _fault(result)
    if wrong:
        raise InfraError(f"The tool `{str(result.tool)[:80]!a}` returned something unusable: {wrong}.")
    return result


def _fault(result: ToolResult) -> str | None:
    if result.status not in ("success", "failed"):
        return f"the status {str(result.status)[:40]!a}"
    if not isinstance(result.message, str) or not all(isinstance(key, str) for key in result.data):
        return "a message or a field that is no text"
    try:
        f"{result.tool}{result.message}".encode()
        json.dumps(dict(result.data), allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return f"data that are not JSON ({str(error)[:80]!a})"
    for image in result.images:
        if image not in _PICTURES:
            shape, kind = getattr(image, "shape", None), getattr(image, "dtype", type(image).__name__)
            return f"a picture of the shape {shape} and type {kind}"
    return None
