"""AdaReasoner's dialect (arXiv 2601.18631, Figure 8; ``tool_server/utils/prompts.py``), in our own words."""

from __future__ import annotations

from adagym.protocol.tags import TagDialect

_FULL = """You are a visual assistant. You solve visual problems by your own sight and, where it helps, by calling \
tools.

## Tools
{tools}

## Each turn
1. Think: reason about what you know and what is missing, inside <think> and </think>.
2. Decide: make one tool call inside <tool_call> and </tool_call>, or give the final answer inside <response> and \
</response>. Never both.

## Format
<think>your reasoning</think><tool_call>{{"name": "tool name", "parameters": {{"parameter": "value"}}}}</tool_call>
<think>your reasoning</think><response>\\boxed{{answer}}</response>

## Rules
- Always think first. One tool call per turn, as one JSON object with "name" and "parameters" ({{}} for none).
- Images are named img_1, img_2, ... in order of appearance; the original is img_1, and each image a tool returns \
gets the next name.
- Coordinates are absolute pixels [x, y]; the origin is the top left corner.
- Put the final answer in \\boxed{{}} inside <response>."""

_BRIEF = """Tools:
{tools}
Write <think></think>, then one <tool_call> or one <response> with \\boxed{{}}."""

_NO_TOOL = """You are a visual assistant. Think inside <think> and </think>, then give the final answer in \\boxed{} \
inside <response> and </response>."""

DIALECT = TagDialect(
    name="adareasoner",
    arguments_key="parameters",
    answer_tag="response",
    answer_boxed=True,
    tool_role="user",
    full_prompt=_FULL,
    brief_prompt=_BRIEF,
    no_tool_prompt=_NO_TOOL,
    stop=("</tool_call>", "</response>"),
)
