"""An adagym task for `inspect_ai`: Inspect's model plays, adagym's environment answers and scores.

.. code-block:: python

    from inspect_ai import eval
    from adagym.integrations.inspect_ai import adagym_task

    eval(adagym_task("adagym/VSPNavigation-v0", n=20), model="openai/gpt-4o")

On the command line: ``inspect eval FILE@adagym_task -T env=adagym/VSPNavigation-v0``, where FILE is this module's, or a
file of yours that imports the task. Calls and answers are text in the dialect of the environment; Inspect's own tools
are not used. Limits, retries, logs and the viewer are Inspect's.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, cast

import numpy as np

from adagym.agents.endpoint import Completion
from adagym.agents.openai import action_text
from adagym.agents.openai_messages import NATIVE, PictureFormat, Transcript
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks import load_tasks
from adagym.errors import InfraError, UsageError, require
from adagym.rewards import REWARDS
from adagym.types import Trajectory

require("inspect_ai", "inspect")

from anyio import to_thread  # noqa: E402  (inspect_ai brings it; after the check that names the pip line)
from inspect_ai import Task, task  # noqa: E402  (the same)
from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402  (the same)
from inspect_ai.model import (  # noqa: E402  (the same)
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentReasoning,
    ContentText,
)
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr  # noqa: E402  (the same)
from inspect_ai.solver import Generate, Solver, TaskState, solver  # noqa: E402  (the same)
from inspect_ai.util import LimitExceededError  # noqa: E402  (the same)

PLAYED = "adagym"
"""Where a sample's metadata keeps what came of its episode."""


@task
def adagym_task(
    env: str, tasks: str | list[str] | None = None, n: int | None = None, seed: int = 0, **env_kwargs: Any
) -> Task:
    """Tasks of an environment, for any model that Inspect knows.

    Args:
        env: Registered environment id; ``adagym list envs`` shows them.
        tasks: Task source; None is the environment's default. A list is joined by commas, at which Inspect's command
            line splits.
        n: Only the first tasks; None for all.
        seed: Seeds the episodes as ``adagym eval --seed`` does; epochs are its repeats.
        env_kwargs: Further arguments of the environment, for example ``dialect`` or ``max_turns``.

    Raises:
        UsageError: An argument cannot be used.
    """
    env_class = cast("type[ToolEnv]", ENVS.load(env))
    spec = ",".join(tasks) if isinstance(tasks, list) else tasks
    source = load_tasks(env_class.default_tasks if spec is None else spec, env_class.family)
    count = len(source) if n is None else n
    if not 1 <= count <= len(source):
        raise UsageError(f"There are {len(source)} tasks, and n is {n}; choose n from 1 to {len(source)}.")
    if env_kwargs.get("dialect") == NATIVE:
        raise UsageError(f"Inspect's models write text here; choose another dialect than `{NATIVE}`.")
    chosen = [source[position] for position in range(count)]
    make = partial(env_class, chosen, **env_kwargs)
    make().close()  # wrong arguments show before anything is asked
    samples = [
        Sample(item.prompt, target=item.answer, id=item.id, metadata={"position": position, "family": item.family})
        for position, item in enumerate(chosen)
    ]
    return Task(MemoryDataset(samples, name=env), solver=play(make, seed), scorer=episode_score(), name=env)


@solver
def play(make: partial[ToolEnv], seed: int) -> Solver:
    """Plays one episode with Inspect's model.

    Args:
        make: Makes an environment of the chosen tasks.
        seed: See :func:`adagym_task`.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        env = await to_thread.run_sync(make)
        position = int(state.metadata["position"])
        try:
            # As adagym.evals.runner.episode_seeds has it, so that the episodes are those of `adagym eval`.
            own = int(np.random.SeedSequence([seed, position, state.epoch - 1]).generate_state(1)[0])
            await to_thread.run_sync(partial(env.reset, seed=own, options={"task": position}))
            await _converse(env, state, generate)
        except LimitExceededError:
            _keep(env, state)
            raise
        finally:
            env.close()
        return state

    return solve


async def _converse(env: ToolEnv, state: TaskState, generate: Generate) -> None:
    """Turn by turn, until the episode ends or the model's context is full."""
    dialect = env.trajectory().dialect
    transcript = Transcript(dialect, PictureFormat())
    state.messages.clear()
    while True:
        shown = len(transcript.messages)
        transcript.extend(env.messages)
        state.messages += [_chat(message) for message in transcript.messages[shown:] if message["role"] != "assistant"]
        if env.trajectory().outcome != "running":
            break
        await generate(state, tool_calls="none")
        if state.output.stop_reason == "model_length":
            break
        action = _action(state, dialect)
        # What the environment read is what the model sees of itself: without what follows the end of its turn.
        state.messages[-1] = ChatMessageAssistant(content=action, model=state.output.model, source="generate")
        await to_thread.run_sync(env.step, action)
    _keep(env, state)


def _action(state: TaskState, dialect: str) -> str:
    content = state.output.message.content
    blocks = [] if isinstance(content, str) else content
    thoughts = "".join(block.reasoning for block in blocks if isinstance(block, ContentReasoning))
    return action_text(Completion(state.output.completion, reasoning=thoughts), dialect)


def _chat(message: dict[str, Any]) -> ChatMessage:
    """A system or user message in Inspect's form."""
    content = message["content"]
    if not isinstance(content, str):
        content = [_block(part) for part in content]
    return ChatMessageSystem(content=content) if message["role"] == "system" else ChatMessageUser(content=content)


def _block(part: dict[str, Any]) -> Content:
    if part["type"] == "text":
        return ContentText(text=part["text"])
    return ContentImage(image=part["image_url"]["url"])


def _keep(env: ToolEnv, state: TaskState) -> None:
    """Put what came of the episode into the sample's metadata.

    Raises:
        InfraError: The episode is void. Inspect then reports an error of the sample, and scores nothing.
    """
    played: Trajectory = env.truncate() if env.trajectory().outcome == "running" else env.trajectory()
    if played.outcome == "infra_failure":
        raise InfraError(played.error or "The environment failed.")
    accuracy = REWARDS.load("accuracy")(played.task, played)
    parts = {f"reward_{name}": value for name, value in played.reward_parts.items()}
    figures = {"accuracy": accuracy, "reward": played.reward, **parts, "turns": len(played.steps)}
    state.metadata[PLAYED] = {
        "figures": {**figures, "calls": len(played.calls)},
        "answer": played.answer,
        "outcome": played.outcome,
    }


@scorer(metrics={"*": [mean(), stderr()]})
def episode_score() -> Scorer:
    """Reports the accuracy, the reward and its parts, and how many turns and calls there were."""

    async def score(state: TaskState, target: Target) -> Score:
        played = state.metadata[PLAYED]
        # Inspect leaves values that are not numbers out of its means.
        value = {name: math.nan if figure is None else figure for name, figure in played["figures"].items()}
        return Score(value=value, answer=played["answer"] or "", explanation=f"The episode: {played['outcome']}.")

    return score
