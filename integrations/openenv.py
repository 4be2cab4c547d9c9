"""An environment as an OpenEnv server, and the client's side of it.

.. code-block:: python

    # server.py, run by `uvicorn server:app`
    from adagym.integrations.openenv import adagym_app

    app = adagym_app("adagym/VSPNavigation-v0", tasks="vsp-generated:sides=5")

Sessions are OpenEnv's: each has an environment of its own, and one that rests too long is closed. Its generic client
works; :class:`AdagymClient` has types, and :class:`RemoteEnv` is a ``gymnasium.Env``.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import gymnasium as gym
import numpy as np
from PIL import Image

from adagym.agents.openai_messages import PictureFormat
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks import load_tasks
from adagym.errors import InfraError, UsageError, require
from adagym.spaces import ImageTuple, UnicodeText
from adagym.types import Array
from adagym.types import Observation as Shown

require("openenv", "openenv")

from openenv.core import EnvClient  # noqa: E402  (after the check that names the pip line)
from openenv.core.client_types import StepResult  # noqa: E402  (the same)
from openenv.core.env_server import Action, Environment, Observation, State, create_app  # noqa: E402  (the same)
from openenv.core.env_server.types import ConcurrencyConfig  # noqa: E402  (the same)

__all__ = ["AdagymAction", "AdagymClient", "AdagymEnvironment", "AdagymObservation", "RemoteEnv", "adagym_app"]

_PNG = PictureFormat()


class AdagymAction(Action):
    """One turn."""

    text: str
    """All that the agent wrote, in the environment's dialect."""


class AdagymObservation(Observation):
    """What is new. ``done`` and ``reward`` are OpenEnv's; the reward comes with the last step."""

    text: str
    images: list[str]
    """Pictures as ``data:image/png;base64,...``, which an OpenAI-compatible endpoint takes as they are."""
    truncated: bool = False
    """Whether the episode ended without an answer."""
    info: dict[str, Any] = {}  # noqa: RUF012  (pydantic copies it)
    """``task_id``, ``turn``, ``parse_error``, ``reward_parts`` and ``outcome``, as ``step`` gives them."""

    def pictures(self) -> tuple[Array, ...]:
        """The pictures as arrays, ``(height, width, 3)`` ``uint8`` RGB.

        Raises:
            InfraError: One cannot be read.
        """
        return tuple(_read(url) for url in self.images)


class AdagymEnvironment(Environment[AdagymAction, AdagymObservation, State]):
    """A :class:`~adagym.envs.base.ToolEnv` behind OpenEnv's interface.

    Args:
        make: Makes the environment.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, make: partial[ToolEnv]) -> None:
        super().__init__()
        self._env = make()
        self._id: str | None = None

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, task: int | str | None = None, **_: Any
    ) -> AdagymObservation:
        """Start an episode.

        Args:
            seed: Seeds the episode.
            episode_id: Kept for ``state``.
            task: Index or id of the task; None draws one.
        """
        observation, info = self._env.reset(seed=seed, options=None if task is None else {"task": task})
        self._id = episode_id
        return _observed(observation, info)

    def step(self, action: AdagymAction, timeout_s: float | None = None, **_: Any) -> AdagymObservation:
        """Read a turn.

        Raises:
            InfraError: The episode is void; the client sees an error, and no reward.
        """
        observation, reward, terminated, truncated, info = self._env.step(action.text)
        if info["outcome"] == "infra_failure":
            raise InfraError(f"The episode is void: {self._env.trajectory().error}")
        return _observed(observation, info, reward=reward, done=terminated or truncated, truncated=truncated)

    @property
    def state(self) -> State:
        """``episode_id`` and ``step_count``, with ``task_id`` and ``outcome`` once an episode was started."""
        if self._env.task is None:
            return State()
        played = self._env.trajectory()
        return State(episode_id=self._id, step_count=len(played.steps), task_id=played.task.id, outcome=played.outcome)

    def list_splits(self) -> list[str]:
        """The one name under which the source's tasks are listed."""
        return ["tasks"]

    def num_tasks(self, split: str) -> int:
        """How many tasks the source holds."""
        return len(self._env.tasks)

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """What ``reset`` takes to start a task, and its id."""
        return {"task": index, "id": self._env.tasks[index].id}

    def close(self) -> None:
        """Release the episode."""
        self._env.close()


