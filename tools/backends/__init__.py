"""Where tools run: in this process, in worker processes, or on servers.

A backend is named by a text, ``SCHEME`` or ``SCHEME:REST``; what the rest means is the scheme's affair. There is one
backend per text and process, which all environments share, so that its limits hold for the whole process.
"""

from __future__ import annotations

import atexit
import os
from threading import RLock

from adagym.registry import Registry
from adagym.tools.backends.base import Backend, Runner

BACKENDS: Registry[type[Backend]] = Registry("backend")
BACKENDS.register("inline", "adagym.tools.backends.inline:InlineBackend", summary="in the environment's own process")
BACKENDS.register(
    "workers",
    "adagym.tools.backends.workers:WorkersBackend",
    summary="workers:count=2,seconds=30,memory_mb=2048, worker processes that are killed and replaced",
)
BACKENDS.register(
    "faulty", "adagym.tools.backends.faulty:FaultyBackend", summary="faults at given rates before another"
)
for _scheme in ("mcp+http", "mcp+https", "mcp+stdio"):
    BACKENDS.register(_scheme, "adagym.tools.backends.mcp:McpBackend", summary="on MCP servers (docs/remote-tools.md)")

_open: dict[str, Backend] = {}
_lock = RLock()  # a backend that wraps another opens it while it is opened itself


def open_backend(spec: str) -> Backend:
    """Return the backend of a text: the same one in a process for the same text.

    Raises:
        UnknownName: There is no such scheme.
        UsageError: The rest of the text cannot be used.
        MissingExtra: It needs an optional dependency.
    """
    with _lock:
        if spec not in _open:
            _open[spec] = BACKENDS.load(spec.partition(":")[0])(spec)
        return _open[spec]


def close_backends() -> None:
    """Close all backends of this process. Environments that still have one must not be used any more."""
    with _lock:
        while _open:
            _open.popitem()[1].close()


def _after_fork() -> None:
    global _lock
    _lock = RLock()  # another thread of the parent may have held it
    for backend in _open.values():
        backend.forget()


atexit.register(close_backends)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

__all__ = ["BACKENDS", "Backend", "Runner", "close_backends", "open_backend"]
