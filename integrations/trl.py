"""An adagym environment in the form that TRL's ``GRPOTrainer(environment_factory=...)`` takes.

.. code-block:: python

    environment = trl_environment("adagym/VSPNavigation-v0", tasks="vsp-generated:sides=4", max_turns=6)
    trainer = GRPOTrainer(
        model, reward_funcs=rewards, processing_class=prepare(processor, environment),
        train_dataset=Dataset.from_list(rows(environment, 100)), environment_factory=environment,
        args=GRPOConfig(max_tool_calling_iterations=5, ...),
    )

TRL wants a class: ``reset`` returns the first observation, and every other public method is a tool. There are two ways
to fill it. With ``turns="whole"`` there is one method, which hands the whole turn to ``env.step``: the environment
reads every turn itself, in its own dialect, malformed ones too. With ``turns="calls"`` there is a method per tool, and
TRL reads the calls; what it cannot read it takes for the answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from gymnasium.error import ResetNeeded

from adagym.agents.openai_messages import NATIVE
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.episode import VOID_TEXT
from adagym.errors import UsageError, require
from adagym.integrations.blocks import Content, content, harmless, text_block
from adagym.protocol import DIALECTS
from adagym.types import Message, TextBlock, ToolCall, ToolSpec, Trajectory

TURN = "turn"
"""The method that takes a whole turn."""

TEMPLATE = """{%- for message in messages -%}
{%- set wrapped = message.role == 'tool' and message.name != 'turn' -%}
{{- '<|im_start|>' + ('user' if message.role == 'tool' else message.role) + '\\n' -}}
{{- '<tool_response>\\n' if wrapped else '' -}}
{{- message.content if message.content is string else '' -}}
{%- for block in message.content if block is mapping -%}
{{- '<|vision_start|><|image_pad|><|vision_end|>' if block.type == 'image' else block.text -}}
{%- endfor -%}
{%- for call in message.tool_calls or [] -%}
{{- '<tool_call>' + call.function | tojson + '</tool_call>' -}}
{%- endfor -%}
{{- '\\n</tool_response>' if wrapped else '' -}}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{{- '<|im_start|>assistant\\n' if add_generation_prompt else '' -}}
"""
"""``adagym.policies.chat.CHAT_TEMPLATE`` and, which TRL demands, the calls of a message that was taken apart. It leaves
out TRL's own list of tools, since the environment's system prompt explains them. Results of whole turns come with their
marks, for not all dialects have them. For models of the Qwen2-VL, Qwen2.5-VL and Qwen3-VL families."""

Turns = Literal["whole", "calls"]

_TYPES: Mapping[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}


class TRLEnvironment:
    """One episode at a time; :func:`trl_environment` makes subclasses that TRL can use."""

    _make: Callable[[], ToolEnv]
    _turns: Turns

    def __init__(self) -> None:
        self._env = self._make()

    def reset(self, *, index: int, seed: int, **_: Any) -> Content:
        """Start task ``index`` of the source and return what the user shows and asks."""
        self._env.reset(seed=seed, options={"task": index})
        return content(self._env.messages[1].content)

    def _play(self, text: str) -> Sequence[Message]:
        """Step with an action and return the messages that answer it.

        Raises:
            ValueError: The episode is over; TRL tells the model so.
        """
        known = len(self._env.messages) + 1
        try:
            self._env.step(text)
        except ResetNeeded as error:
            raise ValueError("The episode is over.") from error
        return self._env.messages[known:] or [Message("user", (TextBlock(VOID_TEXT),))]

    def _call(self, name: str, arguments: Mapping[str, Any]) -> Content:
        """Make a call and return what it shows."""
        try:
            text = DIALECTS.load(self._env.trajectory().dialect).write_call(ToolCall(name, arguments))
        except UsageError as error:
            raise ValueError(str(error)) from error
        return [block for message in self._play(text) for block in content(message.content)]

    def _finish(self, completion: Sequence[Mapping[str, Any]]) -> Trajectory:
        """Hand in the last turn, if the environment has not seen it, and end the episode."""
        last = completion[-1]
        if self._is_running() and last["role"] == "assistant":
            said = sum(message["role"] == "assistant" for message in completion)
            if not last.get("tool_calls"):
                self._env.step(last["content"])
            elif self._turns == "whole" and said > len(self._env.trajectory().steps):
                self._env.step(last["tool_calls"][0]["function"]["arguments"]["text"])
        return self._env.truncate() if self._is_running() else self._env.trajectory()

    def _is_running(self) -> bool:
        return self._env.trajectory().outcome == "running"


class _WholeTurns(TRLEnvironment):
    """The environment reads the turns."""

    _turns = "whole"

    def turn(self, text: str) -> Content:
        """Play a turn that is not the final answer.

        Args:
            text: All that the model wrote.
        """
        shown: Content = []
        for message in self._play(text):
            before, after = ("<tool_response>\n", "\n</tool_response>") if message.role == "tool" else ("", "")
            shown += [*text_block(before), *content(message.content), *text_block(after)]
        return shown


def trl_environment(env_id: str, *, turns: Turns = "whole", **env_kwargs: Any) -> type[TRLEnvironment]:
    """Build the class for TRL.

    Args:
        env_id: Registered environment id; ``adagym list envs`` shows them.
        turns: Who reads the model's turns: ``"whole"`` the environment, in any dialect that is text; ``"calls"``
            TRL, with a method for each tool that the environment offers before its first reset.
        env_kwargs: Arguments of the environment, for example ``tasks`` or ``max_turns``.

    Returns:
        A class without constructor arguments, with ``reset(*, index, seed)`` and its tools.

    Raises:
        UsageError: An argument cannot be used.
    """
    if env_kwargs.get("dialect") == NATIVE:
        raise UsageError(f"TRL's models write text here; choose another dialect than `{NATIVE}`.")
    if turns not in ("whole", "calls"):
        raise UsageError(f'turns is "whole" or "calls", not {turns!r}.')
    if turns == "calls" and env_kwargs.get("adaptive") is not None:
        raise UsageError('Names of tools that change with the episode need turns="whole": methods have one name.')
    make = partial(cast("type[ToolEnv]", ENVS.load(env_id)), **env_kwargs)
    probe = make()  # wrong arguments show before anything is trained
    tools = probe.action_space.tools
    probe.close()
    methods = {} if turns == "whole" else {tool.name: tool_method(tool) for tool in tools}
    base = _WholeTurns if turns == "whole" else TRLEnvironment
    name = env_id.rpartition("/")[2].partition("-")[0]
    return type(name, (base,), {"_make": staticmethod(make), "_turns": turns, **methods})


def rows(environment: type[TRLEnvironment], n: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """The training set: the first tasks of the source, each with its system prompt.

    Args:
        environment: A class of :func:`trl_environment`.
        n: How many tasks; None for all.
        seed: Seeds the episodes as ``adagym eval --seed`` does. Members of a group are copies of one row, so they
            share it.

    Raises:
        UsageError: The source holds fewer tasks.
    """
    env = environment._make()
    count = len(env.tasks) if n is None else n
    if not 1 <= count <= len(env.tasks):
        raise UsageError(f"There are {len(env.tasks)} tasks, and n is {n}; choose n from 1 to {len(env.tasks)}.")
    made = []
    for index in range(count):
        own = int(np.random.SeedSequence([seed, index, 0]).generate_state(1)[0])
        env.reset(seed=own, options={"task": index})
        system = {"role": "system", "content": harmless(env.messages[0].text)}
        # TRL adds what `reset` returns to the last message.
        made.append({"prompt": [system, {"role": "user", "content": ""}], "index": index, "seed": own})
    env.close()
    return made


def rewards(
    completions: Sequence[Sequence[Mapping[str, Any]]], environments: Sequence[Any], **_: Any
) -> list[float | None]:
    """TRL's reward function: each environment's own score; None where infrastructure broke the episode.

    TRL leaves an episode out of its group when all reward functions return None for it. Functions of your own must
    do so for the same episodes.
    """
    pairs = zip(completions, environments, strict=True)
    return [environment._finish(completion).reward for completion, environment in pairs]


def prepare(processor: Any, environment: type[TRLEnvironment]) -> Any:
    """Let a processor of a Qwen model write the turns as adagym does, and read them as the class wants.

    Args:
        processor: Changed in place.
        environment: A class of :func:`trl_environment`.

    Returns:
        The same processor.

    Raises:
        MissingExtra: TRL is not installed.
    """
    processor.chat_template = TEMPLATE
    processor.tokenizer.response_template = require("trl.chat_template_utils", "trl").qwen3_template
    if environment._turns == "whole":
        env = environment._make()
        env.reset(seed=0, options={"task": 0})
        processor.tokenizer.parse_response = TurnReader(processor.tokenizer, env.trajectory().dialect)
        env.close()
    return processor


class TurnReader:
    """Stands in for a tokenizer's ``parse_response``: a turn is a final answer, or a call of ``turn`` with its text.

    Args:
        tokenizer: Decodes the sampled tokens.
        dialect: Tells answers from everything else.
    """

    def __init__(self, tokenizer: Any, dialect: str) -> None:
        self._tokenizer = tokenizer
        self._dialect = dialect

    def __call__(self, response: Sequence[int], **_: Any) -> dict[str, Any]:
        """Read a sampled turn; control tokens are left out."""
        text = self._tokenizer.decode(response, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return read_turn(text, self._dialect)


def read_turn(text: str, dialect: str) -> dict[str, Any]:
    """A turn as TRL's message of the assistant."""
    spoken = DIALECTS.load(dialect)
    # Most turns are calls, which the environment reads: they are not read twice where an answer would show.
    may_answer = spoken.answer_tag is None or f"<{spoken.answer_tag}>" in text
    if may_answer and spoken.parse(text).answer is not None:
        return {"role": "assistant", "content": text}
    call = {"type": "function", "function": {"name": TURN, "arguments": {"text": text}}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def play(
    environment: type[TRLEnvironment], index: int, seed: int, texts: Sequence[str]
) -> tuple[list[Content], Trajectory]:
    """Play given turns as TRL's loop plays sampled ones, without TRL.

    Args:
        environment: A class of :func:`trl_environment` with ``turns="whole"``.
        index: Position of the task in the source.
        seed: The episode's.
        texts: The turns. Those after an answer are not played.

    Returns:
        What each turn is shown, the first observation included, and the episode.
    """
    player: Any = environment()
    shown: list[Content] = [player.reset(index=index, seed=seed)]
    completion: list[dict[str, Any]] = []
    for text in texts:
        completion.append(read_turn(text, player._env.trajectory().dialect))
        if "tool_calls" not in completion[-1] or not player._is_running():
            break
        shown.append(player.turn(text))
    return shown, player._finish(completion)


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
