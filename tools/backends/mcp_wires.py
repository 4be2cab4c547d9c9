"""How MCP servers are reached: over HTTP, or as a process that speaks over its standard streams."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from adagym.errors import InfraError, UsageError, require

require("mcp", "mcp")

from mcp import StdioServerParameters, stdio_client  # noqa: E402  (after the check that names the pip line)
from mcp.client.streamable_http import streamable_http_client  # noqa: E402  (the same)

TOKEN = "ADAGYM_TOOLS_TOKEN"
"""The environment variable that holds the token of servers that want one."""
MAX_REPLY = 400_000_000
"""Largest answer that is read, in bytes: a picture of the largest size, badly compressed and in base64."""
CONNECT_SECONDS = 5.0


class Http:
    """A server that speaks streamable HTTP.

    Args:
        url: Its address.

    Raises:
        UsageError: The address cannot be used.
    """

    tolerant = False

    def __init__(self, url: str) -> None:
        self.name = url
        parts = _split(url)
        self._url = url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/mcp"
        self._proxied = not _is_loopback(parts.hostname or "")
        self._status = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Any, Any]]:
        """See :meth:`adagym.tools.backends.mcp_line.Wire.open`."""
        # The SDK takes a client of the library it was made for, which its second version changed.
        httpx = import_module("httpx2" if version("mcp").split(".")[0] != "1" else "httpx")
        token = os.environ.get(TOKEN)
        self._status = 0
        client = httpx.AsyncClient(
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})},
            # How long an answer may take is the caller's affair.
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            trust_env=self._proxied,
            event_hooks={"response": [partial(self._look, httpx.AsyncByteStream)]},
        )
        sizes = {"max_sse_event_size": MAX_REPLY}  # new in the second version of the SDK
        known = inspect.signature(streamable_http_client).parameters
        options: dict[str, Any] = {name: value for name, value in sizes.items() if name in known}
        async with client, streamable_http_client(self._url, http_client=client, **options) as streams:
            yield streams[0], streams[1]

    def trouble(self) -> str:
        """See :meth:`adagym.tools.backends.mcp_line.Wire.trouble`."""
        status, self._status = self._status, 0
        if status in (401, 403):
            return f"HTTP status {status}: the server wants a token; put it into the environment variable {TOKEN}"
        return f"HTTP status {status}" if status else ""

    async def _look(self, base: type[Any], response: Any) -> None:
        """Note why a request failed, which the SDK does not tell, and let no answer grow without limit."""
        if response.status_code >= 400 and response.request.method == "POST":
            self._status = response.status_code
        if response.headers.get("content-encoding", "identity") != "identity":
            raise InfraError(f"{self.name} sent a compressed answer, which was not asked for.")
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            response.stream = _limited(base, response.stream)


class Stdio:
    """A server that is started as a process and ends with it. It gets few environment variables (see the SDK).

    Args:
        command: The command with its arguments, quoted as in a shell, which is not used.

    Raises:
        UsageError: There is no command, or its quotes do not match.
    """

    tolerant = True  # programs print

    def __init__(self, command: str) -> None:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"The command {command!r} cannot be read: {error}.") from None
        if not words:
            raise UsageError(
                "`mcp+stdio:` needs a command that starts a server, for example `mcp+stdio:adagym serve-tools --stdio`."
            )
        self.name = f"`{command}`"
        self._parameters = StdioServerParameters(command=words[0], args=words[1:])

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Any, Any]]:
        """See :meth:`adagym.tools.backends.mcp_line.Wire.open`."""
        # What the server says beside the protocol goes to the terminal.
        async with stdio_client(self._parameters, errlog=sys.__stderr__ or sys.stderr) as streams:
            yield streams

    def trouble(self) -> str:
        """See :meth:`adagym.tools.backends.mcp_line.Wire.trouble`."""
        return ""


def _split(url: str) -> Any:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{url!r} is no address of a server; write HOST:PORT or HOST:PORT/PATH.")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"The address of {parts.hostname} holds a name or password, which would be written into records; put the "
            f"token into the environment variable {TOKEN}."
        )
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _limited(base: type[Any], stream: Any) -> Any:
    """The stream of an answer that breaks off above ``MAX_REPLY`` bytes."""

    class Limited(base):  # type: ignore[misc]  # the class has to be one that the client library knows
        async def __aiter__(self) -> AsyncIterator[bytes]:
            total = 0
            async for chunk in stream:
                total += len(chunk)
                if total > MAX_REPLY:
                    raise InfraError(f"An answer is longer than {MAX_REPLY} bytes.")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Limited()
