"""The values that flow through adagym: tasks, messages, calls, results, steps and trajectories.

Everything here is a plain dataclass without behaviour beyond small derived properties; how values print is in
``adagym/show``. Images are
``uint8`` arrays of shape ``(height, width, 3)`` in RGB order; coordinates are absolute pixels ``[x, y]``
with the origin at the top left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from adagym.show import Shown

Array = NDArray[np.uint8]
"""An image: ``(height, width, 3)``, ``uint8``, RGB."""

Outcome = Literal["running", "answered", "truncated", "infra_failure"]
"""How an episode stands. An infrastructure failure is never scored."""

AnswerType = Literal[
    "plan", "yes_no", "choice", "number", "regression", "mra", "moves", "text", "anls", "ocr", "box", "free_form"
]
"""What kind of answer a task expects; decides which accuracy rule applies."""

Role = Literal["system", "user", "assistant", "tool"]


@runtime_checkable
class LazyImage(Protocol):
    """An image that is read or drawn only when it is needed. Implementations are picklable."""

    def load(self) -> Array:
        """Return the picture, ``(height, width, 3)`` ``uint8`` RGB."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class ArrayImage(Shown):
    """An image that is already in memory. Compared by identity: arrays have no single truth value."""

    array: Array

    def load(self) -> Array:
        """Return the array itself (not a copy)."""
        return self.array


@dataclass(frozen=True, repr=False)
class Task(Shown):
    """One problem to solve. Immutable; the same object serves play, training and evaluation."""

    id: str
    """Unique within its source, for example ``vsp-generated/train/4/17``."""
    family: str
    """Task family, for example ``vsp_navigation``."""
    prompt: str
    """What the agent is asked, without tool or format instructions."""
    images: tuple[LazyImage, ...] = ()
    """The pictures of the first observation, named ``img_1, img_2, ...`` in order."""
    video: str | None = None
    """A reference that :func:`adagym.video.open_video` opens, for example the path of a file."""
    choices: tuple[str, ...] = ()
    answer: str = ""
    """The reference answer; empty when the answer is judged by simulation alone."""
    answer_type: AnswerType = "text"
    split: str = "test"
    tool_names: tuple[str, ...] | None = None
    """Tools offered for this task; None leaves the choice to the environment."""
    tool_benefit: float | None = None
    """Tool Benefit Score of AdaTooler-V, in [-1, 1]; None where it was not computed."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Facts for scoring and grouping (JSON values), for example the map and its side."""


@dataclass(frozen=True, repr=False)
class TextBlock(Shown):
    """A piece of text in a message."""

    text: str


@dataclass(frozen=True, repr=False)
class ImageBlock(Shown):
    """A picture in a message, under the name by which tools address it."""

    name: str
    """``img_1``, ``img_2``, ... in order of appearance in the episode."""
    image: Array


Block = TextBlock | ImageBlock


@dataclass(frozen=True, repr=False)
class Message(Shown):
    """One turn of the transcript."""

    role: Role
    content: tuple[Block, ...]

    @property
    def text(self) -> str:
        """All text blocks, joined."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))

    @property
    def images(self) -> tuple[Array, ...]:
        """All pictures, in order."""
        return tuple(block.image for block in self.content if isinstance(block, ImageBlock))


@dataclass(frozen=True)
class ToolSpec:
    """What a model is told about a tool."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """A JSON schema of type ``object`` with ``properties`` and ``required``."""

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required parameters."""
        return tuple(self.parameters.get("required", ()))

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of all parameters, in the order of the signature."""
        return tuple(self.parameters.get("properties", {}))


@dataclass(frozen=True)
class ToolCall:
    """A call as the model wrote it: the name and the arguments, not yet checked."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class ParsedAction:
    """What the parser made of one action text. Exactly one of call, answer, error is set."""

    text: str
    think: str = ""
    call: ToolCall | None = None
    answer: str | None = None
    error: str | None = None
    """A sentence for the model when the text holds neither a usable call nor an answer."""
    error_kind: str | None = None
    """A stable identifier of the error, for example ``bad_json`` (see ``adagym.protocol.base``)."""
    format_ok: bool = False
    """Whether the text follows the dialect strictly (AdaReasoner Eq. 6, per turn)."""


@dataclass(frozen=True)
class CallCheck:
    """How far a call was right, the facts behind the tool reward (AdaReasoner Eq. 7 and 8)."""

    known: bool = False
    """The tool's name is in the current tool set."""
    given: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    """All parameter names of the tool, optional ones included."""
    valid: tuple[str, ...] = ()
    """Given parameters whose value is of the right type, in range, and loadable."""
    online: bool = False
    """Whether AdaReasoner's code ran this tool as a server; it scored those by another rule."""


@dataclass(frozen=True, repr=False)
class ToolResult(Shown):
    """The envelope of one tool call."""

    tool: str
    status: Literal["success", "failed"]
    message: str = ""
    error_code: int = 0
    """0, or one of 201..205 (see ``adagym.errors.ErrorCode``)."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """JSON values particular to the tool, for example ``{"points": [[96, 32]]}``."""
    images: tuple[Array, ...] = ()
    check: CallCheck = CallCheck()
    seconds: float = 0.0
    """Wall time; kept out of observations so that episodes are deterministic."""

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.status == "success" and self.error_code == 0


class Observation(TypedDict):
    """What ``reset`` and ``step`` return: only what is new."""

    text: str
    images: tuple[Array, ...]


@dataclass(frozen=True, repr=False)
class Step(Shown):
    """One action and what came of it."""

    action: str
    parsed: ParsedAction
    result: ToolResult | None
    observation: Observation
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False


@dataclass(frozen=True, repr=False)
class Trajectory(Shown):
    """A whole episode, replayable from (env_id, env_kwargs, task, seed, actions)."""

    env_id: str
    env_kwargs: Mapping[str, Any]
    task: Task
    seed: int | None
    dialect: str
    messages: tuple[Message, ...]
    steps: tuple[Step, ...]
    outcome: Outcome
    reward: float | None = None
    """Total reward; None when the episode could not be scored."""
    reward_parts: Mapping[str, float | None] = field(default_factory=dict)
    error: str | None = None
    """What broke, when the outcome is ``infra_failure``."""

    @property
    def actions(self) -> tuple[str, ...]:
        """The texts the agent wrote, in order."""
        return tuple(step.action for step in self.steps)

    @property
    def answer(self) -> str | None:
        """The final answer, or None when the agent never gave one."""
        return self.steps[-1].parsed.answer if self.steps else None

    @property
    def calls(self) -> tuple[ToolResult, ...]:
        """Every executed tool call, in order."""
        return tuple(step.result for step in self.steps if step.result is not None)
