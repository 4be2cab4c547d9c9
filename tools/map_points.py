"""What GetStartPoint, GetEndPoint and GetObstacles share: the cells of one kind on a frozen-lake map."""

from __future__ import annotations

from adagym.errors import ErrorCode, ToolError
from adagym.tools.maps import read_map
from adagym.types import Array


def centres_of(image: Array, kind: str) -> list[list[int]]:
    """Centres ``[x, y]`` of all cells of a kind, row by row.

    Args:
        image: A picture of a map.
        kind: ``S``, ``G`` or ``H``.

    Raises:
        ToolError: The picture shows no map. (The original then finds no obstacles, which reads like a safe map.)
    """
    reading = read_map(image)
    if reading is None:
        height, width = image.shape[:2]
        raise ToolError(f"No map detected in the image of {width}x{height} pixels.", ErrorCode.TOOL_RUN_FAILED)
    return reading.centres(kind)


def the_centre_of(image: Array, kind: str, missing: str) -> list[int]:
    """Centre of the only cell of a kind; the first one where there are more.

    Raises:
        ToolError: The picture shows no map, or the map no such cell; the latter with the given message.
    """
    centres = centres_of(image, kind)
    if not centres:
        raise ToolError(missing, ErrorCode.TOOL_RUN_FAILED)
    return centres[0]
