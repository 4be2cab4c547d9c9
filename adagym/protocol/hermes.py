"""Qwen's native (Hermes) dialect: calls in ``<tool_call>``, any text without a call is the answer."""

from __future__ import annotations

from adagym.protocol.tags import TagDialect

_FULL = """You are a helpful assistant.

# Tools

You may call one function per turn to help with the user's question.

The function signatures stand within <tools></tools>:
<tools>
{tools}
</tools>

For a call, return a JSON object with the function's name and arguments within <tool_call></tool_call>:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>
Give the final answer in \\boxed{{}}, without a call."""

_BRIEF = """Tools:
{tools}
Write one <tool_call>, or the final answer in \\boxed{{}}."""

DIALECT = TagDialect(
    name="hermes",
    arguments_key="arguments",
    answer_tag=None,
    answer_boxed=True,
    tool_role="tool",
    full_prompt=_FULL,
    brief_prompt=_BRIEF,
    no_tool_prompt="You are a helpful assistant. Give the final answer in \\boxed{}.",
    stop=("</tool_call>",),
)
