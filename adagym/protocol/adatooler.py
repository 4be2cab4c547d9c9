"""AdaTooler-V's dialect (``examples/data_preprocess/AdaTooler-V/prepare_train.py``), in our own words."""

from __future__ import annotations

from adagym.protocol.tags import TagDialect

_FULL = """You are a helpful assistant.

# Tools
You may call one function per turn. The functions:
<tools>
{tools}
</tools>
For a call, write a JSON object with the function's name and arguments inside <tool_call></tool_call>:
<tool_call>{{"name": "function name", "arguments": {{"argument": "value"}}}}</tool_call>

Decide first whether tools would help with this question. Reason inside <think></think>, call inside \
<tool_call></tool_call>, and give the final answer inside <answer></answer>."""

_BRIEF = """Tools:
{tools}
Write <think></think>, then one <tool_call> or one <answer>."""

_NO_TOOL = (
    "You are a helpful assistant. Reason inside <think></think>, then give the final answer inside <answer></answer>."
)

DIALECT = TagDialect(
    name="adatooler",
    arguments_key="arguments",
    answer_tag="answer",
    answer_boxed=False,
    tool_role="user",
    full_prompt=_FULL,
    brief_prompt=_BRIEF,
    no_tool_prompt=_NO_TOOL,
    stop=("</tool_call>", "</answer>"),
)
