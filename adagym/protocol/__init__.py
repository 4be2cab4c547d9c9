"""Dialects: how a model writes a call or an answer, and how a tool's result is told to it."""

from __future__ import annotations

from adagym.protocol.base import MAX_ACTION_CHARS, Dialect
from adagym.registry import Registry

DIALECTS: Registry[Dialect] = Registry("dialect")
DIALECTS.register(
    "adareasoner",
    "adagym.protocol.adareasoner:DIALECT",
    summary="<think>, <tool_call> with name and parameters, <response> with \\boxed{}",
)
DIALECTS.register(
    "adatooler",
    "adagym.protocol.adatooler:DIALECT",
    summary="<think>, <tool_call> with name and arguments, <answer>",
)
DIALECTS.register(
    "hermes",
    "adagym.protocol.hermes:DIALECT",
    summary="Qwen's native tool calls; any text without a call is the answer",
)
DIALECTS.register(
    "openai",
    "adagym.protocol.openai:DIALECT",
    summary="an OpenAI assistant message as JSON, with content and tool_calls",
)

__all__ = ["DIALECTS", "MAX_ACTION_CHARS", "Dialect"]
