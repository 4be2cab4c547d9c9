"""Episodes for trainers with an endpoint, played against a scripted one."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest

from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import InfraError, UsageError
from adagym.integrations.openai_run import Requests, Workflow, play, rows, run
from adagym.types import Trajectory

NAVIGATION = "adagym/VSPNavigation-v0"
OPTIONS = {"tasks": "vsp-generated:sides=3,n=3", "adaptive": "names"}
KEY = "session-key"


@pytest.fixture(scope="module")
def data() -> list[dict[str, Any]]:
    return rows(NAVIGATION, 2, 5, **OPTIONS)


@pytest.fixture(scope="module")
def expected(data: list[dict[str, Any]]) -> list[Trajectory]:
    """The expert's episodes of the same rows, without any endpoint."""
    collector = Collector(partial(VSPNavigation, **OPTIONS), ExpertAgent(), 1)
    played = [rollout.trajectory for rollout in collector.collect([Job(row["task"], row["seed"]) for row in data])]
    collector.close()
    return played


def said(episode: Trajectory) -> Callable[[int, dict[str, Any]], str]:
    """The endpoint's part: the next action of the episode, followed by what no environment reads."""
    return lambda number, body: f"{episode.actions[number]} and so on"


def test_an_episode_is_the_one_that_the_row_names(
    fake_endpoint: Any, data: list[dict[str, Any]], expected: list[Trajectory]
) -> None:
    for row, episode in zip(data, expected, strict=True):
        fake_endpoint.requests.clear()
        fake_endpoint.script = said(episode)
        played = asyncio.run(play(row, base_url=fake_endpoint.url, api_key=KEY))
        assert (played.task.id, played.seed, played.actions) == (episode.task.id, episode.seed, episode.actions)
        assert [message.text for message in played.messages] == [message.text for message in episode.messages]
        assert (played.reward, played.outcome) == (episode.reward, "answered")
        last = fake_endpoint.requests[-1]["messages"]
        parts = [part for message in last if isinstance(message["content"], list) for part in message["content"]]
        shown = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        assert len(shown) == sum(len(message.images) for message in episode.messages[:-1])
        assert all(url.startswith("data:image/png;base64,") for url in shown)
    assert {headers["Authorization"] for headers in fake_endpoint.headers} == {f"Bearer {KEY}"}
    # Members of a group share the row: a seed would make them equal, and sampling is the trainer's.
    assert all(not {"seed", "temperature", "top_p"} & body.keys() for body in fake_endpoint.requests)


def test_a_lent_client_sends_the_requests(
    fake_endpoint: Any, data: list[dict[str, Any]], expected: list[Trajectory]
) -> None:
    fake_endpoint.script = said(expected[0])
    workflow = pickle.loads(pickle.dumps(Workflow(Requests(model="m"))))

    async def train() -> float:
        async with openai.DefaultAsyncHttpxClient(headers={"x-lent": "yes"}, trust_env=False) as client:
            lent = {"base_url": fake_endpoint.url, "api_key": KEY, "http_client": client}
            return float(await workflow.run(data[0], **lent, extra="ignored"))

    assert asyncio.run(train()) == expected[0].reward
    assert len(fake_endpoint.headers) == len(expected[0].actions)
    for headers in ({name.lower(): value for name, value in sent.items()} for sent in fake_endpoint.headers):
        assert (headers["x-lent"], headers["authorization"]) == ("yes", f"Bearer {KEY}")
    assert {body["model"] for body in fake_endpoint.requests} == {"m"}


def test_many_episodes_at_a_time(fake_endpoint: Any, data: list[dict[str, Any]]) -> None:
    fake_endpoint.script = lambda number, body: "<think>x</think><response>\\boxed{R}</response>"

    async def group() -> list[float]:
        return await asyncio.gather(*(run(data[0], base_url=fake_endpoint.url, api_key=KEY) for _ in range(16)))

    scores = asyncio.run(group())
    assert len(scores) == 16
    assert len(set(scores)) == 1


@pytest.mark.parametrize("lent", [False, True])
def test_a_failing_endpoint_gives_no_reward(fake_endpoint: Any, data: list[dict[str, Any]], lent: bool) -> None:
    fake_endpoint.script = lambda number, body: "no call" if number == 0 else (500, "out of memory")

    async def train() -> float:
        async with openai.DefaultAsyncHttpxClient(trust_env=False) as client:
            return await run(data[0], base_url=fake_endpoint.url, api_key=KEY, http_client=client if lent else None)

    with pytest.raises(InfraError, match="http_500"):
        asyncio.run(train())
    assert len(fake_endpoint.requests) == 2  # one attempt each: the endpoint keeps what it was asked


@pytest.mark.parametrize("lent", [False, True])
def test_a_cancelled_episode_hangs_up(fake_endpoint: Any, data: list[dict[str, Any]], lent: bool) -> None:
    fake_endpoint.script = lambda number, body: lambda handler: fake_endpoint.stopped.wait(30)

    async def train() -> None:
        async with openai.DefaultAsyncHttpxClient(trust_env=False) as client:
            http_client = client if lent else None
            episode = asyncio.create_task(
                run(data[0], base_url=fake_endpoint.url, api_key=KEY, http_client=http_client)
            )
            while not fake_endpoint.requests:
                await asyncio.sleep(0.01)
            episode.cancel()
            with pytest.raises(asyncio.CancelledError):
                await episode

    try:
        asyncio.run(train())
    finally:
        fake_endpoint.stopped.set()


def test_what_cannot_be_used_is_said_first(
    fake_endpoint: Any, data: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="choose n from 1 to 3"):
        rows(NAVIGATION, 4, **OPTIONS)
    with pytest.raises(UsageError, match="OPENAI_BASE_URL"):
        asyncio.run(run(data[0]))
    with pytest.raises(UsageError, match="lacks env_kwargs"):
        asyncio.run(run({"env": NAVIGATION, "task": 0, "seed": 0}, base_url=fake_endpoint.url))
    fake_endpoint.script = lambda number, body: "<think>x</think><response>\\boxed{R}</response>"
    monkeypatch.setenv("OPENAI_BASE_URL", fake_endpoint.url)
    assert isinstance(asyncio.run(run(data[0])), float)
    assert fake_endpoint.headers[-1]["Authorization"] == "Bearer sk-secret"


def test_the_example_of_the_page_runs(fake_endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "openai-run.md").read_text()
    (block,) = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    fake_endpoint.script = lambda number, body: "<think>x</think><response>\\boxed{R}</response>"
    monkeypatch.setenv("OPENAI_BASE_URL", fake_endpoint.url)
    names: dict[str, Any] = {}
    exec(block, names)
    assert isinstance(names["reward"], float)
    assert len(names["data"]) == 100
