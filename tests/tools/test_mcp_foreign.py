"""Servers that know nothing of adagym, over pipes and HTTP, and what they may do to us."""

from __future__ import annotations

import base64
import gzip
import json
import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adagym.errors import ServerUnavailable
from adagym.pictures import to_png
from adagym.tools.backends import Runner, close_backends, mcp, mcp_wires, open_backend
from adagym.tools.backends.mcp_content import check_plain
from adagym.tools.backends.mcp_foreign import MAX_MESSAGE, ForeignTool, read_foreign
from adagym.tools.backends.mcp_line import NOT_YET, Garbled, Listed
from adagym.tools.base import ToolOutput
from adagym.types import ToolCall, ToolResult

IMAGE = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
SERVER = """
import asyncio, base64, json, sys
from types import SimpleNamespace
from adagym.tools.server import sdk

sdk.NAME = "kitchen"
TEXT, IMAGE = {"type": "string"}, {"type": "string", "contentMediaType": "image/png", "contentEncoding": "base64"}
ORDER = {"$ref": "#/$defs/order"}
DEFS = {"order": {"type": "object", "properties": {"dish": TEXT, "count": {"type": "integer"}}, "required": ["dish"]}}

def tool(name, properties, required, **more):
    return {"name": name, "inputSchema": {"type": "object", "properties": properties, "required": required, **more}}

TOOLS = [
    {**tool("cook", {"order": ORDER}, ["order"], **{"$defs": DEFS}), "description": "Cooks a dish."},
    {**tool("echo", {"image": TEXT, "note": TEXT}, ["image"]), "annotations": {"readOnlyHint": True}},
    tool("end", {}, []),
    tool("Crop", {"image": IMAGE}, ["image"]),
]
cooked = 0

async def call(name, arguments, session):
    global cooked
    if name == "end":
        open(sys.argv[1], "a").write("x")
        import os
        os._exit(1)
    if name == "cook":
        cooked += 1
        if arguments["order"]["dish"] == "stone":
            return {"content": [{"type": "text", "text": "Stones cannot be cooked."}], "isError": True}
        return {"content": [], "structuredContent": {"cooked": cooked, **arguments["order"]}}
    data = arguments["image"]
    if name == "echo":
        assert data.startswith("data:image/png;base64,")
        data = data.partition(",")[2]
    return {"content": [{"type": "text", "text": "Seen."}, {"type": "image", "data": data, "mimeType": "image/png"}]}

async def main():
    from mcp.server.stdio import stdio_server
    server = sdk.make_server(SimpleNamespace(service=SimpleNamespace(listed=lambda: TOOLS), call=call))
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("kitchen")
    (folder / "server.py").write_text(SERVER)
    yield f"mcp+stdio:{sys.executable} {folder / 'server.py'} {folder / 'ends'}"
    close_backends()


@pytest.fixture(scope="module")
def kitchen(spec: str) -> Runner:
    return open_backend(spec).runner(["cook", "echo", "end", "Crop"])


def run(runner: Runner, name: str, **arguments: Any) -> ToolResult:
    return runner.run(ToolCall(name, arguments), {"img_1": IMAGE})


def test_all_tools_are_offered(spec: str, kitchen: Runner) -> None:
    assert open_backend(spec).offered() == ("cook", "echo", "end", "Crop")
    cook, echo, _, crop = kitchen.specs
    assert (cook.description, cook.required, cook.parameters["$defs"]["order"]["required"]) == (
        "Cooks a dish.",
        ("order",),
        ["dish"],
    )
    assert echo.parameters["properties"]["image"] == {
        "type": "string",
        "description": "The name of a picture of this conversation, for example img_1.",
    }
    assert "contentMediaType" not in crop.parameters["properties"]["image"]
    assert "coordinates" not in crop.properties  # another's tool of the same name as ours


def test_a_call_and_its_answer(kitchen: Runner) -> None:
    result = run(kitchen, "cook", order={"dish": "soup", "count": 2})
    assert (result.ok, dict(result.data)) == (True, {"cooked": 1, "dish": "soup", "count": 2})
    assert result.check.valid == ("order",)
    assert run(kitchen, "cook", order='{"dish": "soup"}').data["cooked"] == 2


def test_pictures_go_there_and_back(kitchen: Runner) -> None:
    for name in ("echo", "Crop"):
        result = run(kitchen, name, image="img_1")
        assert (result.message, np.array_equal(result.images[0], IMAGE)) == ("Seen.", True)


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("cook", {"order": {"dish": "stone"}}, 203),
        ("cook", {"order": {"count": 1}}, 201),
        ("cook", {"order": 5}, 201),
        ("cook", {}, 205),
        ("cook", {"order": {"dish": "soup", "more": math.nan}}, 201),
        ("cook", {"order": {"dish": "\ud800"}}, 201),
        ("cook", {"order": {"dish": "x" * 2_000_000}}, 201),
        ("echo", {"image": "img_2"}, 204),
        ("echo", {"image": "/etc/passwd"}, 204),
        ("echo", {"image": "data:image/png;base64,AAAA"}, 204),
        ("echo", {"image": "img_1", "note": 3}, 201),
        ("echo", {"image": "img_1", "other": "x"}, 201),
        ("knife", {}, 202),
    ],
)
def test_what_a_model_does_wrong_is_told_to_it(
    kitchen: Runner, name: str, arguments: dict[str, Any], code: int
) -> None:
    result = run(kitchen, name, **arguments)
    assert (result.status, int(result.error_code)) == ("failed", code)
    result.message.encode()


def test_nesting_is_limited() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(Exception, match="`value` must be plain JSON"):
        check_plain("value", deep)


def test_a_call_that_may_have_had_an_effect_is_not_made_twice(spec: str, kitchen: Runner) -> None:
    with pytest.raises(ServerUnavailable):
        run(kitchen, "end")
    assert Path(spec.split()[-1]).read_text() == "x"
    assert run(kitchen, "echo", image="img_1").ok  # the server was started anew


def test_an_answer_is_cut_to_size() -> None:
    blocks = [{"type": "text", "text": "x" * 50_000}, {"type": "audio", "data": ""}]
    message = read_foreign("kitchen", {"content": blocks}).message
    assert len(message) < MAX_MESSAGE + 20
    assert message.endswith("x [cut off]")
    assert read_foreign("kitchen", {"content": blocks[1:]}).message == "[audio, which is not shown]"


def test_a_picture_that_is_none_is_the_servers_fault() -> None:
    for data in (base64.b64encode(b"nothing").decode(), "%", base64.b64encode(to_png(IMAGE)[:60]).decode()):
        with pytest.raises(Garbled, match="cannot be read"):
            read_foreign("kitchen", {"content": [{"type": "image", "data": data}]})


def test_schemas_that_lead_elsewhere_are_not_followed() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/x"}, "b": {"type": 7}, "c": "no"}}
    tool = ForeignTool.listed(Listed("odd", "", schema, False), lambda tool, arguments: ToolOutput(arguments))
    assert tool.function(a=1).data == {"a": 1}
    for parameter in tool.parameters:
        assert parameter.kind.read({"any": "thing"}, None) == {"any": "thing"}


class Answers(BaseHTTPRequestHandler):
    """Answers every request with ``reply``."""

    reply: tuple[int, dict[str, str], bytes] = (200, {}, b"")
    token: str | None = None

    def do_POST(self) -> None:  # (the name that the library calls)
        self.rfile.read(int(self.headers.get("content-length", 0)))
        type(self).token = self.headers.get("authorization")
        status, headers, body = self.reply
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    close_backends()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("reply", "match"),
    [
        (
            (401, {}, b""),
            "HTTP status 401: the server wants a token; put it into the environment variable ADAGYM_TOOLS",
        ),
        ((503, {}, b""), "HTTP status 503"),
        ((200, {"content-type": "text/html"}, b"<html>"), "Unexpected content type"),
        ((200, {"content-type": "application/json"}, b"x" * 3000), "InfraError: An answer is longer than 2000 bytes"),
        (
            (200, {"content-type": "application/json", "content-encoding": "gzip"}, gzip.compress(b"x" * 10**6)),
            "compressed answer",
        ),
        ((200, {"content-type": "application/json"}, json.dumps({"jsonrpc": "2.0", "id": 0}).encode()), "valid"),
    ],
)
def test_an_address_that_serves_no_tools(
    web: ThreadingHTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    reply: tuple[int, dict[str, str], bytes],
    match: str,
) -> None:
    monkeypatch.setattr(Answers, "reply", reply)
    monkeypatch.setattr(mcp_wires, "MAX_REPLY", 2000)
    monkeypatch.setitem(os.environ, "ADAGYM_TOOLS_TOKEN", "sesame-sesame-sesame")
    backend = open_backend(f"mcp+http://127.0.0.1:{web.server_port};patience=0")
    assert isinstance(backend, mcp.McpBackend)
    (line,) = backend.pool.lines
    until = time.monotonic() + 20
    while line.reason == NOT_YET and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(ServerUnavailable, match=match):
        backend.offered()
    assert Answers.token == "Bearer sesame-sesame-sesame"
