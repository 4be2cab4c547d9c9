"""Who may use the tool server over HTTP: addresses, tokens, hosts, sizes, paths."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest

from adagym.errors import UsageError
from adagym.tools.server.desk import Desk
from adagym.tools.server.guard import Access, Guard, is_loopback
from adagym.tools.server.http import Routes
from adagym.tools.server.settings import Settings

TOKEN = "a-token-of-enough-characters"


class TestAccess:
    def test_other_machines_need_a_token(self) -> None:
        for host in ("0.0.0.0", "::", "192.168.1.5", "tools.example"):
            with pytest.raises(UsageError, match="needs a token"):
                Access(host)
            assert Access(host, TOKEN).token == TOKEN
        with pytest.raises(UsageError, match="at least 16"):
            Access("0.0.0.0", "short")

    @pytest.mark.parametrize(
        ("host", "authority", "allowed"),
        [
            ("127.0.0.1", "127.0.0.1:8765", True),
            ("127.0.0.1", "LOCALHOST", True),
            ("127.0.0.1", "[::1]:80", True),
            ("127.0.0.1", "evil.example:8765", False),
            ("127.0.0.1", "localhost.evil.example", False),
            ("127.0.0.1", "127.0.0.1.evil.example", False),
            ("127.0.0.1", "10.0.0.1:8765", False),
            ("127.0.0.1", "user@evil.example", False),
            ("127.0.0.1", "", False),
            ("127.0.0.1", "[", False),
            ("0.0.0.0", "10.0.0.1:8765", True),
            ("0.0.0.0", "evil.example", False),
            ("0.0.0.0", "tools.lan:1", True),
            ("tools.example", "tools.example", True),
        ],
    )
    def test_only_its_own_names_are_allowed(self, host: str, authority: str, allowed: bool) -> None:
        assert Access(host, TOKEN, ("Tools.lan",)).allows(authority) is allowed

    def test_loopback(self) -> None:
        assert [host for host in ("localhost", "127.9.9.9", "::1", "0.0.0.0", "a.b") if is_loopback(host)] == [
            "localhost",
            "127.9.9.9",
            "::1",
        ]


def request(
    access: Access, headers: Mapping[str, str] | Sequence[tuple[str, str]], path: str = "/health", method: str = "GET"
) -> tuple[int, str]:
    """The status and the body that an ASGI request is answered with."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def mcp(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        raise AssertionError("nothing here reaches the SDK")

    async def play() -> None:
        desk = Desk(Settings(("Crop",)))
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in pairs],
        }
        await Guard(Routes(desk, mcp), access, 1000)(scope, receive, send)
        desk.close()

    asyncio.run(play())
    return sent[0]["status"], sent[1]["body"].decode()


class TestGuard:
    local = Access()
    here = ("host", "localhost:1")

    def test_health_and_metrics_and_nothing_else(self) -> None:
        status, body = request(self.local, [self.here])
        assert (status, json.loads(body)["status"], json.loads(body)["tools"]) == (200, "ok", ["Crop"])
        status, body = request(self.local, [self.here], "/metrics")
        assert status == 200
        assert "adagym_tools_running 0\n" in body
        assert request(self.local, [self.here], "/../etc/passwd")[0] == 404
        assert request(self.local, [self.here], "/mcp", "GET")[0] == 405
        assert request(self.local, [self.here], "/mcp", "PUT")[0] == 405

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ([("host", "evil.example")], 421),
            ([], 421),
            ([here, here], 421),
            ([here, ("origin", "http://evil.example")], 403),
            ([here, ("origin", "null")], 403),
            ([here, ("origin", "http://localhost:3000")], 200),
            ([here, ("content-length", "1001")], 413),
            ([here, ("content-length", "-1")], 413),
            ([here, ("content-length", "9" * 400)], 413),
            ([here, ("transfer-encoding", "chunked")], 411),
        ],
    )
    def test_requests_are_checked_before_they_are_read(self, headers: list[tuple[str, str]], status: int) -> None:
        assert request(self.local, headers)[0] == status

    def test_the_token_is_needed_for_everything(self) -> None:
        access = Access(token=TOKEN)
        for path in ("/health", "/metrics", "/mcp"):
            assert request(access, [self.here], path)[0] == 401
            assert request(access, [self.here, ("authorization", "Bearer wrong")], path)[0] == 401
            assert request(access, [self.here, ("authorization", f"Basic {TOKEN}")], path)[0] == 401
        assert request(access, [self.here, ("authorization", f"Bearer {TOKEN}")])[0] == 200
