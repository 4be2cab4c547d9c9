"""Clients of others list and call every tool of the server, and receive pictures."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fastmcp
import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.tools import TOOLS

ADAGYM = str(Path(sys.executable).with_name("adagym"))


def map_url() -> str:
    observation, _ = VSPNavigation("vsp-generated:sides=4").reset(seed=0)
    stream = BytesIO()
    Image.fromarray(observation["images"][0]).save(stream, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


MAP = map_url()
BOX = [0, 0, 32, 32]
PICTURES: dict[str, dict[str, Any]] = {
    "Crop": {"image": MAP, "coordinates": BOX},
    "Draw2DPath": {"image": MAP, "start_point": [10, 10], "directions": "R"},
    "DrawDashLinePath": {"image": MAP, "start_point": [10, 10], "directions": "R"},
    "DrawLine": {"image": MAP, "line_type": "horizontal", "coordinates": "y1=10"},
    "DrawShape": {"image": MAP, "bboxes": [{"shape": "circle", "coords": BOX}]},
    "GetEndPoint": {"image": MAP},
    "GetObstacles": {"image": MAP},
    "GetStartPoint": {"image": MAP},
    "HighlightBox": {"image": MAP, "bboxes": [BOX]},
    "InsertImage": {"base_image": MAP, "image_to_insert": MAP, "coordinates": BOX},
    "MaskBox": {"image": MAP, "bboxes": [BOX]},
    "PathTracer": {"start_point_2d": [1, 1], "end_point_2d": [9, 9], "target_image": MAP},
    "Point": {"image": MAP, "description": "elf"},
    "RotateImage": {"image": MAP, "angle": 90},
    "crop_image": {"bbox_2d": BOX, "target_image": MAP},
}
"""Calls that bring a picture."""
WORDS: dict[str, dict[str, Any]] = {
    "AStar": {"start": [32, 32], "goal": [96, 32], "obstacles": [], "image": MAP},
    "DetectBlackArea": {"image": MAP},
    "GetWeather": {"location": "Rome"},
    "OCR": {"image": MAP},
}
"""Calls that bring none."""
REFUSED: dict[str, dict[str, Any]] = {"FrameAt": {"target_frame": 1}, "VideoClip": {"target_frames": [1]}}
"""Calls of tools that need a video, which a server has not."""
CALLS = {**PICTURES, **WORDS, **REFUSED}


def test_every_tool_is_called() -> None:
    assert sorted(CALLS) == TOOLS.names()


def judge(name: str, is_error: bool, kinds: list[str], text: str) -> None:
    """Look at one result: whether it failed, the kinds of its blocks, and its text."""
    assert is_error is (name in REFUSED), (name, text)
    assert json.loads(text)["status"] == ("failed" if name in REFUSED else "success")
    assert ("image" in kinds) is (name in PICTURES), (name, kinds)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    process = subprocess.Popen([ADAGYM, "serve-tools", "--port", "0"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    yield process.stderr.readline().split()[-1]
    process.terminate()
    assert process.wait(timeout=60) == 0
    process.stderr.close()


async def by_sdk(streams: Any) -> None:
    async with mcp.ClientSession(streams[0], streams[1]) as session:
        await session.initialize()
        assert [tool.name for tool in (await session.list_tools()).tools] == TOOLS.names()
        for name, arguments in CALLS.items():
            result = await session.call_tool(name, arguments)
            judge(name, result.isError, [block.type for block in result.content], result.content[0].text)


def test_sdk_by_http(url: str) -> None:
    async def play() -> None:
        async with streamablehttp_client(url) as streams:
            await by_sdk(streams)

    asyncio.run(play())


def test_sdk_by_stdio() -> None:
    async def play() -> None:
        async with stdio_client(StdioServerParameters(command=ADAGYM, args=["serve-tools", "--stdio"])) as streams:
            await by_sdk(streams)

    asyncio.run(play())


def test_fastmcp(url: str) -> None:
    async def play() -> None:
        async with fastmcp.Client(url) as client:
            assert [tool.name for tool in await client.list_tools()] == TOOLS.names()
            for name, arguments in CALLS.items():
                result = await client.call_tool(name, arguments, raise_on_error=False)
                judge(name, result.is_error, [block.type for block in result.content], result.content[0].text)

    asyncio.run(play())


def inspect(*words: str) -> Any:
    done = subprocess.run([os.environ["INSPECTOR"], "--cli", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def inspected(name: str, *server: str) -> None:
    """Call one tool by the Inspector."""
    given = [word for key, value in CALLS[name].items() for word in ("--tool-arg", f"{key}={as_text(value)}")]
    result = inspect(*server, "--method", "tools/call", "--tool-name", name, *given)
    kinds = [block["type"] for block in result["content"]]
    judge(name, result.get("isError", False), kinds, result["content"][0]["text"])


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_inspector(url: str) -> None:
    by_http = (url, "--transport", "http")
    assert [tool["name"] for tool in inspect(*by_http, "--method", "tools/list")["tools"]] == TOOLS.names()
    for name in CALLS:
        inspected(name, *by_http)
    inspected("Crop", ADAGYM, "serve-tools", "--stdio")
