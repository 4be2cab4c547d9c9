"""A page for every tool: what a model is told of it, and a call of it with its result."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium as gym
from made import Made, fenced, figure, png, row, table
from worlds import ARGUMENTS, MAP, SEED, short

from adagym.agents.seat import bare
from adagym.envs import ENVS
from adagym.protocol import DIALECTS
from adagym.tools import TOOLS
from adagym.tools.base import Tool
from adagym.types import ImageBlock, ToolCall, ToolResult

PHOTO = "adagym/Jigsaw-v0"
SCREEN = "adagym/GUIQA-v0"
VIDEO = "adagym/VideoQA-v0"
_IMG = {"image": "img_1"}
_HOLES = [[160, 32], [224, 32], [288, 32], [96, 96], [32, 160], [288, 160], [224, 224], [288, 224]]
_START = {**_IMG, "start_point": [32, 288], "directions": "R,R,U,U,U,R,R"}
_SHAPES = [{"shape": "rectangle", "coords": [8, 8, 90, 56]}, {"shape": "circle", "coords": [100, 40, 170, 110]}]

EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "AStar": (MAP, {"start": [32, 288], "goal": [288, 96], "obstacles": _HOLES}),
    "Crop": (PHOTO, {**_IMG, "coordinates": [40, 20, 140, 90]}),
    "DetectBlackArea": (PHOTO, _IMG),
    "Draw2DPath": (MAP, _START),
    "DrawDashLinePath": (MAP, _START),
    "DrawLine": (PHOTO, {**_IMG, "line_type": "horizontal", "coordinates": "y1=40, y2=80"}),
    "DrawShape": (PHOTO, {**_IMG, "bboxes": _SHAPES}),
    "FrameAt": (VIDEO, {"target_frame": 2}),
    "GetEndPoint": (MAP, _IMG),
    "GetObstacles": (MAP, _IMG),
    "GetStartPoint": (MAP, _IMG),
    "GetWeather": (MAP, {"location": "Lisbon", "date": "2026-05-01"}),
    "HighlightBox": (PHOTO, {**_IMG, "bboxes": [[10, 10, 90, 60]]}),
    "InsertImage": (PHOTO, {"base_image": "img_1", "image_to_insert": "img_2", "coordinates": [91, 60, 182, 120]}),
    "MaskBox": (PHOTO, {**_IMG, "bboxes": [[10, 10, 90, 60]]}),
    "OCR": (SCREEN, _IMG),
    "PathTracer": (PHOTO, {"start_point_2d": [20, 20], "end_point_2d": [160, 100], "target_image": 1}),
    "Point": (MAP, {**_IMG, "description": "Ice Holes"}),
    "RotateImage": (PHOTO, {**_IMG, "angle": 90}),
    "VideoClip": (VIDEO, {"start_time": 0.0, "end_time": 2.0, "count": 4}),
    "crop_image": (PHOTO, {"bbox_2d": [40, 20, 140, 90], "target_image": 1}),
}
"""Tool to the environment in which it is called and the arguments; every registered tool has one."""

MOST_LINES = 40
"""Longer results are cut on the page."""


def pages() -> Iterator[Made]:
    """The pages of all tools with their pictures, and the page that lists them."""
    rows = [row(f"[`{entry.name}`]({entry.name}.md)", entry.summary) for entry in TOOLS]
    yield Made("tool/index.md", "# All tools\n\n" + table(row("Tool", "Gives"), *rows), "All tools")
    for name in TOOLS.names():
        yield from page(name)


def page(name: str) -> Iterator[Made]:
    """The page of one tool, and its pictures."""
    tool = TOOLS.load(name)
    env_id, arguments = EXAMPLES[name]
    shown, result = call(env_id, ToolCall(name, arguments))
    before = _used(shown, arguments) if env_id != VIDEO else shown
    figures = ""
    for number, block in enumerate(before, 1):
        yield Made(f"tool/pictures/{name}-in-{number}.png", png(block.image))
        figures += figure(f"pictures/{name}-in-{number}.png", f"{block.name}, as shown")
    for number, picture in enumerate(result.images, 1):
        yield Made(f"tool/pictures/{name}-out-{number}.png", png(picture))
        figures += figure(f"pictures/{name}-out-{number}.png", "the result" if number == 1 else f"result {number}")
    parts = [
        f"# {name}",
        tool.description,
        _facts(tool),
        "## Arguments",
        _arguments(tool),
        "## A call",
        f"In [{short(env_id)}](../worlds/{short(env_id)}.md), the task drawn by seed {SEED}:",
        fenced(json.dumps({"name": name, "parameters": arguments}), "json"),
        f'<div class="pictures">{figures}</div>' if figures else "",
        f"Status `{result.status}`"
        + (f", message: {result.message.rstrip('.')}" if result.message else "")
        + ". Data:",
        fenced(_cut(_json(dict(result.data))), "json"),
        "## What a model is told",
        fenced(_json({"name": name, "description": tool.description, "parameters": tool.spec.parameters}), "json"),
    ]
    yield Made(f"tool/{name}.md", "\n\n".join(part for part in parts if part), name)


def call(env_id: str, asked: ToolCall) -> tuple[list[ImageBlock], ToolResult]:
    """Call a tool in an environment: the pictures that the environment shows, and what the tool returns."""
    env = gym.make(env_id, tools=[asked.name], **ARGUMENTS.get(env_id, {}))
    env.reset(seed=SEED)
    inner = bare(env)
    shown = [block for message in inner.messages for block in message.content if isinstance(block, ImageBlock)]
    action = DIALECTS.load(inner.action_space.dialect).write_call(asked, "An example.")
    observation, *_, info = env.step(action)
    env.close()
    return shown, replace(info["result"], images=observation["images"])  # info does not repeat the pictures


def _used(shown: list[ImageBlock], arguments: dict[str, Any]) -> list[ImageBlock]:
    names = {
        f"img_{value}" if type(value) is int else value for value in arguments.values() if type(value) in (str, int)
    }
    return [block for block in shown if block.name in names]


def _facts(tool: Tool) -> str:
    offered = [f"[{short(name)}](../worlds/{short(name)}.md)" for name in ENVS.names() if _offers(name, tool.name)]
    source = inspect.getsourcefile(tool.function) or ""
    where = f"`tools/{source.rpartition('/tools/')[2]}`"
    by = f"Offered by default in {', '.join(offered)}. " if offered else "No environment offers it by default. "
    return f"{by}Source: {where}."


def _offers(env_id: str, tool: str) -> bool:
    return tool in getattr(ENVS.load(env_id), "default_tools", ())


def _arguments(tool: Tool) -> str:
    rows = [
        row(
            f"`{item.name}`",
            "required" if item.required else f"`{json.dumps(item.default)}`",
            item.description,
        )
        for item in tool.parameters
    ]
    return table(row("Name", "Default", "Meaning"), *rows)


def _json(value: Any) -> str:
    """JSON with a line for each entry; lists of numbers and of words stay on one."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)


def _cut(text: str) -> str:
    lines = text.splitlines()
    rest = len(lines) - MOST_LINES
    return text if rest <= 0 else "\n".join([*lines[:MOST_LINES], f"... {rest} more lines"])
