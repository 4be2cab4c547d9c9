"""Visual tools: one function per file."""

from __future__ import annotations

from adagym.registry import Registry
from adagym.tools.base import Tool

TOOLS: Registry[Tool] = Registry("tool")
TOOLS.register("Point", "adagym.tools.point:POINT", summary="where the things described are, in pixels")
TOOLS.register("Draw2DPath", "adagym.tools.draw_path:DRAW_2D_PATH", summary="a path of moves, drawn on the picture")
TOOLS.register("AStar", "adagym.tools.astar:ASTAR", summary="a shortest path between two cells around obstacles")

__all__ = ["TOOLS", "Tool"]
