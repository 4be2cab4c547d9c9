"""Which tools an environment offers, and what runs them, as its argument ``tools`` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adagym.errors import UsageError
from adagym.tools import TOOLS
from adagym.tools.backends import BACKENDS, open_backend
from adagym.tools.backends.base import Backend


def is_backend(text: str) -> bool:
    """Whether a text names a backend, with or without tools after it, and not tools alone."""
    return text.partition("#")[0].partition(":")[0] in BACKENDS


@dataclass(frozen=True)
class Offer:
    """An environment's argument ``tools``, read."""

    backend: Backend
    names: tuple[str, ...] | None
    """None: the task's own tools, or else the family's."""

    @classmethod
    def of(cls, tools: str | Sequence[str] | Backend | None) -> Offer:
        """Read the argument.

        Args:
            tools: Names, to be run in this process; or the text of a backend, alone (it runs the task's or the
                family's tools), with ``#NAME,NAME``, or with ``#*`` for all tools that a server lists. None: the
                task's or the family's tools, run in this process. A backend itself runs the task's or the family's.

        Raises:
            UsageError: The text cannot be read.
            InfraError: A server that was to list its tools cannot be reached.
        """
        if isinstance(tools, Backend):
            return cls(tools, tools.names)
        if not isinstance(tools, str):
            return cls(open_backend("inline"), None if tools is None else tuple(tools))
        if tools in TOOLS:
            raise UsageError(f"tools={tools!r} is one name; write a sequence of names: tools=({tools!r},).")
        spec, mark, after = tools.rpartition("#")
        if not mark:
            return cls(open_backend(tools), None)
        backend = open_backend(spec)
        if after.strip() == "*":
            return cls(backend, backend.offered())
        names = tuple(name.strip() for name in after.split(","))
        if not all(names):
            raise UsageError(f"tools={tools!r}: after the # come names with commas between, or a *.")
        return cls(backend, names)
