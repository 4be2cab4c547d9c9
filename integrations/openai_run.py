"""Episodes for trainers that hand an agent an OpenAI-compatible endpoint and want a reward back: AReaL, rLLM.

.. code-block:: python

    reward = await run(row, base_url=base_url, api_key=api_key)

The trainer's endpoint records the tokens; the environment plays, and scores, the episode that ``row`` of :func:`rows`
names. Requests, pictures and the reading of replies are those of the agent ``openai``.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, cast

from adagym.agents.endpoint import URL, Endpoint
from adagym.agents.openai import OpenAIAgent, OpenAIConfig
from adagym.agents.transport import LONGEST_REPLY, Answer, Cancelled, Sender, Transport, TransportError
from adagym.algos.collect import Collector, Job, Rollout, episode_seeds
from adagym.envs import ENVS
from adagym.envs.base import ToolEnv
from adagym.envs.tasks import load_tasks
from adagym.errors import InfraError, UsageError
from adagym.types import Trajectory

Row = Mapping[str, Any]
"""``{"env", "env_kwargs", "task", "seed"}``: what one episode plays."""


@dataclass(frozen=True)
class Requests:
    """How the endpoint is asked. The defaults suit a trainer's own endpoint."""

    model: str = "default"
    """Name of the model there; trainers ignore it or give it."""
    config: OpenAIConfig = field(default_factory=lambda: OpenAIConfig(temperature=None, seeds=False))
    """Sampling is the endpoint's, and without seeds: members of a group share the row, and must not sample the same."""
    timeout: float = 600.0
    """Seconds for one request."""
    retries: int = 0
    """Further attempts after a failed request. A trainer's endpoint may record each attempt as a turn of its own."""


def rows(env: str, n: int | None = None, seed: int = 0, **env_kwargs: Any) -> list[dict[str, Any]]:
    """A data set for the trainer: the first tasks of a source, one row each, of JSON values.

    Args:
        env: Registered environment id; ``adagym list envs`` shows them.
        n: How many tasks; None for all.
        seed: Seeds the episodes as ``adagym eval --seed`` does.
        env_kwargs: Arguments of the environment, for example ``tasks``, ``dialect`` or ``max_turns``.

    Raises:
        UsageError: An argument cannot be used, or the source holds fewer tasks.
    """
    probe = _make({"env": env, "env_kwargs": env_kwargs})
    count = len(probe.tasks) if n is None else n
    probe.close()
    if not 1 <= count <= len(probe.tasks):
        raise UsageError(f"There are {len(probe.tasks)} tasks, and n is {n}; choose n from 1 to {len(probe.tasks)}.")
    return [
        {"env": env, "env_kwargs": dict(env_kwargs), "task": position, "seed": own}
        for position, own in enumerate(episode_seeds(seed, count))
    ]


async def run(
    data: Row,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    http_client: Any = None,
    requests: Requests | None = None,
) -> float:
    """Play one episode against an endpoint and return its reward.

    Args:
        data: A row of :func:`rows`; other keys are ignored.
        base_url: Base address of the endpoint; None takes ``OPENAI_BASE_URL``.
        api_key: Sent as a bearer token; None takes ``OPENAI_API_KEY``.
        http_client: An ``httpx.AsyncClient`` of the running event loop to send requests through; None opens
            connections of its own. The caller closes it.
        requests: How the endpoint is asked.

    Raises:
        InfraError: The episode is void or cannot be scored. It has no reward, and must be left out of its group.
        UsageError: The row cannot be used, or the endpoint takes no request at all.
    """
    played = await play(data, base_url=base_url, api_key=api_key, http_client=http_client, requests=requests)
    if played.outcome == "infra_failure" or played.reward is None:
        raise InfraError(played.error or f"The preset gives the task `{played.task.id}` no score.")
    return played.reward


