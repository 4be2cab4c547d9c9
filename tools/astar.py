"""AStar: a shortest path between two cells of a map (``AStarWithPixelCoordinate`` of AdaReasoner).

Unlike the original, the grid is the whole map and not the box around the given points, and a goal that cannot
be reached is a failure and not an empty path.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from adagym.errors import ErrorCode, ToolError
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.maps import read_map
from adagym.tools.values import ImageArg, Point, PointArg, PointsArg
from adagym.types import Array

Cell = tuple[int, int]
"""Column and row."""

DEFAULT_CELL = 64
"""Pixels per cell where the picture shows no grid."""
MAX_CELLS = 65_536
"""Largest grid that is searched, about a quarter of a second."""
_MOVES = {"D": (0, 1), "R": (1, 0), "U": (0, -1), "L": (-1, 0)}
"""Letter to (column, row) step; equally short paths prefer the earlier letter first."""


def astar(
    start: PointArg,
    goal: PointArg,
    obstacles: PointsArg,
    cell_size: int | None = None,
    image: ImageArg = "img_1",  # type: ignore[assignment]  # a name; the executor looks it up
) -> ToolOutput:
    """Find a shortest path from start to goal around obstacles, as moves L, R, U, D.

    Args:
        start: Pixel coordinates [x, y] of the start.
        goal: Pixel coordinates [x, y] of the goal.
        obstacles: Pixel coordinates [[x, y], ...] of all cells to avoid.
        cell_size: Pixels per cell side; measured on the image if left out.
        image: The image of the map, whose size bounds the grid.
    """
    search = _plan(start, goal, obstacles, cell_size, image)
    path = _search(*search)
    if path is None:
        raise ToolError("There is no path from start to goal around the obstacles.", ErrorCode.TOOL_RUN_FAILED)
    return ToolOutput({"path": ",".join(path)})


def _plan(
    start: Point, goal: Point, obstacles: Sequence[Point], cell_size: int | None, image: Array
) -> tuple[Cell, Cell, set[Cell], int, int]:
    """What is searched: from which cell to which, around which, and the columns and rows of the grid.

    Raises:
        ToolError: An argument cannot be used.
    """
    size = cell_size_of(image, cell_size, "cell_size")
    height, width = image.shape[:2]
    cols, rows = max(1, width // size), max(1, height // size)
    if cols * rows > MAX_CELLS:
        raise ToolError(
            f"A cell_size of {size} makes a grid of {cols}x{rows} cells; at most {MAX_CELLS} are searched.",
            ErrorCode.INVALID_PARAMETERS,
            "cell_size",
        )
    cells = {name: to_cell(value, size, cols, rows, name) for name, value in (("start", start), ("goal", goal))}
    blocked = {to_cell(value, size, cols, rows, "obstacles") for value in obstacles}
    for name, cell in cells.items():
        if cell in blocked:
            raise ToolError(f"The {name} is one of the obstacles.", ErrorCode.INVALID_PARAMETERS, name)
    return cells["start"], cells["goal"], blocked, cols, rows


def cell_size_of(image: Array, given: int | None, parameter: str) -> int:
    """The given cell size if it is usable, or the one that the picture shows.

    Raises:
        ToolError: The given size is not positive or exceeds the picture.
    """
    if given is None:
        reading = read_map(image)
        return DEFAULT_CELL if reading is None else reading.cell
    if not 1 <= given <= max(image.shape[:2]):
        raise ToolError(
            f"`{parameter}` must be between 1 and {max(image.shape[:2])} pixels, not {given}.",
            ErrorCode.INVALID_PARAMETERS,
            parameter,
        )
    return given


def to_cell(point: Point, size: int, cols: int, rows: int, parameter: str) -> Cell:
    """The cell that holds a point.

    Raises:
        ToolError: The point lies outside the grid.
    """
    cell = point[0] // size, point[1] // size
    if cell[0] >= cols or cell[1] >= rows:
        raise ToolError(
            f"`{parameter}` holds [{point[0]}, {point[1]}], outside the map of {cols * size}x{rows * size} pixels.",
            ErrorCode.INVALID_PARAMETERS,
            parameter,
        )
    return cell


def _search(start: Cell, goal: Cell, blocked: set[Cell], cols: int, rows: int) -> list[str] | None:
    """A* with the Manhattan distance. Ties go to the path that comes first in the order D, R, U, L.

    The search runs from the goal, so that the moves can then be read off from the start in that order.
    """
    cost = {goal: 0}
    queue = [(_distance(start, goal), goal)]
    done: set[Cell] = set()
    # It goes on through all cells as promising as the start: any of them may lie on the preferred path.
    while queue and not (start in cost and queue[0][0] > cost[start]):
        _, cell = heapq.heappop(queue)
        if cell in done:
            continue
        done.add(cell)
        for dx, dy in _MOVES.values():
            after = cell[0] + dx, cell[1] + dy
            inside = 0 <= after[0] < cols and 0 <= after[1] < rows
            if inside and after not in blocked and cost[cell] + 1 < cost.get(after, MAX_CELLS + 1):
                cost[after] = cost[cell] + 1
                heapq.heappush(queue, (cost[after] + _distance(start, after), after))
    return _descend(start, cost) if start in cost else None


def _descend(cell: Cell, cost: dict[Cell, int]) -> list[str]:
    """The moves from a cell to where the cost is 0, each time the first that comes one nearer."""
    path: list[str] = []
    while cost[cell]:
        for letter, (dx, dy) in _MOVES.items():
            after = cell[0] + dx, cell[1] + dy
            if cost.get(after) == cost[cell] - 1:
                path.append(letter)
                cell = after
                break
    return path


def _distance(cell: Cell, goal: Cell) -> int:
    return abs(cell[0] - goal[0]) + abs(cell[1] - goal[1])


ASTAR = Tool.of(astar, "AStar", check=_plan)
