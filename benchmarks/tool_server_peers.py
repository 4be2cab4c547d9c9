"""The same tool on bare FastAPI and on fastmcp, which `benchmarks/tool_server.py` starts and measures beside ours.

Both decode the data URL, crop and encode a PNG with the code of our server, in a thread of the library's pool.

Example: python benchmarks/tool_server_peers.py fastapi 8001
"""

from __future__ import annotations

import base64
import sys
from typing import Any

import uvicorn

from adagym.pictures import to_png
from adagym.tools.crop import crop
from adagym.tools.server.pictures import decode, file_in

MAX_PIXELS = 40_000_000


def cropped(image: str, coordinates: list[int]) -> bytes:
    """A part of a picture, both as files."""
    x1, y1, x2, y2 = coordinates
    picture = decode(file_in(image), MAX_PIXELS)
    return to_png(crop(picture, (x1, y1, x2, y2)).images[0])


def on_fastapi() -> Any:
    """An app whose only route is the tool."""
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Call(BaseModel):
        image: str
        coordinates: list[int]

    app = FastAPI()

    def serve(call: Call) -> dict[str, str]:
        return {"image": base64.b64encode(cropped(call.image, call.coordinates)).decode()}

    serve.__annotations__["call"] = Call  # a local class, which the name alone does not find
    app.post("/mcp")(serve)
    return app


def on_fastmcp() -> Any:
    """An app of one MCP tool."""
    from fastmcp import FastMCP
    from fastmcp.utilities.types import Image

    server = FastMCP("peer")

    def serve(image: str, coordinates: list[int]) -> Any:
        return Image(data=cropped(image, coordinates), format="png")

    server.tool(serve, name="Crop")
    return server.http_app(path="/mcp")


def main() -> None:
    """Serve at a port of this machine."""
    kind, port = sys.argv[1], int(sys.argv[2])
    app = on_fastapi() if kind == "fastapi" else on_fastmcp()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, timeout_keep_alive=120)


if __name__ == "__main__":
    main()