async def play(
    data: Row,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    http_client: Any = None,
    requests: Requests | None = None,
) -> Trajectory:
    """As :func:`run`, but return the whole episode, void or not."""
    asked = requests or Requests()
    url = os.environ.get(URL, "") if base_url is None else base_url
    if not url.startswith(("http://", "https://")):
        raise UsageError(
            f"An endpoint's address is http://... or https://..., not `{url}`; give base_url or set {URL}."
        )
    loop = asyncio.get_running_loop()

    def connect(address: str, headers: Mapping[str, str]) -> Sender:
        return Transport(address, headers) if http_client is None else _Lent(http_client, loop, address, headers)

    endpoint = Endpoint(asked.model, url, api_key, asked.timeout, asked.retries, connect=connect)
    # A thread for each episode: it waits for the model nearly all the time, and a shared pool would hold episodes up.
    thread = ThreadPoolExecutor(1, thread_name_prefix="adagym-run")
    try:
        rollout = await loop.run_in_executor(thread, _episode, dict(data), endpoint, asked.config)
    finally:
        endpoint.close()  # breaks the request off when the trainer cancels the episode
        thread.shutdown(wait=False)
    return rollout.trajectory


class Workflow:
    """:func:`run` as the class that AReaL takes. Picklable.

    Args:
        requests: How the endpoint is asked.
    """

    def __init__(self, requests: Requests | None = None) -> None:
        self.requests = requests

    async def run(
        self,
        data: Row,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        http_client: Any = None,
        **_: Any,
    ) -> float:
        """See :func:`run`; whatever else a trainer hands over is ignored."""
        return await run(data, base_url=base_url, api_key=api_key, http_client=http_client, requests=self.requests)


def _episode(data: dict[str, Any], endpoint: Endpoint, config: OpenAIConfig) -> Rollout:
    agent = OpenAIAgent(endpoint, replace(config, parallel=1))
    collector = Collector(lambda: _make(data), agent, 1)
    try:
        (rollout,) = collector.collect([Job(data["task"], int(data["seed"]))])
        return rollout
    finally:
        collector.close()
        agent.close()


def _make(data: Row) -> ToolEnv:
    """The environment of a row.

    Raises:
        UsageError: The row lacks something, or holds an argument that cannot be used.
    """
    missing = {"env", "env_kwargs"} - data.keys()
    if missing:
        raise UsageError(f"A row needs env, env_kwargs, task and seed; this one lacks {', '.join(sorted(missing))}.")
    env_class = cast("type[ToolEnv]", ENVS.load(data["env"]))
    given = dict(data["env_kwargs"])
    tasks = given.pop("tasks", None)
    return env_class(_tasks(env_class.default_tasks if tasks is None else tasks, env_class.family), **given)


@lru_cache(maxsize=8)
def _tasks(spec: str, family: str) -> Any:
    """A source, read once for all episodes."""
    return load_tasks(spec, family)


class _Lent:
    """Sends a thread's requests through the trainer's client, in the trainer's event loop."""

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop, address: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._loop = loop
        self._address = address
        self._headers = dict(headers)
        self._sent: concurrent.futures.Future[Any] | None = None
        self._closed = threading.Event()

    def post(self, body: bytes, timeout: float) -> Answer:
        """See :meth:`adagym.agents.transport.Transport.post`."""
        if self._closed.is_set():
            raise Cancelled("The client was closed.")
        try:
            request = self._client.post(self._address, content=body, headers=self._headers, timeout=timeout)
            sent = self._sent = asyncio.run_coroutine_threadsafe(request, self._loop)
            if self._closed.is_set():  # meanwhile
                sent.cancel()
            response = sent.result(timeout)
        except concurrent.futures.CancelledError as error:
            raise Cancelled("The client was closed during the request.") from error
        except concurrent.futures.TimeoutError as error:
            sent.cancel()
            raise TransportError("timeout", f"No complete reply came within {timeout:g} seconds.") from error
        except Exception as error:  # whatever the client's library raises, the request failed
            raise TransportError(
                "connection", f"The trainer's client failed ({type(error).__name__}: {error})."
            ) from error
        if len(response.content) > LONGEST_REPLY:
            raise TransportError("too_large", f"The reply is longer than {LONGEST_REPLY} bytes.", passing=False)
        return Answer(response.status_code, dict(response.headers), response.content)

    def close(self) -> None:
        """Break off the request in flight."""
        self._closed.set()
        if self._sent is not None:
            self._sent.cancel()