def adagym_app(env: str, *, sessions: int = 64, idle_seconds: float = 900.0, **env_kwargs: Any) -> Any:
    """Build the server.

    Args:
        env: Registered environment id; ``adagym list envs`` shows them.
        sessions: How many episodes may run at a time.
        idle_seconds: A session that is silent for so long is closed, and makes room for another.
        env_kwargs: Arguments of the environment, for example ``tasks`` or ``dialect``. Clients cannot change them.

    Returns:
        A FastAPI application.

    Raises:
        UsageError: An argument cannot be used.
    """
    env_class = cast("type[ToolEnv]", ENVS.load(env))
    spec = env_kwargs.pop("tasks", None) or env_class.default_tasks
    make = partial(env_class, load_tasks(spec, env_class.family), **env_kwargs)
    make().close()  # wrong arguments show before anything is served
    limits = ConcurrencyConfig(max_concurrent_envs=sessions, session_timeout=idle_seconds)
    return create_app(
        partial(AdagymEnvironment, make), AdagymAction, AdagymObservation, env_name="adagym", concurrency_config=limits
    )


class AdagymClient(EnvClient[AdagymAction, AdagymObservation, State]):
    """OpenEnv's client with types: ``reset(task=..., seed=...)`` and ``step(AdagymAction(text=...))``."""

    def _step_payload(self, action: AdagymAction) -> dict[str, Any]:
        return {"text": action.text}

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[AdagymObservation]:
        result = {"reward": payload.get("reward"), "done": bool(payload.get("done", False))}
        return StepResult(AdagymObservation(**{**payload["observation"], **result}), **result)

    def _parse_state(self, payload: dict[str, Any]) -> State:
        return State(**payload)


class RemoteEnv(gym.Env[Shown, str]):
    """A server's environment as a ``gymnasium.Env``: the observations, rewards and flags of the environment there.

    Args:
        base_url: Address of the server.
        seconds: How long to wait for an answer.
    """

    def __init__(self, base_url: str, seconds: float = 60.0) -> None:
        self.observation_space: gym.Space[Any] = gym.spaces.Dict({"text": UnicodeText(), "images": ImageTuple()})
        self.action_space = UnicodeText()
        self._client = AdagymClient(base_url=base_url, message_timeout_s=seconds).sync()

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Shown, dict[str, Any]]:
        """Start an episode; ``{"task": index or id}`` chooses the task.

        Raises:
            UsageError: The task is given in another way than by index or id.
            InfraError: The server does not answer, or refuses.
        """
        super().reset(seed=seed)
        asked: dict[str, Any] = {} if seed is None else {"seed": seed}
        if options and "task" in options:
            if not isinstance(options["task"], int | str):
                raise UsageError(f"A server knows tasks by index and id, not by {options['task']!r:.200}.")
            asked["task"] = options["task"]
        result = self._ask(partial(self._client.reset, **asked))
        return _shown(result.observation), result.observation.info

    def step(self, action: str) -> tuple[Shown, float, bool, bool, dict[str, Any]]:
        """Send a turn.

        Raises:
            InfraError: The episode is void, or the server does not answer.
        """
        result = self._ask(partial(self._client.step, AdagymAction(text=action)))
        seen = result.observation
        return _shown(seen), float(result.reward or 0.0), seen.done and not seen.truncated, seen.truncated, seen.info

    def close(self) -> None:
        """Leave the session."""
        self._client.close()

    def _ask(self, request: partial[Any]) -> Any:
        try:
            return request()
        except (OSError, RuntimeError, TimeoutError) as error:
            raise InfraError(f"The environment's server failed: {error}") from error


def _observed(observation: Shown, info: dict[str, Any], **ended: Any) -> AdagymObservation:
    images = [_PNG.parts("", picture)[0]["image_url"]["url"] for picture in observation["images"]]
    told = {name: info[name] for name in ("task_id", "turn", "parse_error", "reward_parts", "outcome")}
    return AdagymObservation(text=observation["text"], images=images, info=told, **ended)


def _shown(observation: AdagymObservation) -> Shown:
    return {"text": observation.text, "images": observation.pictures()}


def _read(url: str) -> Array:
    try:
        with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2], validate=True))) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, binascii.Error, Image.DecompressionBombError) as error:
        raise InfraError(f"A picture of the server cannot be read: {error}") from error
