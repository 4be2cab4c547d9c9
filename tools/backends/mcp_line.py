"""A line to one MCP server: opened by the official SDK (1.x or 2.x), watched, and opened again when it breaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, TimeoutError
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any, Protocol, TypeVar

from adagym.errors import InfraError, ServerUnavailable, ToolTimeout, require

require("mcp", "mcp")

import anyio  # noqa: E402  (mcp brings it; after the check that names the pip line)
from mcp import ClientSession, types  # noqa: E402  (the same)
from mcp.shared import exceptions  # noqa: E402  (the same)

T = TypeVar("T")

OWN_NAME = "adagym"
"""What ``adagym serve-tools`` calls itself; its pictures go by their hashes, and its results hold everything."""
CONNECT_SECONDS = 20.0
"""A server that was started has to introduce itself within."""
HEALTH_SECONDS = 5.0
"""A line on which nothing came for so long is checked; the answer has to come within as long."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between attempts to open a line; they double."""
NOT_YET = "it has not answered yet"
MAX_PAGES = 100
"""Most pages of a server's list of tools."""
MAX_HELD = 100_000
"""Most pictures that a line remembers to have sent."""
INVALID_PARAMS, METHOD_NOT_FOUND = -32602, -32601
"""What JSON-RPC answers to arguments that do not fit, and to questions it does not know."""

_McpError: Any = vars(exceptions).get("MCPError") or vars(exceptions)["McpError"]  # its name in 2.x and in 1.x


class Refused(InfraError):
    """The server says that the arguments do not fit."""


class Garbled(InfraError):
    """The server answered what is not an answer, or says that the tool broke."""


class Wire(Protocol):
    """How to reach a server."""

    name: str
    """For messages."""
    tolerant: bool
    """Whether what cannot be read may be a remark between the messages, and not the answer to a request."""

    def open(self) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        """Return the streams to read from and to write to."""
        ...

    def trouble(self) -> str:
        """What the server last complained of, in a few words; empty if of nothing."""
        ...


@dataclass(frozen=True)
class Listed:
    """A tool as a server lists it."""

    name: str
    description: str
    schema: Mapping[str, Any]
    repeatable: bool
    """Whether the server says that a call may be made twice: it only reads, or has the same effect again."""


class Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = Lock()
        self._closed = False
        self._thread = Thread(target=self._loop.run_forever, name="adagym-mcp", daemon=True)
        self._thread.start()

    def keep(self, line: Line) -> None:
        """Keep a line open until :meth:`close`."""
        self._submit(line.keep())

    def call(self, line: Line, name: str, arguments: Mapping[str, Any], seconds: float) -> Future[dict[str, Any]]:
        """Start a call on a line; see :meth:`Line.call`.

        Raises:
            InfraError: The loop is closed.
        """
        return self._submit(line.call(name, arguments, seconds))

    def close(self, seconds: float = 10.0) -> None:
        """End all lines and calls, and the thread."""
        ended = self._submit(self._end(), last=True)
        try:
            ended.result(seconds)
        except TimeoutError:  # a server's process that cannot be ended is left behind
            pass
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(seconds)
        self._loop.close()

    def _submit(self, work: Coroutine[Any, Any, T], last: bool = False) -> Future[T]:
        with self._lock:  # nothing may come after what ends the loop: nobody would ever finish it
            if self._closed:
                work.close()
                raise InfraError("The connection to the tool servers is closed; make a new environment.")
            self._closed = last
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_asyncgens()


