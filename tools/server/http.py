"""Serving many clients over streamable HTTP, with health and metrics beside."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

from adagym.errors import UsageError, require
from adagym.tools.server import metrics
from adagym.tools.server.desk import Desk
from adagym.tools.server.guard import Access, App, Guard, Message, Receive, Send, respond
from adagym.tools.server.sdk import DROPPED, make_manager
from adagym.tools.server.settings import Settings

PATH = "/mcp"
BACKLOG = 2048
KEEP = 120
"""Seconds for which a connection without requests is kept: models think for longer than uvicorn's five."""
MOST_CONNECTIONS = 1024
"""Further ones are answered 503."""


def serve(settings: Settings, access: Access, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then let the calls inside finish.

    Args:
        settings: The server's settings.
        access: Where it listens, and who may use it.
        port: The port; 0 lets the system choose.
        ready: Called with the server's URL when clients can connect.

    Raises:
        UsageError: The address is taken or not this machine's; a tool or the backend cannot be used.
        MissingExtra: The SDK is not installed.
    """
    asyncio.run(_serve(settings, access, port, ready))


async def _serve(settings: Settings, access: Access, port: int, ready: Callable[[str], None]) -> None:
    uvicorn = require("uvicorn", "mcp")
    desk = Desk(settings)
    manager = make_manager(desk)
    guard = Guard(Routes(desk, manager.handle_request), access, settings.max_request)
    config = uvicorn.Config(
        guard,
        lifespan="off",
        log_config=None,  # logging is the process's own; to set it up anew would close the handlers of other libraries
        log_level="warning",
        access_log=False,
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP,
        timeout_graceful_shutdown=max(1, round(settings.drain)),
    )

    class Server(uvicorn.Server):  # type: ignore[name-defined, misc]  # uvicorn is imported when it is needed
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            """Note that it should end; without raising the signal again, so that the exit code is 0."""
            self.should_exit = True

    listening = _listen(access.host, port)
    try:
        async with manager.run():
            ready(_url(listening))
            await Server(config).serve(sockets=[listening])
    finally:
        listening.close()
        desk.close()


class Routes:
    """The ASGI app behind the guard.

    Args:
        desk: Answers calls.
        mcp: The SDK's app.
    """

    def __init__(self, desk: Desk, mcp: App) -> None:
        self._desk = desk
        self._mcp = mcp

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method, path = scope["method"], scope["path"].rstrip("/")
        if path == PATH and method in ("POST", "DELETE"):
            await self._mcp(scope, receive, _Dropping(scope, send))
        elif path == PATH:
            # The stream for what a server has to say of its own accord: nothing, and it would hold up the end.
            await respond(send, 405, f"{PATH} takes POST and DELETE.")
        elif method == "GET" and path == "/health":
            await respond(send, 200, json.dumps(self._desk.health()), "application/json")
        elif method == "GET" and path == "/metrics":
            await respond(send, 200, self._desk.metrics_text(), metrics.CONTENT_TYPE)
        else:
            await respond(send, 404, f"There are {PATH}, /health and /metrics here.")


class _Dropping:
    """Sends an answer, unless the call was marked: then half of one, after which the server closes the connection."""

    def __init__(self, scope: Message, send: Send) -> None:
        self._scope = scope
        self._send = send

    async def __call__(self, message: Message) -> None:
        if DROPPED not in self._scope:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._send({**message, "headers": [(b"content-length", b"1000000")]})


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65_535:  # the system would take the rest of a division
        raise UsageError(f"Cannot listen at port {port}: ports are from 0 to 65535.")
    try:
        found: Any = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(found[4][:2], family=found[0], backlog=BACKLOG)
    except OSError as error:
        raise UsageError(f"Cannot listen at {host}, port {port}: {error}. Choose another --port or --host.") from error


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"
