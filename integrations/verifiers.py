"""adagym's tasks and episodes for `verifiers`: its agents play, adagym's environment answers and scores.

verifiers finds a task set by the name of an importable module, so a file of yours names the two classes:

.. code-block:: python

    # navigation.py
    from adagym.integrations.verifiers import AdagymEnv, AdagymTaskset

    __all__ = ["AdagymEnv", "AdagymTaskset"]

``eval navigation --env.taskset.env adagym/VSPNavigation-v0 -n 20 -m MODEL`` then plays 20 tasks. The environment is the
user of the conversation: it shows the task, and answers each turn with text and pictures. Calls are text in the
environment's dialect; verifiers' own tools are not used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

from adagym.agents.endpoint import Completion
from adagym.agents.openai import action_text
from adagym.agents.openai_messages import NATIVE, PictureFormat, Transcript
from adagym.algos.collect import episode_seeds
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks import load_tasks
from adagym.errors import InfraError, UsageError, require
from adagym.rewards import REWARDS

require("verifiers", "verifiers")

import verifiers.v1 as vf  # noqa: E402  (after the check that names the pip line)

__all__ = ["AdagymConfig", "AdagymEnv", "AdagymEnvConfig", "AdagymTaskset"]


class AdagymData(vf.TaskData):
    """What one episode plays; JSON values, so that a trace tells how to play it again."""

    env: str
    env_kwargs: dict[str, Any]
    tasks: str
    """Task source."""
    position: int
    """Of the task in the source."""
    seed: int


class AdagymConfig(vf.TasksetConfig):
    """``--env.taskset.*``."""

    env: str = ""
    """Registered environment id; ``adagym list envs`` shows them."""
    tasks: str | None = None
    """Task source; None is the environment's default."""
    n: int | None = None
    """Only the first tasks; None for all."""
    seed: int = 0
    """Seeds the episodes as ``adagym eval --seed`` does. All rollouts of a task share its seed, as groups must."""
    env_kwargs: dict[str, Any] = {}  # noqa: RUF012  (pydantic copies it)
    """Further arguments of the environment, for example ``dialect`` or ``max_turns``."""


class AdagymTask(vf.Task[AdagymData]):
    """One task of the source."""

    @property
    def key(self) -> str:
        """The task's id, where the content hash would change with the arguments."""
        return str(self.data.id)


class AdagymTaskset(vf.Taskset[AdagymTask, AdagymConfig]):
    """The tasks of a source, in order."""

    def load(self) -> Iterator[AdagymTask]:
        """Build the tasks.

        Raises:
            UsageError: An argument cannot be used.
        """
        config = self.config
        if not config.env:
            raise UsageError("Name an environment: --env.taskset.env ID; `adagym list envs` shows them.")
        if config.env_kwargs.get("dialect") == NATIVE:
            raise UsageError(f"Models write text here; choose another dialect than `{NATIVE}`.")
        env_class = cast("type[ToolEnv]", ENVS.load(config.env))
        spec = env_class.default_tasks if config.tasks is None else config.tasks
        source = load_tasks(spec, env_class.family)
        count = len(source) if config.n is None else config.n
        if not 1 <= count <= len(source):
            raise UsageError(f"There are {len(source)} tasks, and n is {count}; choose n from 1 to {len(source)}.")
        env_class([source[0]], **config.env_kwargs).close()  # wrong arguments show before anything is asked
        for position, seed in enumerate(episode_seeds(config.seed, count)):
            task = source[position]
            data = AdagymData(
                id=task.id,
                name=task.id,
                env=config.env,
                env_kwargs=config.env_kwargs,
                tasks=spec,
                position=position,
                seed=seed,
            )
            yield AdagymTask(data, config.task)


class AdagymEnvConfig(vf.EnvConfig):
    """``--env.*``."""

    player: vf.AgentConfig = vf.AgentConfig(harness={"id": "null"}, runtime=vf.SubprocessConfig())
    """Who plays: a plain chat with the model, in a process of this machine."""


class AdagymEnv(vf.Env[AdagymEnvConfig]):
    """Plays one episode per rollout."""

    async def start(self) -> None:
        """Read no source yet; each is read once, when its first episode starts."""
        self._sources: dict[tuple[str, str], Any] = {}

    async def run(self, task: AdagymTask, agents: vf.Agents) -> None:
        """Converse until the episode ends, then record its reward, the reward's parts and other figures.

        Raises:
            InfraError: The episode is void or cannot be scored; verifiers then reports an error, and no reward.
        """
        env = self._open(task.data)
        try:
            await asyncio.to_thread(env.reset, seed=task.data.seed, options={"task": task.data.position})
            # The system prompt is the episode's: with adaptive names it depends on the seed.
            asked = task.with_system_prompt(env.messages[0].text)
            async with agents.player.interaction(asked) as interaction:
                await _converse(env, interaction)
            if not interaction.trace.has_error:
                _record(env, interaction.trace)
        finally:
            env.close()

    def _open(self, data: AdagymData) -> ToolEnv:
        env_class = cast("type[ToolEnv]", ENVS.load(data.env))
        place = (data.env, data.tasks)
        if place not in self._sources:
            self._sources[place] = load_tasks(data.tasks, env_class.family)
        return env_class(self._sources[place], **data.env_kwargs)


async def _converse(env: ToolEnv, interaction: vf.Interaction) -> None:
    """Turn by turn, until the episode ends or verifiers ends the exchange."""
    dialect = env.trajectory().dialect
    transcript = Transcript(dialect, PictureFormat())
    while env.trajectory().outcome == "running":
        shown = len(transcript.messages)
        transcript.extend(env.messages)
        new = [message for message in transcript.messages[shown:] if message["role"] == "user"]
        segment = await interaction.turn(new)
        if segment.terminated:
            break
        # Not `last_reply`, which is stripped: the environment reads what was written.
        reply = next(message for message in reversed(segment.messages) if message.role == "assistant")
        said = Completion(reply.content or "", reasoning=reply.reasoning_content or "")
        await asyncio.to_thread(env.step, action_text(said, dialect))


def _record(env: ToolEnv, trace: vf.Trace) -> None:
    """Put what came of the episode on the trace; one that verifiers ended is scored as it stands.

    Raises:
        InfraError: There is no reward.
    """
    played = env.truncate() if env.trajectory().outcome == "running" else env.trajectory()
    if played.outcome == "infra_failure" or played.reward is None:
        raise InfraError(played.error or f"The preset gives the task `{played.task.id}` no score.")
    trace.record_reward("reward", played.reward)
    accuracy = REWARDS.load("accuracy")(played.task, played)
    figures = {"accuracy": accuracy, **{f"reward_{name}": part for name, part in played.reward_parts.items()}}
    figures |= {"env_turns": float(len(played.steps)), "calls": float(len(played.calls))}
    trace.record_metrics({name: figure for name, figure in figures.items() if figure is not None})
    trace.info["adagym"] = {"outcome": played.outcome, "answer": played.answer, "actions": list(played.actions)}
