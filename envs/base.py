"""The environment every task family shares: text in, text and pictures out, tools in between.

An episode is a conversation. :meth:`ToolEnv.reset` shows a task; :meth:`ToolEnv.step` reads one action text:
a tool call is run and its result shown, an answer ends the episode, anything else is shown as an error.
Nothing an agent writes raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded

from adagym.envs.arguments import ToolImages, check_arguments
from adagym.envs.choice import TaskChoice
from adagym.envs.episode import VOID_TEXT, Episode, Snapshot, observe, own, readable
from adagym.envs.tasks import load_tasks
from adagym.envs.wrappers import AdaptiveConfig, AdaptiveExecutor, Disguise, draw_for
from adagym.errors import InfraError, UsageError
from adagym.protocol import DIALECTS, Dialect
from adagym.protocol.base import PromptStyle
from adagym.rewards import Preset, load_preset
from adagym.spaces import ActionText, ImageTuple, Situation, UnicodeText
from adagym.tools.backends import Backend, Runner
from adagym.tools.backends.checked import checked
from adagym.tools.backends.offer import Offer
from adagym.types import (
    Array,
    ArrayImage,
    Block,
    ImageBlock,
    Message,
    Observation,
    ParsedAction,
    Step,
    Task,
    TextBlock,
    ToolCall,
    ToolResult,
    Trajectory,
)
from adagym.video import ShownVideo


class ToolEnv(gym.Env[Observation, str]):
    """Base of all environments of the suite; a family sets the class attributes and writes the page.

    Args:
        tasks: A task source such as ``vsp-generated:sides=4-6-8,split=train``, or a sequence of tasks; None
            is the family's default source.
        tools: Names of the tools offered; None offers the task's own, or else the family's. A string is where they
            run instead of in this process, for example ``workers``, with ``#NAME,NAME`` to name them too
            (docs/executors.md).
        dialect: How calls and answers are written; a name of ``adagym.protocol.DIALECTS``.
        reward: The preset that scores the finished episode; a spec of :func:`adagym.rewards.load_preset`.
        max_turns: The episode is truncated after so many actions without an answer.
        prompt: ``"full"`` explains tools with their schemas, ``"brief"`` in a line each.
        tool_images: Whether the pictures that tools return are shown and may be addressed; ``"named"`` tells their
            names only, for agents that see nothing in them.
        adaptive: None, ``"names"`` for names and descriptions of tools that change with every episode, or
            ``"names,fields,errors"`` for fields and texts of results too (docs/adaptive.md).
        render_mode: None, ``"rgb_array"`` (the latest picture) or ``"ansi"`` (the transcript).

    Raises:
        UsageError: An argument names nothing known or is out of range.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "ansi"], "render_fps": 1}  # noqa: RUF012  (Gymnasium declares it so)

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
        tools: str | Sequence[str] | Backend | None = None,
        dialect: str = "adareasoner",
        reward: str = "tool_grpo",
        max_turns: int = 10,
        prompt: PromptStyle = "full",
        tool_images: ToolImages = True,
        adaptive: str | None = None,
        render_mode: str | None = None,
    ) -> None:
        check_arguments(max_turns, prompt, tool_images, render_mode, self.metadata["render_modes"])
        source = self.default_tasks if tasks is None else tasks
        self.tasks: Sequence[Task] = load_tasks(source, self.family) if isinstance(source, str) else source
        if not (hasattr(self.tasks, "__len__") and hasattr(self.tasks, "__getitem__")):
            raise UsageError(f"tasks={source!r:.200} is neither the text of a task source nor a sequence of tasks.")
        if not len(self.tasks):
            raise UsageError(f"The task source {source!r:.200} holds no tasks; give a source with at least one.")
        self.render_mode = render_mode
        self._kwargs: dict[str, Any] = {
            **({"tasks": source} if isinstance(source, str) else {}),
            "tools": _recordable(tools),
            "dialect": dialect,
            "reward": reward,
            "max_turns": max_turns,
            "prompt": prompt,
            "tool_images": tool_images,
            "adaptive": adaptive,
        }
        self._dialect: Dialect = DIALECTS.load(dialect)
        self._preset: Preset = load_preset(reward)
        self._max_turns = max_turns
        self._prompt: PromptStyle = prompt
        self._tool_images: ToolImages = tool_images
        self._adaptive = None if adaptive is None else AdaptiveConfig.parse(adaptive)
        self._offer = Offer.of(tools)
        self._runners: dict[tuple[str, ...], Runner] = {}
        self._choice = TaskChoice(self.tasks)
        self._equip(self.default_tools if self._offer.names is None else self._offer.names)
        self._episode: Episode | None = None
        spaces: dict[str, gym.Space[Any]] = {"text": UnicodeText(), "images": ImageTuple()}
        self.observation_space: gym.Space[Any] = gym.spaces.Dict(spaces)
        self.action_space: ActionText = ActionText(dialect, self._executor.specs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._episode is not None:
            self._continue(self._episode)

    @property
    def task(self) -> Task | None:
        """The task of the episode, or None before the first reset."""
        return None if self._episode is None else self._episode.task

    @property
    def disguise(self) -> Disguise | None:
        """Under which names the running episode offers its tools, or None if under their own."""
        return None if self._episode is None else self._episode.disguise

    @property
    def messages(self) -> list[Message]:
        """The transcript so far: system prompt, task, then actions and results. Empty before the first reset."""
        return [] if self._episode is None else self._episode.messages

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seeds the generator that draws tasks, and with the task the adaptive names.
            options: ``{"task": task}`` chooses the task: a Task, a task's id, or an index of the source.
                Without it the task is drawn uniformly from the source.

        Returns:
            The first observation (system prompt, task, pictures) and info.

        Raises:
            UsageError: The options name no task.
            DataError: The task's picture cannot be loaded.
        """
        super().reset(seed=seed)
        task = self._choice.choose(options, self.np_random)
        pictures, video, prompt = self._open(task)
        seed, disguise = self._prepare(task, seed)
        system = self._dialect.system_prompt(self._executor.specs, self._prompt)
        images = {f"img_{number}": picture for number, picture in enumerate(pictures, 1)}
        shown: list[Block] = [ImageBlock(name, picture) for name, picture in images.items()]
        messages = [
            Message("system", (TextBlock(system),)),
            Message("user", (*shown, TextBlock(prompt))),
        ]
        self._continue(Episode(task, seed, self._names, messages, images, video=video, disguise=disguise))
        return observe(f"{system}\n\n{prompt}", pictures), self._info(self._started("info"), None, None)

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
        episode = self._running("step")
        parsed = self._dialect.parse(action)
        episode.messages.append(Message("assistant", (TextBlock(parsed.text),)))
        result: ToolResult | None = None
        try:
            result, observation = self._respond(episode, parsed)
        except InfraError as error:
            episode.outcome, episode.error = "infra_failure", str(error)
            observation = observe(VOID_TEXT, ())
        if episode.outcome == "running" and parsed.answer is not None:
            episode.outcome = "answered"
        elif episode.outcome == "running" and len(episode.steps) + 1 >= self._max_turns:
            episode.outcome = "truncated"
        return self._record(episode, parsed, result, observation)

    def truncate(self) -> Trajectory:
        """End the running episode before its turn limit and score it as it stands.

        For callers that can carry a conversation no further, such as a policy whose context is full. The
        outcome is ``truncated``, and the last step, if there is one, carries the reward.

        Returns:
            The finished episode.

        Raises:
            ResetNeeded: No episode is running.
        """
        episode = self._running("truncate")
        episode.outcome = "truncated"
        if episode.steps:
            episode.steps[-1] = replace(episode.steps[-1], truncated=True)
        self._score(episode)
        return self.trajectory()

    def trajectory(self) -> Trajectory:
        """Return the episode so far.

        Raises:
            ResetNeeded: No episode was started.
        """
        episode = self._started("trajectory")
        return Trajectory(
            env_id=self.env_id if self.spec is None else self.spec.id,
            env_kwargs=dict(self._kwargs),
            task=episode.task,
            seed=episode.seed,
            dialect=self._dialect.name,
            messages=tuple(episode.messages),
            steps=tuple(episode.steps),
            outcome=episode.outcome,
            reward=None if episode.score is None else episode.score.total,
            reward_parts={} if episode.score is None else dict(episode.score.parts),
            error=episode.error,
        )

    def snapshot(self) -> Snapshot:
        """Return the state of the episode, picklable, to continue from it later or in a copy."""
        return Snapshot(None if self._episode is None else self._episode.copy(), deepcopy(self.np_random))

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from a snapshot of this environment or one with the same arguments."""
        self.np_random = deepcopy(snapshot.rng)
        if snapshot.episode is None:
            self._episode = None
            return
        self._equip(snapshot.episode.tool_names, snapshot.episode.disguise)
        self._continue(snapshot.episode.copy())

    def render(self) -> Array | str | None:
        """Return the latest picture or the transcript, by render mode.

        Raises:
            ResetNeeded: No episode was started.
        """
        if self.render_mode is None:
            return None
        episode = self._started("render")
        if self.render_mode == "ansi":
            return "\n\n".join(f"[{message.role}]\n{readable(message)}" for message in episode.messages)
        if not episode.images:
            return np.zeros((64, 64, 3), np.uint8)
        latest: Array = next(reversed(episode.images.values())).copy()
        return latest

    def close(self) -> None:
        """Release the episode; a call that runs in another thread is ended. Closing twice is allowed."""
        self._episode = None
        for runner in self._runners.values():
            runner.cancel()

    def _open(self, task: Task) -> tuple[tuple[Array, ...], ShownVideo | None, str]:
        """The pictures a task begins with, its video if the family has them, and the prompt."""
        pictures = tuple(own(image.load(), shared=isinstance(image, ArrayImage)) for image in task.images)
        return pictures, None, task.prompt

    def _running(self, method: str) -> Episode:
        if self._episode is None or self._episode.outcome != "running":
            raise ResetNeeded(f"No episode is running: call `reset()` before `{method}()`.")
        return self._episode

    def _started(self, method: str) -> Episode:
        if self._episode is None:
            raise ResetNeeded(f"No episode was started: call `reset()` before `{method}()`.")
        return self._episode

    def _prepare(self, task: Task, seed: int | None) -> tuple[int | None, Disguise | None]:
        """Equip for a task; return the episode's seed, which an adaptive episode always has, and its disguise."""
        if self._offer.names is None:
            self._equip(self.default_tools if task.tool_names is None else task.tool_names)
        if self._adaptive is None:
            return seed, None
        seed = int(self.np_random.integers(2**31)) if seed is None else seed
        disguise = draw_for(seed, task.id, self._runners[self._names].specs, self._adaptive)
        self._equip(self._names, disguise)
        return seed, disguise

    def _equip(self, names: Sequence[str], disguise: Disguise | None = None) -> None:
        self._names = tuple(names)
        if self._names not in self._runners:
            self._runners[self._names] = self._offer.backend.runner(self._names)
        plain = self._runners[self._names]
        self._executor: Runner = AdaptiveExecutor(plain, disguise) if disguise else plain

    def _continue(self, episode: Episode) -> None:
        self._episode = episode
        self.action_space.tools = self._executor.specs
        self.action_space.situation = Situation(episode.images, episode.task, self._accepts)

    def _accepts(self, call: ToolCall) -> bool:
        if self._episode is None:
            return False
        check = self._executor.check(call, self._episode.images, self._episode.video)
        return set(check.valid) == set(check.given)

    def _respond(self, episode: Episode, parsed: ParsedAction) -> tuple[ToolResult | None, Observation]:
        """Run the call, if there is one, and say what is new.

        Raises:
            InfraError: The tool broke, which is not the agent's doing.
        """
        if parsed.answer is not None:
            return None, observe("", ())
        if parsed.call is None:
            message = self._dialect.complain(parsed.error or "")
            episode.messages.append(message)
            return None, observe(message.text, ())
        result = checked(self._executor.run(parsed.call, episode.images, episode.video))
        shown = result if self._tool_images else replace(result, images=())
        names = [f"img_{len(episode.images) + number}" for number in range(1, len(shown.images) + 1)]
        tell = partial(episode.disguise.observe, self._dialect) if episode.disguise else self._dialect.observe
        message = tell(shown, names)
        if self._tool_images == "named":
            message = replace(message, content=tuple(b for b in message.content if isinstance(b, TextBlock)))
        observation = observe(message.text, message.images)
        if observation not in self.observation_space:
            raise InfraError(f"The tool `{result.tool}` returned text or pictures outside the observation space.")
        episode.messages.append(message)
        episode.images.update(zip(names, shown.images, strict=True))
        return result, observation

    def _record(
        self, episode: Episode, parsed: ParsedAction, result: ToolResult | None, observation: Observation
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        terminated = episode.outcome == "answered"
        truncated = episode.outcome in ("truncated", "infra_failure")
        # The caller may change the dict it gets; the record keeps its own.
        kept: Observation = {"text": observation["text"], "images": observation["images"]}
        episode.steps.append(Step(parsed.text, parsed, result, kept, 0.0, terminated, truncated))
        if episode.outcome in ("answered", "truncated"):
            self._score(episode)
        return observation, episode.steps[-1].reward, terminated, truncated, self._info(episode, parsed, result)

    def _score(self, episode: Episode) -> None:
        episode.score = self._preset(episode.task, self.trajectory())
        if episode.steps:
            reward = 0.0 if episode.score.total is None else float(episode.score.total)
            episode.steps[-1] = replace(episode.steps[-1], reward=reward)

    def _info(self, episode: Episode, parsed: ParsedAction | None, result: ToolResult | None) -> dict[str, Any]:
        """The same keys always; values that compare, so without pictures and times."""
        return {
            "task_id": episode.task.id,
            "turn": len(episode.steps),
            "call": None if parsed is None else parsed.call,
            "result": None if result is None else replace(result, images=(), seconds=0.0),
            "parse_error": None if parsed is None else parsed.error_kind,
            "reward_parts": {} if episode.score is None else dict(episode.score.parts),
            "outcome": episode.outcome,
        }


def _recordable(tools: str | Sequence[str] | Backend | None) -> str | list[str] | None:
    """The argument ``tools`` as it is written down."""
    if isinstance(tools, Backend):
        return tools.spec
    return tools if tools is None or isinstance(tools, str) else list(tools)
