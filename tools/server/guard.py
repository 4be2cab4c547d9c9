"""What every HTTP request must pass: the name it was sent to, the token, and its size."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from adagym.errors import UsageError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

SHORTEST_TOKEN = 16
"""Characters."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Access:
    """Who may use the server.

    Raises:
        UsageError: Others than this machine could reach the server, and there is no token; or the token is too short.
    """

    host: str = "127.0.0.1"
    """The address it listens at."""
    token: str | None = None
    """What clients must know, if they must."""
    names: tuple[str, ...] = ()
    """Further names by which clients reach it."""

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not self.token.isascii()):
            raise UsageError(f"The token must have at least {SHORTEST_TOKEN} characters, all ASCII.")
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"A server at {self.host} can be reached from other machines and needs a token: write one into a file "
                "and give --token-file, or listen at 127.0.0.1."
            )

    def allows(self, authority: str) -> bool:
        """Whether a request may be sent to a ``HOST[:PORT]``.

        A web page can make its own name stand for this machine's address, and its visitor's browser would then talk
        to this server in the page's name; it cannot change what the browser writes here.
        """
        try:
            name = (urlsplit(f"//{authority}").hostname or "").rstrip(".").lower()
        except ValueError:
            return False
        if name in {*LOOPBACK, self.host.lower(), *(known.lower() for known in self.names)}:
            return True
        return self.host in ("0.0.0.0", "::") and _is_address(name)


class Guard:
    """Lets requests through to an ASGI app, or answers in its place.

    Args:
        app: The app.
        access: Who may use it.
        max_request: Largest body, in bytes.
    """

    def __init__(self, app: App, access: Access, max_request: int) -> None:
        self._app = app
        self._access = access
        self._max_request = max_request

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        refusal = self._refusal(headers)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await respond(send, *refusal)

    def _refusal(self, headers: Sequence[tuple[str, str]]) -> tuple[int, str] | None:
        values: dict[str, list[str]] = {}
        for name, value in headers:
            values.setdefault(name, []).append(value)
        hosts = values.get("host", [])
        if len(hosts) != 1 or not self._access.allows(hosts[0]):
            return 421, "This server does not go by that name; start it with --names to give it another."
        for origin in values.get("origin", []):
            if not self._access.allows(origin.partition("://")[2]):
                return 403, "Pages of other sites may not use this server."
        if self._access.token is not None:
            given = values.get("authorization", [""])[0].encode("latin-1")
            if not hmac.compare_digest(given, f"Bearer {self._access.token}".encode()):
                return 401, "This server needs its token: Authorization: Bearer TOKEN."
        if "transfer-encoding" in values:
            return 411, "Send the request with its Content-Length."
        length = values.get("content-length", ["0"])[0]
        if not length.isdigit() or len(length) > 15 or int(length) > self._max_request:
            return 413, f"The request is larger than {self._max_request} bytes."
        return None


async def respond(send: Send, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
    """Send a whole answer."""
    body = text.encode()
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
