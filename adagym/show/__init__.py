"""How values look to people: one line in a debugger, text and pictures in a terminal (rich) or a notebook.

This package's root loads nothing: types derive from :class:`Shown`, and what draws is loaded when it draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType


class Shown:
    """A value with a short ``repr``, a rich rendering and an HTML one."""

    def __repr__(self) -> str:
        from adagym.show.brief import brief

        return brief(self)

    def __rich__(self) -> RenderableType:
        from adagym.show.console import rendering

        return rendering(self)

    def _repr_html_(self) -> str:
        from adagym.show.html import page

        return page(self)


class ShownObservation(Shown, dict[str, Any]):
    """What ``reset`` and ``step`` return: the dict ``{"text", "images"}``, readable where it is printed."""


__all__ = ["Shown", "ShownObservation"]
