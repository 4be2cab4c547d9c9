"""Serving one client over standard input and output."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from io import TextIOWrapper
from typing import Any

from adagym.errors import require
from adagym.tools.backends import close_backends
from adagym.tools.server.desk import Desk
from adagym.tools.server.sdk import make_server
from adagym.tools.server.settings import Settings

WRITING = 0.2
"""Seconds for the last answer to leave the process."""


def serve(settings: Settings) -> None:
    """Serve until the client closes its end, or until SIGTERM or SIGINT, which end the process.

    Args:
        settings: The server's settings.

    Raises:
        UsageError: A tool or the backend does not exist or cannot be used.
        MissingExtra: The SDK is not installed.
    """
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    anyio = require("anyio", "mcp")
    transport = require("mcp.server.stdio", "mcp")
    desk = Desk(settings)
    server = make_server(desk)
    _end_on_signals(desk)
    reading, writing = _private_streams()
    try:
        async with transport.stdio_server(anyio.wrap_file(reading), anyio.wrap_file(writing)) as (read, write):
            await server.run(read, write, server.create_initialization_options())
    finally:
        desk.close()


def _end_on_signals(desk: Desk) -> None:
    loop = asyncio.get_running_loop()
    tasks = []  # the loop itself would not keep them from being collected

    async def end() -> None:
        await desk.drain()
        await asyncio.sleep(WRITING)
        close_backends()
        os._exit(0)  # nothing ends the thread that waits for the client's next line

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: tasks.append(loop.create_task(end())))


def _private_streams() -> tuple[Any, Any]:
    """The client's ends as files of their own: whatever a tool prints goes to standard error."""
    sys.stdout.flush()
    reading = TextIOWrapper(os.fdopen(os.dup(0), "rb"), encoding="utf-8", errors="replace")
    writing = TextIOWrapper(os.fdopen(os.dup(1), "wb"), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return reading, writing