class Line:
    """One server. Made and read in any thread; its coroutines run in a :class:`Loop`.

    Args:
        wire: How to reach it.
        changed: Called in the loop's thread when the line has become usable or unusable.
    """

    def __init__(self, wire: Wire, changed: Callable[[], None]) -> None:
        self.name = wire.name
        self.own = False
        """Whether the server is ``adagym serve-tools``."""
        self.listed: Mapping[str, Listed] = {}
        """Its tools by name, as last listed."""
        self.held: set[str] = set()
        """Hashes of the pictures that it should hold."""
        self.up = False
        self.reason = NOT_YET
        """Why the line is not up."""
        self._wire = wire
        self._changed = changed
        self._session: ClientSession | None = None
        self._gone: asyncio.Future[None] | None = None
        self._suspect = asyncio.Event()
        self._heard = 0.0
        self._running = 0
        self._fault: Exception | None = None

    def hold(self, digests: set[str]) -> None:
        """Note that the server has pictures; those that it no longer has it does not know, and is sent again."""
        if len(self.held) > MAX_HELD:
            self.held.clear()
        self.held |= digests

    async def keep(self) -> None:
        """Open the line, and open it again whenever it breaks, until cancelled."""
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                self._fault = None
                streams = self._wire.open()
                async with streams as (read, write), ClientSession(read, write, message_handler=self._hear) as session:
                    with anyio.fail_after(CONNECT_SECONDS):
                        await self._introduce(session)
                    await self._watch(session)
            except Exception as error:  # whatever a transport fails with, the line is down and is opened again
                self.reason = self._wire.trouble() or _told(self._fault or error)
            finally:
                self._drop()
            pause = FIRST_PAUSE if time.monotonic() - began > LONGEST_PAUSE else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def call(self, name: str, arguments: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Call a tool.

        Returns:
            The result under the names that it has in the protocol.

        Raises:
            ServerUnavailable: The line broke, or the server refused the request.
            ToolTimeout: No answer came within ``seconds``.
            Refused: The arguments do not fit.
            Garbled: The answer cannot be read.
        """
        session, gone = self._session, self._gone
        if session is None or gone is None:
            raise ServerUnavailable(f"{self.name}: {self.reason}")
        task: asyncio.Future[Any] = asyncio.ensure_future(session.call_tool(name, dict(arguments)))
        self._running += 1
        try:
            done, _ = await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if task in done:
                return self._read(task)
        finally:
            self._running -= 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._doubt()
        if not done:
            raise ToolTimeout(f"{self.name}: the tool `{name}` gave no answer within {seconds:g} seconds.")
        raise ServerUnavailable(f"{self.name}: the line broke during a call.")

    def _read(self, task: asyncio.Future[Any]) -> dict[str, Any]:
        try:
            result: dict[str, Any] = task.result().model_dump(by_alias=True, mode="json", exclude_none=True)
        except _McpError as error:
            if error.error.code == INVALID_PARAMS:
                raise Refused(f"{self.name}: {error}") from error
            self._doubt()
            raise ServerUnavailable(f"{self.name}: {self._wire.trouble() or error}") from error
        except (ValueError, RuntimeError) as error:  # how the SDK refuses results that break its own rules
            raise Garbled(f"{self.name}: {_told(error)}") from error
        except Exception as error:  # whatever a transport fails with
            self._doubt()
            raise ServerUnavailable(f"{self.name}: {_told(error)}") from error
        self._heard = time.monotonic()
        return result

    async def _introduce(self, session: ClientSession) -> None:
        told = (await session.initialize()).model_dump(by_alias=True)
        listed: dict[str, Listed] = {}
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            params = types.PaginatedRequestParams(cursor=cursor)
            page = (await session.list_tools(params=params)).model_dump(by_alias=True, mode="json")
            listed.update((item["name"], _listed(item)) for item in page["tools"])
            cursor = page.get("nextCursor")
            if not cursor:
                break
        self.own = told["serverInfo"]["name"] == OWN_NAME
        self.listed = listed
        self._gone = asyncio.get_running_loop().create_future()
        self._session = session
        self._suspect.clear()
        self._heard = time.monotonic()
        self._set_up(True)

    async def _hear(self, message: Any) -> None:
        """End the session when an answer cannot be read: version 1 of the SDK would wait for it for ever."""
        if isinstance(message, Exception) and not self._wire.tolerant:
            self._fault = message
            raise anyio.ClosedResourceError  # which the SDK takes as the end of the line

    async def _watch(self, session: ClientSession) -> None:
        """Return never; raise when the server no longer answers."""
        while True:
            with anyio.move_on_after(HEALTH_SECONDS):
                await self._suspect.wait()
            # A server may do one thing at a time: while a call runs, its time limit decides.
            if self.up and (self._running or time.monotonic() - self._heard < HEALTH_SECONDS):
                continue
            with anyio.fail_after(HEALTH_SECONDS):
                await self._ping(session)
            self._suspect.clear()
            self._set_up(True)

    async def _ping(self, session: ClientSession) -> None:
        try:
            await session.send_ping()
        except _McpError as error:
            if error.error.code != METHOD_NOT_FOUND:  # who does not know the question is there, too
                raise

    def _doubt(self) -> None:
        """Give the line no calls before it was checked."""
        self._set_up(False)
        self._suspect.set()

    def _drop(self) -> None:
        self._session = None
        self.held.clear()  # the server may have been started anew
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        self._set_up(False)

    def _set_up(self, up: bool) -> None:
        if up != self.up:
            self.up = up
            self._changed()


def _listed(item: Mapping[str, Any]) -> Listed:
    hints = item.get("annotations") or {}
    repeatable = bool(hints.get("readOnlyHint") or hints.get("idempotentHint"))
    return Listed(item["name"], item.get("description") or "", item.get("inputSchema") or {}, repeatable)


def _told(error: BaseException) -> str:
    """The first error of a group, in a line."""
    while getattr(error, "exceptions", ()):
        error = error.exceptions[0]  # type: ignore[attr-defined]  # a group, which 3.10 has from a package
    return f"{type(error).__name__}: {str(error).strip()[:300]}".rstrip(": ")
