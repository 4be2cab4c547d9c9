"""Runs calls: checks them against the tool's parameters, executes them, and wraps what comes of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adagym.errors import ErrorCode, InfraError, ToolError, UsageError
from adagym.tools import TOOLS
from adagym.tools.base import Parameter, Tool, ToolOutput
from adagym.tools.values import Media, plain
from adagym.types import Array, CallCheck, ToolCall, ToolResult, ToolSpec
from adagym.video import ShownVideo

MAX_PIXELS = 100_000_000
"""Largest picture a tool may return, in pixels (8K is a third of it)."""


@dataclass(frozen=True)
class _Failure:
    message: str
    code: ErrorCode


class Executor:
    """Runs calls of a fixed set of tools in this process.

    Args:
        names: Registered tools, in the order in which models see them.

    Raises:
        UnknownName: A name is not registered.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._tools: dict[str, Tool] = {name: TOOLS.load(name) for name in names}
        self.specs: tuple[ToolSpec, ...] = tuple(tool.spec for tool in self._tools.values())

    def run(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> ToolResult:
        """Run one call. Nothing that a model wrote makes this raise.

        Args:
            call: The call, unchecked.
            images: The conversation's pictures by name; they are not changed.
            video: The conversation's video, for tools that look at its frames.

        Raises:
            InfraError: The tool itself broke.
            UsageError: The tool cannot work here: it lacks an extra, or its settings cannot be used.
        """
        began = time.perf_counter()
        tool = self._tools.get(call.name)
        if tool is None:
            offered = ", ".join(self._tools) or "none"
            shown = plain(call.name[:80])
            message = f"There is no tool named {shown!r}. The tools are: {offered}."
            return ToolResult(shown, "failed", message, ErrorCode.TOOL_NOT_FOUND, check=_checked(None, call, ()))
        arguments, check, failure = _read_call(tool, call, Media(images, video))
        if failure is None:
            result = self._execute(tool, arguments, check)
        else:
            result = ToolResult(tool.name, "failed", failure.message, failure.code, check=check)
        return replace(result, seconds=time.perf_counter() - began)

    def check(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> CallCheck:
        """See :meth:`adagym.tools.backends.base.Runner.check`."""
        tool = self._tools.get(call.name)
        if tool is None:
            return _checked(None, call, ())
        arguments, check, failure = _read_call(tool, call, Media(images, video))
        if failure is None and tool.check is not None:
            try:
                tool.check(**arguments)
            except ToolError as error:
                return _blamed(check, error)
        return check

    def cancel(self) -> None:
        """See :meth:`adagym.tools.backends.base.Runner.cancel`: what runs in a thread of ours cannot be ended."""

    def perform(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolOutput:
        """Run the function of a tool; backends that run it elsewhere override this.

        Args:
            tool: The tool.
            arguments: What the function takes, read and with defaults: pictures are arrays.

        Raises:
            ToolError: The model should read why.
            InfraError: What runs the function failed.
            UsageError: The tool cannot work here.
        """
        return tool.function(**arguments)

    def _execute(self, tool: Tool, arguments: Mapping[str, Any], check: CallCheck) -> ToolResult:
        try:
            output = self.perform(tool, arguments)
        except ToolError as error:
            return ToolResult(tool.name, "failed", str(error), error.code, check=_blamed(check, error))
        except (InfraError, UsageError):  # of a usage error: every call would fail, until a person has read it
            raise
        except Exception as error:  # anything else is a bug of the tool, never the model's doing
            raise InfraError(f"The tool `{tool.name}` broke: {type(error).__name__}: {error}") from error
        for image in output.images:
            if image.shape[0] * image.shape[1] > MAX_PIXELS:
                raise InfraError(f"The tool `{tool.name}` returned a picture of {image.shape} pixels.")
        return ToolResult(tool.name, "success", output.message, 0, output.data, output.images, check)


def _read_call(tool: Tool, call: ToolCall, media: Media) -> tuple[dict[str, Any], CallCheck, _Failure | None]:
    """What the tool's function takes, what is right in the call, and the first thing that is wrong."""
    named = ToolCall(call.name, tool.named(call.arguments))
    arguments, valid, failure = _read_arguments(tool, named.arguments, media)
    return arguments, _checked(tool, named, valid), failure


def _read_arguments(
    tool: Tool, given: Mapping[str, Any], media: Media
) -> tuple[dict[str, Any], tuple[str, ...], _Failure | None]:
    """Read every value; report the first thing that is wrong, and which parameters are right."""
    values: dict[str, Any] = {}
    valid: list[str] = []
    failure: _Failure | None = _wrong_names(tool, given)
    for parameter in tool.parameters:
        if parameter.name in given:
            try:
                values[parameter.name] = _read(parameter, given[parameter.name], media)
                valid.append(parameter.name)
            except ToolError as error:
                failure = failure or _Failure(f"`{parameter.name}` {error}", error.code)
        elif not parameter.required:
            try:
                values[parameter.name] = _read_default(parameter, media)
            except ToolError as error:
                failure = failure or _Failure(f"`{parameter.name}` {error}", error.code)
    return values, tuple(valid), failure


def _wrong_names(tool: Tool, given: Mapping[str, Any]) -> _Failure | None:
    expected = ", ".join(item.name if item.required else f"{item.name} (optional)" for item in tool.parameters)
    missing = [item.name for item in tool.parameters if item.required and item.name not in given]
    if missing:
        message = f"Missing required parameters: {', '.join(missing)}. Expected: {expected}."
        return _Failure(message, ErrorCode.MISSING_REQUIRED_PARAMETER)
    names = {item.name for item in tool.parameters}
    unknown = [name for name in given if name not in names]
    if unknown:
        shown = ", ".join(plain(name[:40]) for name in unknown[:5])
        return _Failure(f"Unknown parameters: {shown}. Expected: {expected}.", ErrorCode.INVALID_PARAMETERS)
    return None


def _read(parameter: Parameter, value: Any, media: Media) -> Any:
    if value is None and not parameter.required:
        return _read_default(parameter, media)
    return parameter.kind.read(value, media)


def _read_default(parameter: Parameter, media: Media) -> Any:
    # An image's default is a name, which has to be looked up like a given one.
    is_name = isinstance(parameter.default, str) and parameter.default.startswith("img_")
    return parameter.kind.read(parameter.default, media) if is_name else parameter.default


def _blamed(check: CallCheck, error: ToolError) -> CallCheck:
    """Without the parameter that the tool refused, if it was one alone."""
    return replace(check, valid=tuple(name for name in check.valid if name != error.parameter))


def _checked(tool: Tool | None, call: ToolCall, valid: tuple[str, ...]) -> CallCheck:
    if tool is None:
        return CallCheck(given=tuple(call.arguments))
    return CallCheck(
        known=True,
        given=tuple(call.arguments),
        required=tuple(item.name for item in tool.parameters if item.required),
        allowed=tuple(item.name for item in tool.parameters),
        valid=valid,
        online=tool.online,
    )
