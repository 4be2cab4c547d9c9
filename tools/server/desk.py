"""Where calls arrive from either transport: sessions, the gate, the service and the metrics in one place."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

from adagym.tools.server.gate import Busy, Gate
from adagym.tools.server.metrics import Metrics
from adagym.tools.server.pictures import Session
from adagym.tools.server.service import Answer, Job, Service, Status
from adagym.tools.server.settings import Settings
from adagym.types import ToolCall

MOST_SESSIONS = 1000
"""Clients whose names of pictures are kept; the one that did not call for longest is forgotten."""


class Desk:
    """Answers calls. Belongs to one event loop.

    Args:
        settings: The server's settings.

    Raises:
        UsageError: A tool or the backend does not exist or cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.service = Service(settings)
        self.gate = Gate(settings)
        self.metrics = Metrics(settings.names)
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._began = time.monotonic()
        self._draining = False
        self._inside = 0

    async def call(self, name: str, arguments: Mapping[str, Any], session: str | None) -> dict[str, Any] | None:
        """Answer one call.

        Args:
            name: The tool's, as the client wrote it.
            arguments: Unchecked.
            session: Identifies the client's session; None if there is none to come back to.

        Returns:
            The result as MCP writes it; None: the connection is to be dropped, as a fault that was asked for.
        """
        began = time.perf_counter()
        self._inside += 1
        try:
            status, result = await self._answer(ToolCall(name, arguments), self._session(session))
        finally:
            self._inside -= 1
        self.metrics.count(name, status, time.perf_counter() - began)
        return None if status == "dropped" else result

    async def _answer(self, call: ToolCall, session: Session) -> tuple[Status, dict[str, Any]]:
        if self._draining:
            return _busy("This server is shutting down. Use another one, or try again when it is back.")
        job = Job()
        work = partial(self.service.call, call, session, job)
        if call.name not in self.settings.names:  # is told so at once
            return work()
        try:
            return await self.gate.run(call.name, work, job.cancel)
        except Busy as error:
            return _busy(str(error))

    def _session(self, name: str | None) -> Session:
        if name is None:
            return Session(lasting=False)
        session = self._sessions.setdefault(name, Session())
        self._sessions.move_to_end(name)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def health(self) -> dict[str, Any]:
        """Facts about the server, as ``GET /health`` gives them."""
        return {
            "status": "draining" if self._draining else "ok",
            "tools": list(self.settings.names),
            "running": self.gate.running,
            "waiting": self.gate.waiting,
            "uptime": round(time.monotonic() - self._began, 3),
        }

    def metrics_text(self) -> str:
        """Everything counted, as ``GET /metrics`` gives it."""
        pictures = self.service.pictures
        return self.metrics.text(
            {
                "running": ("Calls that run.", self.gate.running),
                "waiting": ("Calls that wait for their turn.", self.gate.waiting),
                "sessions": ("Sessions whose names are kept.", len(self._sessions)),
                "pictures": ("Decoded pictures held.", len(pictures)),
                "picture_bytes": ("Bytes of the pictures held.", pictures.bytes),
                "uptime_seconds": ("Seconds since the start.", round(time.monotonic() - self._began, 3)),
            }
        )

    async def drain(self) -> None:
        """Let in no more calls, and wait for those inside as long as the settings say."""
        self._draining = True
        ends = time.monotonic() + self.settings.drain
        while self._inside and time.monotonic() < ends:
            await asyncio.sleep(0.02)

    def close(self) -> None:
        """Let go of what waits."""
        self.gate.close()


def _busy(why: str) -> tuple[Status, dict[str, Any]]:
    return "busy", Answer("busy", why).wire()
