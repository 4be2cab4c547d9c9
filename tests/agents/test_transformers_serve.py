"""The agent ``openai:`` with a real server: ``transformers serve`` and the embedded model, started and stopped here."""

from __future__ import annotations

import functools
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import pytest

import adagym  # noqa: F401  (registers the environments)
from adagym.agents import Agent
from adagym.agents.endpoint import Endpoint, Refused
from adagym.agents.openai import OpenAIAgent
from adagym.agents.policy import PolicyAgent
from adagym.algos.collect import Collector, Job, Rollout
from adagym.policies.sampler import SamplerConfig
from adagym.policies.tiny import load_tiny
from adagym.testing.servers import running

TOKENS = 64
AS_TEXT = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|im_start|>assistant\n",
    "fields": {"content": {"close": "<|im_end|>", "content": "text"}},
}
"""What keeps the server from reading thoughts and calls itself; docs/agents.md says why."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model twice: ``text``, whose replies come as they are, and ``native``."""
    home = tmp_path_factory.mktemp("models")
    load_tiny().save(home / "native")
    shutil.copytree(home / "native", home / "text")
    path = home / "text" / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "response_template": AS_TEXT}))
    return home


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve"]
    log = tmp_path_factory.mktemp("server") / "log"
    settings = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with running([*command, "--device", "cpu"], log, environment=settings) as address:
        yield f"{address}/v1"


def play(agent: Agent, dialect: str) -> list[Rollout]:
    kwargs = {"tasks": "vsp-generated:sides=3-3,n=4,seed=1", "prompt": "brief", "max_turns": 3, "dialect": dialect}
    make = functools.partial(gym.make, "adagym/VSPNavigation-v0", disable_env_checker=True, **kwargs)
    collector = Collector(make, agent, 2)
    try:
        return sorted(collector.collect([Job(0, 1), Job(1, 2)]), key=lambda rollout: rollout.index)
    finally:
        collector.close()
        agent.close()


def served(url: str, folder: Path) -> OpenAIAgent:
    return OpenAIAgent.from_spec(f"{folder}@{url},max_tokens={TOKENS},retries=0,parallel=2")


def test_the_same_model_plays_the_same_behind_the_server(url: str, folder: Path) -> None:
    here = play(PolicyAgent(load_tiny(), SamplerConfig(temperature=0.0, max_new_tokens=TOKENS)), "adareasoner")
    there = play(served(url, folder / "text"), "adareasoner")
    for local, remote in zip(here, there, strict=True):
        assert remote.trajectory.error is None
        assert remote.trajectory.actions == local.trajectory.actions
        assert remote.trajectory.reward == local.trajectory.reward
        assert len(remote.usage) == len(remote.trajectory.steps)
        prompts = [turn.prompt_tokens or 0 for turn in remote.usage]
        assert 0 < prompts[0] < prompts[1] < prompts[2]


def test_native_calls_of_a_real_server(url: str, folder: Path) -> None:
    for rollout in play(served(url, folder / "native"), "openai"):
        assert rollout.trajectory.error is None
        assert rollout.trajectory.outcome == "truncated"  # the model was taught another dialect
        assert any(step.parsed.call is not None for step in rollout.trajectory.steps)
        assert all(turn.completion_tokens for turn in rollout.usage)


def test_what_a_real_server_refuses(url: str, folder: Path) -> None:
    asked = Endpoint(str(folder / "text"), url, retries=0)
    with pytest.raises(Refused, match=r"^http_422: .*nonsense"):
        asked.chat([{"role": "user", "content": "Go."}], nonsense=1)
