"""The environment every task family shares: text in, text and pictures out, tools in between.

An episode is a conversation. :meth:`ToolEnv.reset` shows a task; :meth:`ToolEnv.step` reads one action text:
a tool call is run and its result shown, an answer ends the episode, anything else is shown as an error.
Nothing an agent writes raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded

from adagym.envs.tasks import load_tasks
from adagym.errors import InfraError, UsageError
from adagym.protocol import DIALECTS, Dialect
from adagym.protocol.base import PromptStyle
from adagym.rewards import PRESETS, Preset, Score
from adagym.spaces import ActionText, ImageTuple, Situation, UnicodeText
from adagym.tools.executor import Executor
from adagym.types import (
    Array,
    ArrayImage,
    Block,
    ImageBlock,
    Message,
    Observation,
    Outcome,
    ParsedAction,
    Step,
    Task,
    TextBlock,
    ToolResult,
    Trajectory,
)

VOID_TEXT = "The environment failed. This episode is void and will not be scored."
"""Text of the last observation of an episode that an infrastructure failure ended."""


@dataclass(frozen=True)
class Snapshot:
    """The state of an episode at one moment. Opaque: only :meth:`ToolEnv.restore` should read it."""

    task: Task | None
    seed: int | None
    tool_names: tuple[str, ...]
    messages: tuple[Message, ...]
    steps: tuple[Step, ...]
    images: Mapping[str, Array]
    outcome: Outcome
    score: Score | None
    error: str | None
    rng: np.random.Generator


class ToolEnv(gym.Env[Observation, str]):
    """Base of all environments of the suite; a family sets the class attributes and writes the page.

    Args:
        tasks: A task source such as ``vsp-generated:sides=4-6-8,split=train``, or a sequence of tasks; None
            is the family's default source.
        tools: Names of the tools offered; None offers the task's own, or else the family's.
        dialect: How calls and answers are written; a name of ``adagym.protocol.DIALECTS``.
        reward: The preset that scores the finished episode; a name of ``adagym.rewards.PRESETS``.
        max_turns: The episode is truncated after so many actions without an answer.
        prompt: ``"full"`` explains tools with their schemas, ``"brief"`` in a line each.
        tool_images: Whether the pictures that tools return are shown and may be addressed.
        render_mode: None, ``"rgb_array"`` (the latest picture) or ``"ansi"`` (the transcript).

    Raises:
        UsageError: An argument names nothing known or is out of range.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "ansi"], "render_fps": 1}  # noqa: RUF012

    env_id: ClassVar[str] = ""
    """Registered id; what a trajectory is replayed with."""
    family: ClassVar[str] = ""
    """Task family handed to the task source."""
    default_tasks: ClassVar[str] = ""
    default_tools: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        tasks: str | Sequence[Task] | None = None,
        *,
        tools: Sequence[str] | None = None,
        dialect: str = "adareasoner",
        reward: str = "tool_grpo",
        max_turns: int = 10,
        prompt: PromptStyle = "full",
        tool_images: bool = True,
        render_mode: str | None = None,
    ) -> None:
        _check_arguments(max_turns, prompt, render_mode, self.metadata["render_modes"])
        source = self.default_tasks if tasks is None else tasks
        self.tasks: Sequence[Task] = load_tasks(source, self.family) if isinstance(source, str) else source
        if not len(self.tasks):
            raise UsageError(f"The task source {source!r:.200} holds no tasks; give a source with at least one.")
        self.render_mode = render_mode
        self._kwargs: dict[str, Any] = {
            **({"tasks": source} if isinstance(source, str) else {}),
            "tools": None if tools is None else list(tools),
            "dialect": dialect,
            "reward": reward,
            "max_turns": max_turns,
            "prompt": prompt,
            "tool_images": tool_images,
        }
        self._dialect: Dialect = DIALECTS.load(dialect)
        self._preset: Preset = PRESETS.load(reward)
        self._max_turns = max_turns
        self._prompt: PromptStyle = prompt
        self._tool_images = tool_images
        self._tools = None if tools is None else tuple(tools)
        self._executors: dict[tuple[str, ...], Executor] = {}
        self._positions: dict[str, int] | None = None
        self._equip(self.default_tools if self._tools is None else self._tools)
        self.observation_space = gym.spaces.Dict({"text": UnicodeText(), "images": ImageTuple()})
        self.action_space: ActionText = ActionText(dialect, self._executor.specs)
        self.messages: list[Message] = []
        self.task: Task | None = None
        self._clear(None, None)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seeds the generator that draws tasks.
            options: ``{"task": task}`` chooses the task: a Task, a task's id, or an index of the source.
                Without it the task is drawn uniformly from the source.

        Returns:
            The first observation (system prompt, task, pictures) and info.

        Raises:
            UsageError: The options name no task.
            DataError: The task's picture cannot be loaded.
        """
        super().reset(seed=seed)
        task = self._choose(dict(options or {}))
        pictures = tuple(_own(image.load(), shared=isinstance(image, ArrayImage)) for image in task.images)
        self._clear(task, seed)
        if self._tools is None:
            self._equip(self.default_tools if task.tool_names is None else task.tool_names)
        self._images.update((f"img_{number}", picture) for number, picture in enumerate(pictures, 1))
        system = self._dialect.system_prompt(self._executor.specs, self._prompt)
        blocks: list[Block] = [ImageBlock(name, picture) for name, picture in self._images.items()]
        self.messages = [
            Message("system", (TextBlock(system),)),
            Message("user", (*blocks, TextBlock(task.prompt))),
        ]
        self._situate()
        return _observation(f"{system}\n\n{task.prompt}", pictures), self._info(None, None)

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Read one action text; see the class.

        Args:
            action: What the agent wrote. Anything else than a usable call or answer, of any type and size,
                gives an error observation.

        Returns:
            The new text and pictures, the reward (0 until the episode ends), whether the agent answered,
            whether the turn limit or an infrastructure failure ended the episode, and info.

        Raises:
            ResetNeeded: No episode is running.
        """
        if self.task is None or self._outcome != "running":
            raise ResetNeeded("No episode is running: call `reset()` before `step()`.")
        parsed = self._dialect.parse(action)
        self.messages.append(Message("assistant", (TextBlock(parsed.text),)))
        try:
            result, observation = self._answer(parsed)
        except InfraError as error:
            return self._fail(parsed, error)
        if parsed.answer is not None:
            self._outcome = "answered"
        elif len(self._steps) + 1 >= self._max_turns:
            self._outcome = "truncated"
        return self._record(parsed, result, observation)

    def trajectory(self) -> Trajectory:
        """Return the episode so far.

        Raises:
            ResetNeeded: No episode was started.
        """
        if self.task is None:
            raise ResetNeeded("No episode was started: call `reset()` before `trajectory()`.")
        return Trajectory(
            env_id=self.env_id if self.spec is None else self.spec.id,
            env_kwargs=dict(self._kwargs),
            task=self.task,
            seed=self._seed,
            dialect=self._dialect.name,
            messages=tuple(self.messages),
            steps=tuple(self._steps),
            outcome=self._outcome,
            reward=None if self._score is None else self._score.total,
            reward_parts={} if self._score is None else dict(self._score.parts),
            error=self._error,
        )

    def snapshot(self) -> Snapshot:
        """Return the state of the episode, picklable, to continue from it later or in a copy."""
        return Snapshot(
            self.task,
            self._seed,
            self._names,
            tuple(self.messages),
            tuple(self._steps),
            dict(self._images),
            self._outcome,
            self._score,
            self._error,
            deepcopy(self.np_random),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from a snapshot of this environment or one with the same arguments."""
        self._clear(snapshot.task, snapshot.seed)
        self._equip(snapshot.tool_names)
        self.messages = list(snapshot.messages)
        self._steps = list(snapshot.steps)
        self._images.update(snapshot.images)
        self._outcome = snapshot.outcome
        self._score = snapshot.score
        self._error = snapshot.error
        self.np_random = deepcopy(snapshot.rng)
        self._situate()

    def render(self) -> Array | str | None:  # type: ignore[override]
        """Return the latest picture or the transcript, by render mode.

        Raises:
            ResetNeeded: No episode was started.
        """
        if self.render_mode is None:
            return None
        if self.task is None:
            raise ResetNeeded("No episode was started: call `reset()` before `render()`.")
        if self.render_mode == "ansi":
            return "\n\n".join(f"[{message.role}]\n{_readable(message)}" for message in self.messages)
        last = next(reversed(self._images.values()), np.zeros((64, 64, 3), np.uint8))
        return last.copy()

    def close(self) -> None:
        """Release the episode. Closing twice is allowed."""
        self._clear(None, None)
        self.messages = []

    def _choose(self, options: dict[str, Any]) -> Task:
        wanted = options.pop("task", None)
        if options:
            raise UsageError(f"reset() knows the option `task`, not {', '.join(map(repr, options))}.")
        if wanted is None:
            return self.tasks[int(self.np_random.integers(len(self.tasks)))]
        if isinstance(wanted, Task):
            return wanted
        if isinstance(wanted, str):
            return self.tasks[self._position(wanted)]
        if isinstance(wanted, int | np.integer) and 0 <= wanted < len(self.tasks):
            return self.tasks[int(wanted)]
        raise UsageError(
            f"The option `task` must be a Task, a task's id, or an index from 0 to {len(self.tasks) - 1}; "
            f"it is {wanted!r:.200}."
        )

    def _position(self, task_id: str) -> int:
        if self._positions is None:
            self._positions = {task.id: position for position, task in enumerate(self.tasks)}
        if task_id not in self._positions:
            raise UsageError(
                f"No task has the id {task_id!r:.200}; the {len(self.tasks)} tasks are named like `{self.tasks[0].id}`."
            )
        return self._positions[task_id]

    def _equip(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        if self._names not in self._executors:
            self._executors[self._names] = Executor(self._names)
        self._executor = self._executors[self._names]

    def _clear(self, task: Task | None, seed: int | None) -> None:
        self.task = task
        self._seed = seed
        self._steps: list[Step] = []
        self._images: dict[str, Array] = {}
        self._outcome: Outcome = "running"
        self._score: Score | None = None
        self._error: str | None = None

    def _situate(self) -> None:
        self.action_space.tools = self._executor.specs
        self.action_space.situation = Situation(self._images, self.task)

    def _answer(self, parsed: ParsedAction) -> tuple[ToolResult | None, Observation]:
        """Run the call, if there is one, and say what is new."""
        if parsed.answer is not None:
            return None, _observation("", ())
        if parsed.call is None:
            message = self._dialect.complain(parsed.error or "")
            self.messages.append(message)
            return None, _observation(message.text, ())
        result = self._executor.run(parsed.call, self._images)
        shown = result if self._tool_images else replace(result, images=())
        names = [f"img_{len(self._images) + number}" for number in range(1, len(shown.images) + 1)]
        message = self._dialect.observe(shown, names)
        observation = _observation(message.text, shown.images)
        if observation not in self.observation_space:
            raise InfraError(f"The tool `{result.tool}` returned text or pictures outside the observation space.")
        self.messages.append(message)
        self._images.update(zip(names, shown.images, strict=True))
        return result, observation

    def _record(
        self, parsed: ParsedAction, result: ToolResult | None, observation: Observation
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        ended = self._outcome != "running"
        terminated, truncated = self._outcome == "answered", ended and self._outcome != "answered"
        kept: Observation = {"text": observation["text"], "images": observation["images"]}
        self._steps.append(Step(parsed.text, parsed, result, kept, 0.0, terminated, truncated))
        reward = 0.0
        if ended and self._outcome != "infra_failure" and self.task is not None:
            self._score = self._preset(self.task, self.trajectory())
            reward = 0.0 if self._score.total is None else float(self._score.total)
            self._steps[-1] = replace(self._steps[-1], reward=reward)
        return observation, reward, terminated, truncated, self._info(parsed, result)

    def _fail(self, parsed: ParsedAction, error: InfraError) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._outcome = "infra_failure"
        self._error = str(error)
        return self._record(parsed, None, _observation(VOID_TEXT, ()))

    def _info(self, parsed: ParsedAction | None, result: ToolResult | None) -> dict[str, Any]:
        """The same keys always; values that compare, so without pictures and times."""
        return {
            "task_id": "" if self.task is None else self.task.id,
            "turn": len(self._steps),
            "call": None if parsed is None else parsed.call,
            "result": None if result is None else replace(result, images=(), seconds=0.0),
            "parse_error": None if parsed is None else parsed.error_kind,
            "reward_parts": {} if self._score is None else dict(self._score.parts),
            "outcome": self._outcome,
        }


def _check_arguments(max_turns: int, prompt: str, render_mode: str | None, render_modes: Sequence[str]) -> None:
    if isinstance(max_turns, bool) or not isinstance(max_turns, int) or max_turns < 1:
        raise UsageError(f"max_turns must be an integer of at least 1, not {max_turns!r}.")
    if prompt not in ("full", "brief"):
        raise UsageError(f'prompt must be "full" or "brief", not {prompt!r}.')
    if render_mode is not None and render_mode not in render_modes:
        raise UsageError(f"render_mode must be None or one of {', '.join(render_modes)}, not {render_mode!r}.")


def _own(picture: Array, *, shared: bool) -> Array:
    """A picture the episode owns: one that the caller holds too is copied."""
    return picture.copy() if shared else picture


def _observation(text: str, images: Sequence[Array]) -> Observation:
    """Pictures are read-only views: no copy is made, and no caller can change the episode through them."""
    views = tuple(image.view() for image in images)
    for view in views:
        view.flags.writeable = False
    return {"text": text, "images": views}


def _readable(message: Message) -> str:
    return "".join(
        block.text
        if isinstance(block, TextBlock)
        else f"[{block.name}: {block.image.shape[1]}x{block.image.shape[0]}]\n"
        for block in message.content
    )
