"""verl's agent loop on an adagym environment: verl's servers sample, adagym's environment answers and scores.

verl's workers find the loop by a file that the option ``actor_rollout_ref.rollout.agent.agent_loop_config_path`` names:

.. code-block:: yaml

    - name: adagym
      _target_: adagym.integrations.verl.AdagymAgentLoop

and the episodes in a data set of :func:`rows`. Sampled tokens are never tokenised again; what the environment says is
tokenised by verl and carries no loss.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import takewhile
from typing import Any, TypeVar, cast
from uuid import uuid4

import numpy as np

from adagym.agents.openai_messages import NATIVE
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks import load_tasks
from adagym.errors import InfraError, UsageError, require
from adagym.integrations.blocks import content
from adagym.rewards import REWARDS
from adagym.types import Trajectory

require("verl", "verl")
for brought in ("cachetools", "fastapi", "uvicorn"):  # verl imports them and does not ask for them
    require(brought, "verl")

from verl.experimental.agent_loop.agent_loop import (  # noqa: E402  (after the check that names the pip line)
    AgentLoopBase,
    AgentLoopOutput,
    register,
)
from verl.utils.profiler import simple_timer  # noqa: E402  (the same)
from verl.utils.tokenizer import get_processor_token_id  # noqa: E402  (the same)

NAME = "adagym"
"""What rows and verl's configuration call the loop."""

RETRIES = 2
"""How often an episode that infrastructure voided is played again."""

Made = TypeVar("Made")


def rows(env_id: str, n: int | None = None, seed: int = 0, **env_kwargs: Any) -> list[dict[str, Any]]:
    """The rows of a data set, for ``datasets.Dataset.from_list(...).to_parquet(...)``.

    Args:
        env_id: Registered environment id; ``adagym list envs`` shows them.
        n: How many tasks, the first of the source; None for all.
        seed: Seeds the episodes as ``adagym eval --seed`` does. verl repeats rows, so members of a group share it.
        env_kwargs: Arguments of the environment, as JSON values; ``tasks`` is a source such as
            ``vsp-generated:sides=4``.

    Raises:
        UsageError: An argument cannot be used.
    """
    if env_kwargs.get("dialect") == NATIVE:
        raise UsageError(f"verl's models write text here; choose another dialect than `{NATIVE}`.")
    written = json.dumps(env_kwargs)
    env = make_env(env_id, written)  # wrong arguments show before anything is sampled
    env.close()
    count = len(env.tasks) if n is None else n
    if not 1 <= count <= len(env.tasks):
        raise UsageError(f"There are {len(env.tasks)} tasks, and n is {n}; choose n from 1 to {len(env.tasks)}.")
    return [
        {
            "data_source": env_id,
            "agent_name": NAME,
            # For verl's logs; the loop asks the environment.
            "prompt": [{"role": "user", "content": env.tasks[index].prompt}],
            "reward_model": {"style": "rule", "ground_truth": env.tasks[index].answer},
            "extra_info": {
                "index": index,
                "seed": int(np.random.SeedSequence([seed, index, 0]).generate_state(1)[0]),
                "env_id": env_id,
                "env_kwargs": written,
            },
        }
        for index in range(count)
    ]


def make_env(env_id: str, env_kwargs: str) -> ToolEnv:
    """Make an environment. Those of equal arguments share one task source.

    Args:
        env_id: Registered environment id.
        env_kwargs: Its arguments as JSON.
    """
    env_class = cast("type[ToolEnv]", ENVS.load(env_id))
    options: dict[str, Any] = json.loads(env_kwargs)
    spec = options.pop("tasks", None) or env_class.default_tasks
    return env_class(_source(spec, env_class.family), **options)


@lru_cache(maxsize=16)
def _source(spec: str, family: str) -> Any:
    return load_tasks(spec, family)


@dataclass
class Rollout:
    """The tokens and pictures of one episode so far."""

    ids: list[int]
    """The prompt's tokens and the response's."""
    messages: list[dict[str, Any]]
    images: list[Any]
    """``PIL`` images, in the order of their placeholders."""
    mask: list[int] = field(default_factory=list)
    """For each token of the response: 1 if it was sampled."""
    logprobs: list[float] | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    """What the server says of its first answer, for verl."""


