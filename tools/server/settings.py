"""What the server of tools can be told, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adagym.errors import UsageError

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """Settings of one server.

    Raises:
        UsageError: A number is out of range, or a limit is set for a tool that is not served.
    """

    names: tuple[str, ...]
    """The tools served, in the order of the list."""
    backend: str = "inline"
    """What runs them: a text of :func:`adagym.tools.backends.open_backend`."""
    faults: str = ""
    """Faults to inject: settings of :class:`adagym.tools.backends.faulty.Faults`; empty for none."""
    concurrency: int = 4
    """Calls that run at the same time, of all tools together."""
    per_tool: Mapping[str, int] = field(default_factory=dict)
    """Calls of one tool that run at the same time, where that is fewer."""
    queue: int = 64
    """Calls of one tool that wait; one more is told that the server is busy."""
    max_request: int = 64 * MEBIBYTE
    """Largest request, in bytes. A picture is sent as base64, a third longer than its file."""
    max_pixels: int = 40_000_000
    """Largest picture that a client may send (8K is 33 million)."""
    cache: int = 512 * MEBIBYTE
    """Bytes of decoded pictures that are kept, to be named again."""
    drain: float = 30.0
    """Seconds that calls have to finish after SIGTERM."""

    def __post_init__(self) -> None:
        if not self.names:
            raise UsageError("A server needs at least one tool; leave the names out to serve all.")
        for name in ("concurrency", "max_request", "max_pixels"):
            if getattr(self, name) < 1:
                raise UsageError(f"`{name}` is {getattr(self, name)}; it must be at least 1.")
        for name in ("queue", "cache", "drain"):
            if getattr(self, name) < 0:
                raise UsageError(f"`{name}` is {getattr(self, name)}; it must not be negative.")
        for name, limit in self.per_tool.items():
            if name not in self.names or limit < 1:
                raise UsageError(
                    f"The limit {name}={limit} is for a tool that is not served, or below 1. Served: "
                    f"{', '.join(self.names)}."
                )
