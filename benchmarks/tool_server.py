"""Calls per second and latency of Crop: in process, in a worker process, by stdio, by HTTP, on FastAPI, on fastmcp.

All are measured in one run, in turns. A call sends a whole picture as a PNG in base64 and gets a quarter of it back as
one, except for `http_hash`, which names a picture that the server holds, and for the first two, which take arrays. No
two files are the same (a number follows the end of each picture), so that each is decoded.
Clients are connections that call one after the other; by stdio they share the one connection, as there is no other.
Requests are written in advance and the servers are processes of their own, so that little of the client is measured.
fastmcp is not a dependency: pip install fastmcp fastapi.

Example: python benchmarks/tool_server.py --json runs/tool_server.json
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tyro

from adagym.digest import image_digest
from adagym.evals.figures import publish
from adagym.pictures import to_png
from adagym.tools.backends import close_backends, open_backend
from adagym.types import Array, ToolCall

PEERS = Path(__file__).with_name("tool_server_peers.py")
SERVE = [sys.executable, "-c", "from adagym.cli import main; raise SystemExit(main())", "serve-tools"]
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "0"}}
NUMBER = b"AAAAnumb"
"""Stands for eight digits, which are base64 too."""
COUNT = itertools.count()
LIMIT = 64 * 2**20
"""Longest line of an answer, in bytes."""


@dataclass(frozen=True)
class Options:
    """Measure tool servers."""

    clients: tuple[int, ...] = (1, 8, 64)
    """Numbers of clients at the same time."""
    calls: int = 100
    """Calls per round, way and number of clients; at least two per client are made."""
    rounds: int = 3
    """Rounds in which the ways take turns."""
    side: int = 448
    """Of the picture, in pixels."""
    peers: bool = True
    """Measure FastAPI and fastmcp too."""
    seed: int = 0
    """Seeds the picture."""
    json: Path | None = None
    """Write the figures to this file."""


Call = Callable[[], Awaitable[None]]


@dataclass
class Way:
    """One way to call the tool."""

    clients: Callable[[int], Awaitable[list[Call]]]
    """Connects so many clients."""
    seconds: dict[int, list[float]] = field(default_factory=dict)
    """Of each call, by the number of clients."""
    rates: dict[int, list[float]] = field(default_factory=dict)
    """Calls per second in each round, by the number of clients."""


class Connection:
    """A client of one HTTP connection that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.session = ""

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=LIMIT))

    def request(self, body: Any) -> bytes:
        """A request as it is sent."""
        content = json.dumps(body).encode()
        session = f"Mcp-Session-Id: {self.session}\r\n" if self.session else ""
        head = (
            "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Accept: application/json, text/event-stream\r\n{session}Content-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    async def send(self, request: bytes) -> bytes:
        """Send a request and return the body of the answer."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        session = re.search(r"mcp-session-id: (\S+)", head)
        self.session = session[1] if session else self.session
        if "transfer-encoding: chunked" not in head:
            length = re.search(r"content-length: (\d+)", head)
            return await self._reader.readexactly(int(length[1])) if length else b""
        parts = []
        while size := int(await self._reader.readline(), 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readline()
        return b"".join(parts)

    async def call(self, request: bytes) -> None:
        """Send a request that must bring a picture."""
        answer = await self.send(numbered(request))
        assert b"iVBORw0KGgo" in answer, answer[:300]


def url_of(image: Array) -> str:
    """A picture as a data URL, with a number behind its end that :func:`numbered` replaces."""
    png = to_png(image)
    padded = png + b"\0" * (-len(png) % 3)
    return f"data:image/png;base64,{base64.b64encode(padded).decode()}{NUMBER.decode()}"


def numbered(request: bytes) -> bytes:
    """A request whose picture, if it holds one, is another file than any before."""
    return request.replace(NUMBER, b"%08d" % next(COUNT))


def message(method: str, parameters: Any, number: int = 1) -> dict[str, Any]:
    """A request of JSON-RPC."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}


async def mcp_clients(port: int, arguments: list[dict[str, Any]], count: int) -> list[Call]:
    """Sessions of MCP; all arguments but the last are called once, so that the server holds what they send."""
    calls: list[Call] = []
    for _ in range(count):
        peer = await Connection.open(port)
        await peer.send(peer.request(message("initialize", HELLO)))
        await peer.send(peer.request({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        requests = [peer.request(message("tools/call", {"name": "Crop", "arguments": given})) for given in arguments]
        for request in requests[:-1]:
            await peer.call(request)
        calls.append(partial(peer.call, requests[-1]))
    return calls


async def plain_clients(port: int, arguments: dict[str, Any], count: int) -> list[Call]:
    """Connections to the route of FastAPI."""
    peers = [await Connection.open(port) for _ in range(count)]
    return [partial(peer.call, peer.request(arguments)) for peer in peers]


async def thread_clients(spec: str, image: Array, box: list[int], count: int) -> list[Call]:
    """Threads of this process, each with its own runner of a backend."""
    pool = ThreadPoolExecutor(count)
    call = ToolCall("Crop", {"image": "img_1", "coordinates": box})

    def run(runner: Any) -> None:
        assert runner.run(call, {"img_1": image}).ok

    async def once(runner: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(pool, run, runner)

    return [partial(once, open_backend(spec).runner(("Crop",))) for _ in range(count)]


class Pipe:
    """The one connection of a server by stdio, which its clients share.

    Args:
        arguments: Of every call.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._parameters = {"name": "Crop", "arguments": arguments}
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._number = 0

    async def clients(self, count: int) -> list[Call]:
        """Start the server, if it is not, and return callers."""
        if self._process is None:
            words = [*SERVE, "--stdio", "--tools", "Crop", "--backend", "inline"]
            self._process = await asyncio.create_subprocess_exec(
                *words, limit=LIMIT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            self._reading = asyncio.create_task(self._read())
            await self._post("initialize", json.dumps(HELLO).encode())
        body = json.dumps(self._parameters).encode()
        return [partial(self._call, body) for _ in range(count)]

    async def _call(self, body: bytes) -> None:
        assert b"iVBORw0KGgo" in await self._post("tools/call", numbered(body))

    async def _post(self, method: str, body: bytes) -> bytes:
        assert self._process is not None
        assert self._process.stdin is not None
        self._number += 1
        self._waiting[self._number] = answer = asyncio.get_running_loop().create_future()
        head = b'{"jsonrpc":"2.0","id":%d,"method":"%s","params":' % (self._number, method.encode())
        self._process.stdin.write(head + body + b"}\n")
        await self._process.stdin.drain()
        line: bytes = await answer
        return line

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            number = re.search(rb'"id": ?(\d+)', line[:60]) or re.search(rb'"id": ?(\d+)', line[-60:])
            assert number, line[:200]
            self._waiting.pop(int(number[1])).set_result(line)

    async def close(self) -> None:
        """End the server."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()


@contextmanager
def process(words: list[str], port: int) -> Iterator[None]:
    """A server, from the moment at which it takes connections."""
    started = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as peer:
                if peer.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert started.poll() is None, f"{words} ended"
            time.sleep(0.1)
        yield
    finally:
        started.kill()
        started.wait()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


async def measure(way: Way, count: int, calls: int) -> None:
    """One round of one way."""
    callers = await way.clients(count)
    for call in callers[:8]:
        await call()
    each = max(2, calls // count)
    seconds: list[float] = []

    async def run(call: Call) -> None:
        for _ in range(each):
            began = time.perf_counter()
            await call()
            seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*map(run, callers))
    way.rates.setdefault(count, []).append(len(seconds) / (time.perf_counter() - began))
    way.seconds.setdefault(count, []).extend(seconds)


def picture(options: Options) -> Array:
    """Smooth colours, whose PNG is as large as a photograph's of that size."""
    coarse = np.random.default_rng(options.seed).integers(0, 256, (options.side // 16, options.side // 16, 3), np.uint8)
    smooth = cv2.resize(coarse, (options.side, options.side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.uint8)


async def play(options: Options, stack: ExitStack) -> dict[str, Way]:
    """Start the servers and measure all ways in turns."""
    image = picture(options)
    box = [0, 0, options.side // 2, options.side // 2]
    whole = {"image": url_of(image), "coordinates": box}
    named = {"image": f"sha256:{image_digest(image)}", "coordinates": box}
    inline, workers = free_port(), free_port()
    stack.enter_context(process([*SERVE, "--tools", "Crop", "--backend", "inline", "--port", str(inline)], inline))
    stack.enter_context(process([*SERVE, "--tools", "Crop", "--backend", "workers", "--port", str(workers)], workers))
    pipe = Pipe(whole)
    ways = {
        "in_process": Way(partial(thread_clients, "inline", image, box)),
        "worker": Way(partial(thread_clients, "workers", image, box)),
        "stdio": Way(pipe.clients),
        "http": Way(partial(mcp_clients, inline, [whole])),
        "http_hash": Way(partial(mcp_clients, inline, [whole, named])),
        "http_workers": Way(partial(mcp_clients, workers, [whole])),
    }
    if options.peers:
        ports = {kind: free_port() for kind in ("fastapi", "fastmcp")}
        for kind, port in ports.items():
            stack.enter_context(process([sys.executable, str(PEERS), kind, str(port)], port))
        ways["fastapi"] = Way(partial(plain_clients, ports["fastapi"], whole))
        ways["fastmcp"] = Way(partial(mcp_clients, ports["fastmcp"], [whole]))
    for _ in range(options.rounds):
        for count in options.clients:
            for way in ways.values():
                await measure(way, count, options.calls)
    await pipe.close()
    return ways


def figures_of(ways: dict[str, Way]) -> dict[str, float]:
    """Rates (the median of the rounds), latencies, and what was promised of them."""
    figures: dict[str, float] = {}
    for name, way in ways.items():
        for count, seconds in way.seconds.items():
            figures[f"{name}_{count}_calls_per_s"] = statistics.median(way.rates[count])
            figures[f"{name}_{count}_median_ms"] = 1000 * statistics.median(seconds)
            figures[f"{name}_{count}_p99_ms"] = 1000 * float(np.quantile(seconds, 0.99))
    least = min(ways["http"].rates)
    figures["worker_overhead_ms"] = figures[f"worker_{least}_median_ms"] - figures[f"in_process_{least}_median_ms"]
    if "fastmcp" in ways:
        for count in ways["http"].rates:
            ratio = figures[f"http_{count}_calls_per_s"] / figures[f"fastmcp_{count}_calls_per_s"]
            figures[f"http_vs_fastmcp_{count}"] = ratio
        figures["http_vs_fastmcp"] = min(figures[f"http_vs_fastmcp_{count}"] for count in ways["http"].rates)
    return figures


def main(options: Options) -> None:
    """Measure, print and write the figures."""
    began = time.perf_counter()
    with ExitStack() as stack:
        figures = figures_of(asyncio.run(play(options, stack)))
    close_backends()
    publish(
        "Tool server",
        figures,
        seed=options.seed,
        seconds=time.perf_counter() - began,
        path=options.json,
        packages=("mcp", "fastapi", "fastmcp"),
    )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
