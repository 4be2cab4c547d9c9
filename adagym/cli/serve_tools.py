"""``adagym serve-tools``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from adagym.errors import UsageError

TOKEN = "ADAGYM_TOOLS_TOKEN"
"""Environment variable that holds the token where there is no --token-file."""


@dataclass(frozen=True)
class ServeTools:
    """Serve tools over MCP: to any number of clients by HTTP, or to the process that started it by --stdio.

    Environments use a server as tools="mcp+http://127.0.0.1:8765"; any other MCP client can, too. GET /health and
    GET /metrics tell how it does. SIGTERM lets the calls that run finish.

    Example: adagym serve-tools --tools Crop OCR --per-tool OCR=1
    """

    tools: tuple[str, ...] = ()
    """The tools to serve; all that are registered if left out."""
    stdio: bool = False
    """Talk MCP on standard input and output instead of HTTP."""
    host: str = "127.0.0.1"
    """The address to listen at. Any that other machines reach needs a token."""
    port: int = 8765
    """The port; 0 lets the system choose, and the address printed names it."""
    names: tuple[str, ...] = ()
    """Further host names by which clients reach this server."""
    token_file: Path | None = None
    """A file with the token that clients must send; or set ADAGYM_TOOLS_TOKEN."""
    backend: str = "workers"
    """What runs the tools (docs/executors.md), for example workers:count=4,seconds=10. With inline, a call that hangs
    hangs for ever, and keeps its place."""
    faults: str = ""
    """Faults to inject, for example fail=0.1,seed=1: to see how clients bear them."""
    concurrency: int = 4
    """Calls that run at the same time."""
    per_tool: tuple[str, ...] = ()
    """Lower limits for single tools, for example OCR=1."""
    queue: int = 64
    """Calls of one tool that may wait; a client whose call is one more is told to try again."""
    max_request_mb: int = 64
    """Largest request, in MiB."""
    cache_mb: int = 512
    """Room for pictures that clients can name again, in MiB of pixels."""
    drain: float = 30.0
    """Seconds that calls have to finish after SIGTERM."""

    def run(self) -> int:
        """Serve until told to stop."""
        from adagym.tools import TOOLS
        from adagym.tools.server.settings import MEBIBYTE, Settings

        settings = Settings(
            names=self.tools or tuple(entry.name for entry in TOOLS),
            backend=self.backend,
            faults=self.faults,
            concurrency=self.concurrency,
            per_tool=dict(map(_limit, self.per_tool)),
            queue=self.queue,
            max_request=self.max_request_mb * MEBIBYTE,
            cache=self.cache_mb * MEBIBYTE,
            drain=self.drain,
        )
        if self.stdio:
            from adagym.tools.server import stdio

            stdio.serve(settings)
        else:
            from adagym.tools.server import http
            from adagym.tools.server.guard import Access

            http.serve(settings, Access(self.host, self._token(), self.names), self.port, _announce)
        return 0

    def _token(self) -> str | None:
        if self.token_file is None:
            return os.environ.get(TOKEN) or None
        try:
            return self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise UsageError(f"The token file `{self.token_file}` cannot be read: {error}.") from error


def _limit(text: str) -> tuple[str, int]:
    name, equals, number = text.partition("=")
    if not equals or not number.isascii() or not number.isdigit():
        raise UsageError(f"--per-tool {text!r}: write TOOL=NUMBER, for example OCR=1.")
    return name, int(number)


def _announce(url: str) -> None:
    print(f"adagym tools at {url}", file=sys.stderr, flush=True)
