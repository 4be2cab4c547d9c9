"""All that depends on which version of the MCP SDK is installed: 1.x and 2.x register handlers differently.

Results are written as MCP's JSON and read into the SDK's models, whose field names differ too.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

from adagym import __version__
from adagym.errors import require
from adagym.tools.server.desk import Desk

NAME = "adagym"
SESSION_HEADER = "mcp-session-id"
DROPPED = "adagym.dropped"
"""Marks the scope of an HTTP request that is not to be answered."""
STDIO = "stdio"
"""The one session of a server whose client is the process that started it."""


def make_server(desk: Desk) -> Any:
    """Return the SDK's server with our tools.

    Raises:
        MissingExtra: The SDK is not installed.
    """
    lowlevel = require("mcp.server.lowlevel", "mcp")
    second = "on_call_tool" in inspect.signature(lowlevel.Server.__init__).parameters
    return _second(desk, lowlevel.Server) if second else _first(desk, lowlevel.Server)


def make_manager(desk: Desk) -> Any:
    """Return what serves a server of ours over HTTP: answers as JSON, sessions by header.

    Raises:
        MissingExtra: The SDK is not installed.
    """
    module = require("mcp.server.streamable_http_manager", "mcp")
    options = {"json_response": True, "max_request_body_size": desk.settings.max_request}
    return module.StreamableHTTPSessionManager(
        make_server(desk), **_known(module.StreamableHTTPSessionManager.__init__, options)
    )


def _second(desk: Desk, server: Any) -> Any:
    types = require("mcp_types", "mcp")
    tools = types.ListToolsResult.model_validate({"tools": desk.service.listed()})
    schemas = {tool["name"]: tool["inputSchema"] for tool in desk.service.listed()}

    async def on_list_tools(context: Any, parameters: Any) -> Any:
        return tools

    async def on_call_tool(context: Any, parameters: Any) -> Any:
        result = await desk.call(parameters.name, parameters.arguments or {}, _session(context.request))
        return types.CallToolResult.model_validate(_drop(context.request) if result is None else result)

    # Without the schemas at hand the SDK would ask for the whole list at every call.
    options = _known(server.__init__, {"get_tool_input_schema": schemas.get})
    return server(NAME, version=__version__, on_list_tools=on_list_tools, on_call_tool=on_call_tool, **options)


def _first(desk: Desk, server: Any) -> Any:
    types = require("mcp.types", "mcp")
    tools = types.ServerResult(types.ListToolsResult.model_validate({"tools": desk.service.listed()}))
    made = server(NAME, version=__version__)

    async def on_list_tools(request: Any) -> Any:
        return tools

    async def on_call_tool(request: Any) -> Any:
        origin = made.request_context.request
        result = await desk.call(request.params.name, request.params.arguments or {}, _session(origin))
        return types.ServerResult(types.CallToolResult.model_validate(_drop(origin) if result is None else result))

    # Not by its decorators: they check arguments themselves, and their messages are not ours.
    made.request_handlers[types.ListToolsRequest] = on_list_tools
    made.request_handlers[types.CallToolRequest] = on_call_tool
    return made


def _session(request: Any) -> str | None:
    if request is None:
        return STDIO
    name: str | None = request.headers.get(SESSION_HEADER)
    return name


def _drop(request: Any) -> dict[str, Any]:
    """Have the connection closed instead of the answer; by stdio it is closed by ending."""
    if request is None:
        os._exit(1)
    request.scope[DROPPED] = True
    return {"content": [], "isError": True}


def _known(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options that this version has."""
    parameters = inspect.signature(function).parameters
    return {name: value for name, value in options.items() if name in parameters}