@register(NAME)
class AdagymAgentLoop(AgentLoopBase):
    """Plays one episode with verl's server. verl makes one for each row."""

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        """Play the row's episode.

        Args:
            sampling_params: As verl gives them; the limit of each turn is what is left of ``response_length``.
            row: A row of :func:`rows`; its ``extra_info`` is read.

        Raises:
            InfraError: The environment failed in each of its tries. verl has no way to leave an episode out, and a
                reward of 0 would be false, so its step fails.
            UsageError: The reward cannot score the task, or the chat template drops pictures.
        """
        info: Mapping[str, Any] = row["extra_info"]
        metrics: dict[str, Any] = {}
        for _ in range(RETRIES + 1):
            env = await self._thread(partial(make_env, info["env_id"], info["env_kwargs"]))
            try:
                options = {"task": int(info["index"])}
                await self._thread(partial(env.reset, seed=int(info["seed"]), options=options))
                rollout = await self._converse(env, sampling_params, metrics)
                played = env.trajectory()
            finally:
                env.close()
            if played.outcome != "infra_failure":
                return self._output(rollout, played, metrics)
        raise InfraError(f"Task {played.task.id} failed {RETRIES + 1} times, at last so: {played.error}")

    async def _converse(self, env: ToolEnv, sampling_params: Mapping[str, Any], metrics: dict[str, Any]) -> Rollout:
        """Turn by turn, until the episode ends or the response is full."""
        messages = [{"role": message.role, "content": content(message.content)} for message in env.messages]
        images = _pictures(messages)
        self._assert_mm_supported(bool(images))
        rollout = Rollout(await self.ct_build_initial_tokens(messages, images=images), messages, images)
        self._check(rollout)
        request, room = uuid4().hex, int(self.rollout_config.response_length)
        while env.trajectory().outcome == "running" and len(rollout.mask) < room:
            limited = {**sampling_params, "max_tokens": room - len(rollout.mask)}
            sampled, is_whole = await self._sample(rollout, limited, request, metrics)
            known = len(env.messages) + 1
            text = self.tokenizer.decode(sampled, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            with simple_timer("tool_calls", metrics):
                await self._thread(partial(env.step, text))
            said = [{"role": message.role, "content": content(message.content)} for message in env.messages[known:]]
            if env.trajectory().outcome != "running" or not is_whole or not await self._hear(rollout, text, said):
                break
        if env.trajectory().outcome == "running":
            await self._thread(env.truncate)
        return rollout

    async def _sample(
        self, rollout: Rollout, sampling_params: dict[str, Any], request: str, metrics: dict[str, Any]
    ) -> tuple[list[int], bool]:
        """Sample a turn and append its tokens; tell whether it could be used as a whole.

        A placeholder of a picture that the model wrote itself stands for no picture, so the turn is cut before it.
        """
        with simple_timer("generate_sequences", metrics):
            answer = await self.server_manager.generate(
                request_id=request,
                prompt_ids=list(rollout.ids),
                sampling_params=sampling_params,
                image_data=list(rollout.images) or None,
            )
        rollout.fields = rollout.fields or dict(answer.extra_fields)
        given = list(answer.token_ids)[: sampling_params["max_tokens"]]
        pads = {get_processor_token_id(self.processor, kind) for kind in ("image", "video")}
        sampled: list[int] = list(takewhile(lambda token: token not in pads, given))
        logprobs = None if answer.log_probs is None else list(answer.log_probs)[: len(sampled)]
        if logprobs is not None and rollout.logprobs is None:
            rollout.logprobs = []
        merged, rollout.mask, rollout.logprobs = await self.ct_merge_assistant_token(
            rollout.ids, sampled, rollout.mask, rollout.logprobs, assistant_logprobs=logprobs
        )
        rollout.ids = merged.token_ids
        return sampled, len(sampled) == len(given)

    async def _hear(self, rollout: Rollout, text: str, said: list[dict[str, Any]]) -> bool:
        """Append what the environment says; False, and nothing is appended, if no room is left to answer it."""
        before = [*rollout.messages, {"role": "assistant", "content": [{"type": "text", "text": text}]}]
        merged, mask, logprobs = await self.ct_merge_context_msg(
            before, [*before, *said], rollout.ids, rollout.mask, rollout.logprobs
        )
        if len(mask) >= int(self.rollout_config.response_length):
            return False
        rollout.ids, rollout.mask, rollout.logprobs = merged.token_ids, mask, logprobs
        rollout.messages = [*before, *said]
        rollout.images += _pictures(said)
        self._check(rollout)
        return True

    def _check(self, rollout: Rollout) -> None:
        """See that every picture has its placeholder, which some templates drop in results of tools.

        Raises:
            UsageError: One has not.
        """
        pad = get_processor_token_id(self.processor, "image")
        runs = sum(one == pad != other for one, other in zip(rollout.ids, [None, *rollout.ids], strict=False))
        if runs != len(rollout.images):
            raise UsageError(
                f"There are placeholders for {runs} pictures, and {len(rollout.images)} pictures. The chat "
                "template drops pictures; set actor_rollout_ref.model.custom_chat_template to "
                "adagym.policies.chat.CHAT_TEMPLATE."
            )

    def _output(self, rollout: Rollout, played: Trajectory, metrics: dict[str, Any]) -> AgentLoopOutput:
        if played.reward is None:
            raise UsageError(
                f"The reward cannot score task {played.task.id}; choose another reward, or leave such tasks out."
            )
        begin = len(rollout.ids) - len(rollout.mask)
        return AgentLoopOutput(
            prompt_ids=rollout.ids[:begin],
            response_ids=rollout.ids[begin:],
            response_mask=rollout.mask,
            response_logprobs=rollout.logprobs,
            multi_modal_data={"images": rollout.images} if rollout.images else {},
            reward_score=float(played.reward),
            num_turns=len(played.messages),
            metrics={"generate_sequences": 0.0, "tool_calls": 0.0, **metrics},
            extra_fields={**rollout.fields, "reward_extra_info": _figures(played)},
        )

    async def _thread(self, work: Callable[[], Made]) -> Made:
        """Run what takes time beside the event loop, which all episodes of a worker share."""
        made: Made = await self.loop.run_in_executor(None, work)
        return made


def _pictures(messages: list[dict[str, Any]]) -> list[Any]:
    return [block["image"] for message in messages for block in message["content"] if block["type"] == "image"]


def _figures(played: Trajectory) -> dict[str, float]:
    """What verl logs beside the reward: the same names for every family, since a batch may hold several."""
    accuracy = REWARDS.load("accuracy")(played.task, played)
    return {
        "accuracy": math.nan if accuracy is None else float(accuracy),
        "turns": float(len(played.steps)),
        "calls": float(len(played.calls)),
        "answered": float(played.outcome == "answered"),
    }
