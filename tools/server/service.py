"""Runs the calls of clients: finds the pictures they mean, runs the tool, and puts the result into words and PNGs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from adagym.errors import AdagymError, ErrorCode, ToolError
from adagym.tools import TOOLS
from adagym.tools.backends import Backend, Runner
from adagym.tools.base import Tool
from adagym.tools.frames import PictureArg
from adagym.tools.server.pictures import HASH, Pictures, Session, decode_url, is_data_url
from adagym.tools.server.settings import Settings
from adagym.tools.values import ImageArg
from adagym.types import Array, CallCheck, ToolCall, ToolResult

Status = Literal["success", "failed", "busy", "broken"]

CHECK = "adagym/check"
"""Key of the call's check in the metadata of a result."""
PICTURES = {get_args(ImageArg)[1], get_args(PictureArg)[1]}
"""The kinds of parameters that are pictures."""
HOW = (
    "Give a data:image/png;base64 URL (or jpeg, webp), the name of a picture you have sent or received, or sha256:HEX."
)
"""Said of every picture parameter."""
UNREADABLE = "(a picture that could not be read)"


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
        blocks = [{"type": "text", "text": json.dumps(said)}]
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
        backend: What runs the tools.
    """

    def __init__(self, settings: Settings, backend: Backend) -> None:
        self._settings = settings
        self._backend = backend
        self._tools: dict[str, Tool] = {name: TOOLS.load(name) for name in settings.names}
        self._idle: list[Runner] = [backend.runner(settings.names)]
        self.pictures = Pictures(settings.cache)

    def listed(self) -> list[dict[str, Any]]:
        """The tools as MCP lists them."""
        return [_listed(tool) for tool in self._tools.values()]

    def call(self, call: ToolCall, session: Session, job: Job) -> Answer:
        """Run one call. Whatever goes wrong is an answer.

        Args:
            call: The call, unchecked; picture parameters hold what a client may write.
            session: Whose names it uses.
            job: Told what runs, so that it can be ended.
        """
        arguments, images, sent, problems = self._resolve(call, session)
        runner = self._idle.pop() if self._idle else self._backend.runner(self._settings.names)
        job.runner = runner
        try:
            result = runner.run(ToolCall(call.name, arguments), images)
        except AdagymError as error:
            return Answer("broken", f"{type(error).__name__}: {error}", sent=sent)
        finally:
            job.runner = None
            self._idle.append(runner)
        return self._answer(result, session, sent, problems)

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
                    image, file = decode_url(value, self._settings.max_pixels)
                except ToolError as error:
                    problems.append(f"`{name}` {error}")
                    arguments[name] = UNREADABLE
                    continue
                digest = self.pictures.add(image, file)
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

    def _answer(self, result: ToolResult, session: Session, sent: dict[str, str], problems: list[str]) -> Answer:
        message = result.message
        if problems and result.error_code == ErrorCode.CANNOT_LOAD_IMAGE:
            message = problems[0]
        names = tuple(session.name(self.pictures.add(image)) for image in result.images)
        pngs = tuple(map(to_png, result.images))
        return Answer(result.status, message, result.error_code, result.data, names, sent, pngs, result.check)


def _listed(tool: Tool) -> dict[str, Any]:
    spec = tool.spec
    properties = dict(spec.parameters["properties"])
    for item in tool.parameters:
        if item.kind in PICTURES:
            properties[item.name] = {**properties[item.name], "description": f"{item.description} {HOW}"}
    schema = {**spec.parameters, "properties": properties}
    return {"name": spec.name, "description": spec.description, "inputSchema": schema}


def to_png(image: Array) -> bytes:
    """Encode a picture, fast rather than small."""
    import cv2  # when it is needed: the list of tools works without

    done, png = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done
    return bytes(png)
