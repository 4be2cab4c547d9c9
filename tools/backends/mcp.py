"""Tools on MCP servers: those of ``adagym serve-tools``, and any other server's.

``mcp+http://HOST:PORT`` and ``mcp+https://...`` name servers that run already, several with ``;`` between; after the
last, settings may follow: ``mcp+http://a:8000;b:8000;seconds=30,patience=10``. ``mcp+stdio:COMMAND`` starts one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from adagym.errors import ErrorCode, ToolError, UnknownName, UsageError
from adagym.tools import TOOLS
from adagym.tools.backends.base import Backend, Runner, read_settings
from adagym.tools.backends.mcp_content import HASH, CannotSend, Pictures, Sent, read_own, sendable
from adagym.tools.backends.mcp_foreign import ForeignCall, ForeignTool, read_foreign
from adagym.tools.backends.mcp_line import Line, Refused, Wire
from adagym.tools.backends.mcp_pool import Again, Limits, Order, Pool, Ticket
from adagym.tools.backends.mcp_wires import Http, Stdio
from adagym.tools.base import Tool, ToolOutput
from adagym.tools.executor import Executor


class McpBackend(Backend):
    """Runs tools on MCP servers. Nothing is connected before the first runner is made.

    Args:
        spec: See the module.

    Raises:
        UsageError: The text names no server, or a setting is unknown.
        MissingExtra: The SDK is not installed.
    """

    def __init__(self, spec: str) -> None:
        super().__init__(spec)
        self.pictures = Pictures()
        self._wires, self._limits = read_spec(spec)
        self._lock = Lock()
        self._pool: Pool | None = None
        self._left: list[Pool] = []

    @property
    def pool(self) -> Pool:
        """The lines to the servers, opened on first use."""
        with self._lock:
            if self._pool is None:
                self._pool = Pool(self._wires, self._limits)
            return self._pool

    def runner(self, names: Sequence[str]) -> Runner:
        """See :meth:`Backend.runner`."""
        return McpRunner(self, tuple(names))

    def offered(self) -> tuple[str, ...]:
        """See :meth:`Backend.offered`."""
        return tuple(self.pool.listed())

    def tool(self, name: str, call: ForeignCall) -> Tool:
        """What is known of a tool: all of it if it is adagym's, or else what the server tells.

        Args:
            name: The tool.
            call: Has a server run a tool that is not adagym's.

        Raises:
            UnknownName: No server lists it.
            ServerUnavailable: No server answered.
        """
        listed = self.pool.listed(name)
        if name not in listed:
            known = ", ".join(listed) or "none"
            raise UnknownName(f"No server of `{self.spec}` lists a tool `{name}`. Listed: {known}.")
        told, own = listed[name]
        return TOOLS.load(name) if own and name in TOOLS else ForeignTool.listed(told, call)

    def close(self) -> None:
        """See :meth:`Backend.close`."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def forget(self) -> None:
        """See :meth:`Backend.forget`."""
        self._lock = Lock()
        if self._pool is not None:
            self._left.append(self._pool)  # so that nothing of the parent's is closed when it is collected
            self._pool = None


class McpRunner(Executor):
    """Reads arguments here and runs tools on servers; tools that look at the video run here, where it is."""

    def __init__(self, backend: McpBackend, names: tuple[str, ...]) -> None:
        super().__init__(())
        self._backend = backend
        self._names = names
        self._tools = {name: backend.tool(name, self._call) for name in names}
        self.specs = tuple(tool.spec for tool in self._tools.values())
        self._ticket: Ticket | None = None

    def __reduce__(self) -> tuple[Callable[..., McpRunner], tuple[Any, ...]]:
        return McpRunner, (self._backend, self._names)

    def perform(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolOutput:
        """See :meth:`Executor.perform`."""
        if isinstance(tool, ForeignTool):
            return super().perform(tool, arguments)
        pictures = self._backend.pictures
        try:
            given = {name: sendable(name, value, pictures) for name, value in arguments.items() if value is not None}
        except CannotSend:
            return super().perform(tool, arguments)
        return self._order(
            Order(tool.name, True, arguments=partial(_fill, given, frozenset()), read=partial(self._read, given))
        )

    def cancel(self) -> None:
        """See :meth:`adagym.tools.backends.base.Runner.cancel`."""
        ticket = self._ticket
        if ticket is not None:
            self._backend.pool.cancel(ticket)

    def _call(self, tool: ForeignTool, arguments: Mapping[str, Any]) -> ToolOutput:
        """Have a server run a tool that is not adagym's."""
        given = {name: self._foreign(value) for name, value in arguments.items() if value is not None}
        order = Order(
            tool.name,
            False,
            arguments=partial(_fill, given, tool.bare),
            read=partial(self._read, given),
            repeatable=tool.repeatable,
        )
        try:
            return self._order(order)
        except Refused as error:
            raise ToolError(str(error), ErrorCode.INVALID_PARAMETERS) from error

    def _order(self, order: Order[ToolOutput]) -> ToolOutput:
        self._ticket = Ticket()
        try:
            return self._backend.pool.call(order, self._ticket)
        finally:
            self._ticket = None

    def _foreign(self, value: Any) -> Any:
        """A value that was read by a foreign tool's schema; it was checked then."""
        return self._backend.pictures.of(value) if isinstance(value, np.ndarray) else value

    def _read(
        self, given: Mapping[str, Any], line: Line, sent: Mapping[str, Any], result: Mapping[str, Any]
    ) -> ToolOutput:
        if not line.own:
            return read_foreign(line.name, result)
        digests = {value.digest for value in given.values() if isinstance(value, Sent)}
        try:
            output = read_own(line.name, result, sent)
        except ToolError:
            line.hold(digests)
            raise
        except Again as again:
            if not again.rest:
                line.held -= digests
            raise
        line.hold(digests | {self._backend.pictures.of(image).digest for image in output.images})
        return output


def _fill(given: Mapping[str, Any], bare: frozenset[str], line: Line) -> dict[str, Any]:
    """The arguments for one server: pictures that it holds go by their hashes."""
    return {
        name: _told(line, value, name in bare) if isinstance(value, Sent) else value for name, value in given.items()
    }


def _told(line: Line, sent: Sent, bare: bool) -> str:
    if line.own and sent.digest in line.held:
        return f"{HASH}{sent.digest}"
    return sent.url().partition(",")[2] if bare else sent.url()


def read_spec(spec: str) -> tuple[list[Wire], Limits]:
    """The servers that a text names, and how long to try them.

    Raises:
        UsageError: It names none, or a setting is unknown.
    """
    scheme, _, rest = spec.partition(":")
    if scheme == "mcp+stdio":
        return [Stdio(rest)], Limits()
    if not rest.startswith("//"):
        raise UsageError(f"`{spec}` names no server; write {scheme}://HOST:PORT.")
    items = [item.strip() for item in rest.removeprefix("//").split(";")]
    settings = items.pop() if "=" in items[-1] and "/" not in items[-1] else ""
    if not all(items) or not items:
        raise UsageError(f"`{spec}` names no server; write {scheme}://HOST:PORT, several with ; between.")
    kind = scheme.removeprefix("mcp+")
    wires: list[Wire] = [Http(f"{kind}://{item}") for item in items]
    return wires, read_settings(Limits, spec, settings)
