"""An adagym environment in the form that TRL's ``GRPOTrainer(environment_factory=...)`` takes.

TRL wants a class: ``reset`` returns the first observation, and every other public method is a tool, explained to
the model by its signature and docstring. So a class is built from the tools that the environment offers. TRL reads
the tool calls itself and shows the environment nothing else, so the last turn is handed in with the reward.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from adagym.envs.base import ToolEnv
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.types import Block, ImageBlock, ToolCall, ToolSpec, Trajectory

TEMPLATE = """{%- for message in messages -%}
{{- '<|im_start|>' + ('user' if message.role == 'tool' else message.role) + '\\n' -}}
{{- '<tool_response>\\n' if message.role == 'tool' else '' -}}
{%- for block in message.content -%}
{{- '<|vision_start|><|image_pad|><|vision_end|>' if block.type == 'image' else block.text -}}
{%- endfor -%}
{%- for call in message.tool_calls or [] -%}
{{- '<tool_call>' + call.function | tojson + '</tool_call>' -}}
{%- endfor -%}
{{- '\\n</tool_response>' if message.role == 'tool' else '' -}}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{{- '<|im_start|>assistant\\n' if add_generation_prompt else '' -}}
"""
"""``adagym.policies.chat.CHAT_TEMPLATE`` and, which TRL demands, the calls of a message that was taken apart. It leaves
out TRL's own list of tools: the environment's system prompt explains them, so both sides read the same tokens."""

Content = list[dict[str, Any]]
"""Text and pictures as transformers' templates take them."""

_TYPES: Mapping[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}


def content(blocks: Sequence[Block]) -> Content:
    """The blocks of a message in transformers' form, pictures as ``PIL`` images."""
    return [
        {"type": "image", "image": Image.fromarray(block.image)}
        if isinstance(block, ImageBlock)
        else {"type": "text", "text": block.text}
        for block in blocks
    ]


def environment_class(make_env: Callable[[], ToolEnv]) -> type[Any]:
    """Build the class for TRL.

    Args:
        make_env: Makes the environment; the tools are those it offers before its first reset.

    Returns:
        A class without constructor arguments, with ``reset(*, index, seed)`` and one method per tool.
    """

    class Environment:
        """One episode at a time."""

        def __init__(self) -> None:
            self._env = make_env()
            self._seed: int | None = None

        def reset(self, *, index: int, seed: int, **_: Any) -> Content:
            """Start task ``index`` of the source and return what the user shows and asks."""
            self._env.reset(seed=seed, options={"task": index})
            return content(self._env.messages[1].content)

        def _call(self, name: str, arguments: Mapping[str, Any]) -> Content:
            """Make a call and return what it shows."""
            if not self._is_running():
                raise ValueError("The episode is over.")
            trajectory = self._env.trajectory()
            try:
                text = DIALECTS.load(trajectory.dialect).write_call(ToolCall(name, arguments))
            except UsageError as error:
                raise ValueError(str(error)) from error
            self._env.step(text)
            return content(self._env.messages[-1].content)

        def _finish(self, completion: Sequence[Mapping[str, Any]]) -> Trajectory:
            """Hand in the last turn, if it is an answer, and end the episode."""
            last = completion[-1]
            if self._is_running() and last["role"] == "assistant" and not last.get("tool_calls"):
                self._env.step(last["content"])
            return self._env.truncate() if self._is_running() else self._env.trajectory()

        def _is_running(self) -> bool:
            return self._env.trajectory().outcome == "running"

    probe = make_env()
    for tool in probe.action_space.tools:
        setattr(Environment, tool.name, tool_method(tool))
    probe.close()
    return Environment


def rewards(
    completions: Sequence[Sequence[Mapping[str, Any]]], environments: Sequence[Any], **_: Any
) -> list[float | None]:
    """TRL's reward function: each environment's own score; None where infrastructure broke the episode."""
    pairs = zip(completions, environments, strict=True)
    return [environment._finish(completion).reward for completion, environment in pairs]


def tool_method(tool: ToolSpec) -> Callable[..., Content]:
    """A method that calls the tool, with the signature and docstring from which TRL makes the tool's schema.

    Whatever arguments a model gives reach the environment, which checks them.
    """

    def method(self: Any, **arguments: Any) -> Content:
        made: Content = self._call(tool.name, arguments)
        return made

    kinds = {name: _annotation(schema) for name, schema in tool.parameters.get("properties", {}).items()}
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=kind,
            default=inspect.Parameter.empty if name in tool.required else None,
        )
        for name, kind in kinds.items()
    ]
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__name__ = method.__qualname__ = tool.name
    method.__annotations__ = {**kinds, "return": list}
    described = (f"    {name}: {schema['description']}" for name, schema in tool.parameters["properties"].items())
    method.__doc__ = "\n".join([tool.description, "", "Args:", *described])
    method.__signature__ = inspect.Signature([itself, *parameters])  # type: ignore[attr-defined]  # read by inspect
    return method


def _annotation(schema: Mapping[str, Any]) -> Any:
    """The Python type of a parameter's JSON schema."""
    kind = schema.get("type")
    if kind == "array":
        return list[_annotation(schema.get("items", {}))]  # type: ignore[misc]  # a type made at run time
    return _TYPES.get(str(kind), Any)
