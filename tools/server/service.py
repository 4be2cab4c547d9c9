"""Runs the calls of clients: finds the pictures they mean, runs the tool, and puts the result into words and PNGs."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any, Literal, get_args

import numpy as np

from adagym.errors import AdagymError, ErrorCode, ServerUnavailable, ToolError
from adagym.pictures import to_png
from adagym.tools import TOOLS
from adagym.tools.backends import Runner, open_backend
from adagym.tools.backends.checked import checked
from adagym.tools.backends.faulty import Faults, FaultyRunner
from adagym.tools.base import Tool
from adagym.tools.frames import PictureArg
from adagym.tools.server.pictures import HASH, Pictures, Session, is_data_url
from adagym.tools.server.settings import Settings
from adagym.tools.values import ImageArg
from adagym.types import Array, CallCheck, ToolCall, ToolResult

Status = Literal["success", "failed", "busy", "broken", "dropped"]

CHECK = "adagym/check"
"""Key of the call's check in the metadata of a result."""
PICTURES = {get_args(ImageArg)[1], get_args(PictureArg)[1]}
"""The kinds of parameters that are pictures."""
HOW = (
    "Give a data:image/png;base64 URL (or jpeg, webp), the name of a picture you have sent or received, or sha256:HEX."
)
"""Said of every picture parameter."""
UNREADABLE = "(a picture that could not be read)"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What comes of a call."""

    status: Status
    message: str = ""
    error_code: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """Of the pictures in the result."""
    sent: Mapping[str, str] = field(default_factory=dict)
    """The name of each picture that came with the call, by parameter."""
    pngs: tuple[bytes, ...] = ()
    check: CallCheck | None = None

    def wire(self) -> dict[str, Any]:
        """The result as MCP writes it: a text of JSON, then the pictures."""
        said = {
            "status": self.status,
            "message": self.message,
            "error_code": int(self.error_code),
            "data": self.data,
            "images": self.names,
            "sent": self.sent,
        }
        blocks = [{"type": "text", "text": json.dumps(said, allow_nan=False)}]
        for png in self.pngs:
            blocks.append({"type": "image", "data": base64.b64encode(png).decode(), "mimeType": "image/png"})
        meta = {} if self.check is None else {"_meta": {CHECK: asdict(self.check)}}
        return {"content": blocks, "isError": self.status != "success", **meta}


class Job:
    """One call on its way, which its client may give up."""

    def __init__(self) -> None:
        self.runner: Runner | None = None

    def cancel(self) -> None:
        """End it, if it runs."""
        if self.runner is not None:
            self.runner.cancel()


class Service:
    """Runs calls of the tools served, in whatever thread asks.

    Args:
        settings: The server's settings.

    Raises:
        UsageError: A tool or the backend does not exist, or the faults cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._faults = Faults.parse(settings.faults) if settings.faults else None
        self._tools: dict[str, Tool] = {name: TOOLS.load(name) for name in settings.names}
        self._backend = open_backend(settings.backend)
        self._made = count()
        self._idle: list[Runner] = [self._new_runner()]
        self.pictures = Pictures(settings.cache)

    def listed(self) -> list[dict[str, Any]]:
        """The tools as MCP lists them."""
        return [_listed(tool) for tool in self._tools.values()]

    def call(self, call: ToolCall, session: Session, job: Job) -> tuple[Status, dict[str, Any]]:
        """Run one call. Whatever goes wrong is an answer.

        Args:
            call: The call, unchecked; picture parameters hold what a client may write.
            session: Whose names it uses.
            job: Told what runs, so that it can be ended.

        Returns:
            The status, and the result as MCP writes it.
        """
        try:
            answer = self._answer(call, session, job)
            return answer.status, answer.wire()
        except Exception as error:  # a tool's fault, a worker's or our own: the server's failure, never the model's
            dropped = self._faults is not None and isinstance(error, ServerUnavailable)
            if not isinstance(error, AdagymError):
                log.exception("A call of %s broke the server.", call.name)
            answer = Answer("dropped" if dropped else "broken", f"{type(error).__name__}: {error}")
            return answer.status, answer.wire()

    def _answer(self, call: ToolCall, session: Session, job: Job) -> Answer:
        arguments, images, sent, problems = self._resolve(call, session)
        result = checked(self._run(ToolCall(call.name, arguments), images, job))
        message = result.message
        if problems and result.error_code == ErrorCode.CANNOT_LOAD_IMAGE:
            message = problems[0]
        names = tuple(session.name(self.pictures.add(image)) for image in result.images)
        pngs = tuple(map(to_png, result.images))
        return Answer(result.status, message, result.error_code, result.data, names, sent, pngs, result.check)

    def _run(self, call: ToolCall, images: dict[str, Array], job: Job) -> ToolResult:
        try:
            runner = self._idle.pop()
        except IndexError:  # as many as ever ran at the same time are kept
            runner = self._new_runner()
        job.runner = runner
        try:
            return runner.run(call, images)
        finally:
            job.runner = None
            self._idle.append(runner)

    def _new_runner(self) -> Runner:
        runner = self._backend.runner(self._settings.names)
        if self._faults is None:
            return runner
        return FaultyRunner(runner, self._faults, np.random.default_rng([self._faults.seed, next(self._made)]))

    def _resolve(
        self, call: ToolCall, session: Session
    ) -> tuple[dict[str, Any], dict[str, Array], dict[str, str], list[str]]:
        """Turn pictures sent into names; also the pictures by name, and what is wrong with those sent."""
        arguments = dict(call.arguments)
        sent: dict[str, str] = {}
        problems: list[str] = []
        hashes: dict[str, Array] = {}
        for name in self._picture_parameters(call):
            value = arguments[name]
            if is_data_url(value):
                try:
                    image, digest = self.pictures.take(value, self._settings.max_pixels)
                except ToolError as error:
                    problems.append(f"`{name}` {error}")
                    arguments[name] = UNREADABLE
                    continue
                arguments[name] = sent[name] = session.name(digest)
                hashes[arguments[name]] = image  # at hand even if the store has no room for it
            elif isinstance(value, str) and value.startswith(HASH):
                found = self.pictures.get(value[len(HASH) :])
                if found is not None:
                    hashes[value] = found
        return arguments, {**session.held(self.pictures), **hashes}, sent, problems

    def _picture_parameters(self, call: ToolCall) -> list[str]:
        tool = self._tools.get(call.name)
        parameters = () if tool is None else tool.parameters
        return [item.name for item in parameters if item.kind in PICTURES and item.name in call.arguments]


def _listed(tool: Tool) -> dict[str, Any]:
    spec = tool.spec
    properties = dict(spec.parameters["properties"])
    for item in tool.parameters:
        if item.kind in PICTURES:
            properties[item.name] = {**properties[item.name], "description": f"{item.description} {HOW}"}
    schema = {**spec.parameters, "properties": properties}
    return {"name": spec.name, "description": spec.description, "inputSchema": schema}
