"""``adagym serve-tools`` as a process: HTTP and stdio as they are on the wire, limits, faults, and its end."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

IMAGE = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
URL = "data:image/png;base64," + base64.b64encode(bytes(cv2.imencode(".png", IMAGE)[1])).decode()
CROP = {"name": "Crop", "arguments": {"image": URL, "coordinates": [0, 0, 4, 3]}}
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
TOKEN = "a-token-of-enough-characters"


def message(method: str, parameters: Any = None, number: int | None = 1) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "method": method, **({} if number is None else {"id": number})}
    return body if parameters is None else {**body, "params": parameters}


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", "from adagym.cli import main; raise SystemExit(main())", "serve-tools", *words]


class Peer:
    """A client of one session, by hand."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        self.address = urlsplit(url).netloc
        self.headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {token}",
        }

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, str]:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            connection.request(method, path, body, {**self.headers, **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def post(self, body: Any) -> Any:
        status, headers, text = self.send("POST", "/mcp", json.dumps(body).encode())
        assert status in (200, 202), text
        if "mcp-session-id" in headers:
            self.headers["Mcp-Session-Id"] = headers["mcp-session-id"]
        return json.loads(text) if text else None

    def hello(self) -> Peer:
        assert self.post(message("initialize", HELLO))["result"]["serverInfo"]["name"] == "adagym"
        self.post(message("notifications/initialized", number=None))
        return self

    def call(self, parameters: Any) -> dict[str, Any]:
        result: dict[str, Any] = self.post(message("tools/call", parameters))["result"]
        return result


def told(result: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(result["content"][0]["text"])
    return read


@contextmanager
def serving(*words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server at a free port, and its URL."""
    environment = {**os.environ, "ADAGYM_TOOLS_TOKEN": TOKEN}
    process = subprocess.Popen(
        command("--port", "0", *words), stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said.startswith("adagym tools at http://127.0.0.1:"), said + process.stderr.read()
        yield said.split()[-1], process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving("--tools", "Crop", "GetWeather", "--max-request-mb", "1") as (url, _):
        yield url


def test_calls_in_a_session(url: str) -> None:
    peer = Peer(url).hello()
    listed = peer.post(message("tools/list"))["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["Crop", "GetWeather"]
    result = peer.call(CROP)
    assert result["isError"] is False
    assert told(result)["images"] == ["img_2"]
    png = np.frombuffer(base64.b64decode(result["content"][1]["data"]), np.uint8)
    assert np.array_equal(cv2.imdecode(png, cv2.IMREAD_COLOR), IMAGE[:3, :4])
    assert result["_meta"]["adagym/check"]["valid"] == ["image", "coordinates"]
    again = peer.call({"name": "Crop", "arguments": {"image": "img_2", "coordinates": [0, 0, 2, 2]}})
    assert told(again)["status"] == "success"
    stranger = Peer(url).hello().call({"name": "Crop", "arguments": {"image": "img_2", "coordinates": [0, 0, 2, 2]}})
    assert (stranger["isError"], told(stranger)["error_code"]) == (True, 204)


def test_health_and_metrics(url: str) -> None:
    Peer(url).hello().call({"name": "GetWeather", "arguments": {"location": "Rome"}})
    status, _, health = Peer(url).send("GET", "/health")
    assert (status, json.loads(health)["status"]) == (200, "ok")
    _, headers, text = Peer(url).send("GET", "/metrics")
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'adagym_tools_calls_total{tool="GetWeather",status="success"} 1' in text.splitlines()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer guess"}, 401),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Mcp-Session-Id": "0" * 32}, 404),
        ({"Content-Type": "text/plain"}, 400),
    ],
)
def test_who_may_not_call_is_refused(url: str, headers: dict[str, str], status: int) -> None:
    body = json.dumps(message("initialize", HELLO)).encode()
    assert Peer(url).send("POST", "/mcp", body, **headers)[0] == status


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b"\xff\xfe", b"null", b'{"jsonrpc":"2.0","id":1}'],
)
def test_hostile_json_is_refused(url: str, body: bytes) -> None:
    assert Peer(url).send("POST", "/mcp", body)[0] >= 400
    assert Peer(url).send("GET", "/health")[0] == 200


def test_a_request_has_a_largest_size(url: str) -> None:
    assert Peer(url).send("POST", "/mcp", b"", **{"Content-Length": str(2**20 + 1)})[0] == 413
    large = {
        "name": "Crop",
        "arguments": {"image": "data:image/png;base64," + "A" * 900_000, "coordinates": [0, 0, 1, 1]},
    }
    assert told(Peer(url).hello().call(large))["error_code"] == 204


def test_busy_and_drained_after_sigterm() -> None:
    slow = ("--tools", "GetWeather", "--faults", "timeout=1,seconds=1", "--concurrency", "1", "--queue", "0")
    with serving(*slow) as (url, process), ThreadPoolExecutor(1) as pool:
        weather = {"name": "GetWeather", "arguments": {"location": "Rome"}}
        running = pool.submit(Peer(url).hello().call, weather)
        peer = Peer(url).hello()
        while json.loads(peer.send("GET", "/health")[2])["running"] == 0:
            time.sleep(0.02)
        busy = peer.call(weather)
        assert (busy["isError"], told(busy)["status"], told(busy)["error_code"]) == (True, "busy", 0)
        process.send_signal(signal.SIGTERM)
        assert told(running.result(timeout=20))["status"] == "broken"  # it was not cut off: the fault was met
        assert process.wait(timeout=20) == 0


def test_a_dropped_connection_is_an_error_of_the_connection() -> None:
    with serving("--tools", "GetWeather", "--faults", "drop=1") as (url, _):
        peer = Peer(url).hello()
        with pytest.raises(http.client.HTTPException):
            peer.call({"name": "GetWeather", "arguments": {"location": "Rome"}})
        assert peer.send("GET", "/health")[0] == 200


class Pipe:
    """A server by stdio."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            command("--stdio", *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def post(self, body: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(body).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.mark.parametrize("ending", ["closed", "SIGTERM"])
def test_stdio(ending: str) -> None:
    pipe = Pipe("--tools", "Crop")
    try:
        assert pipe.post(message("initialize", HELLO))["result"]["serverInfo"]["name"] == "adagym"
        assert told(pipe.post(message("tools/call", CROP))["result"])["images"] == ["img_2"]
        assert pipe.process.stdin is not None
        if ending == "closed":
            pipe.process.stdin.close()
        else:
            pipe.process.terminate()
        assert pipe.process.wait(timeout=20) == 0
    finally:
        pipe.process.kill()
        for stream in (pipe.process.stdin, pipe.process.stdout):
            if stream is not None:
                stream.close()
        pipe.process.wait()
