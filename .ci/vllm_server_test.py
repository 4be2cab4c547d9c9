"""The agent ``openai:`` with a real vLLM server, started and stopped here; see ``.ci/vllm``."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import adagym  # noqa: F401  (registers the environments)
from adagym.agents import Agent
from adagym.agents.endpoint import ContextOverflow, Endpoint, Refused
from adagym.agents.openai import OpenAIAgent
from adagym.agents.openai_messages import PictureFormat
from adagym.agents.policy import PolicyAgent
from adagym.algos.collect import Collector, Job, Rollout
from adagym.evals.runner import EvalConfig, evaluate
from adagym.policies.sampler import SamplerConfig
from adagym.policies.tiny import load_tiny
from adagym.testing.servers import running

TOKENS = 48
CONTEXT = 1024
ENV: dict[str, Any] = {"tasks": "vsp-generated:sides=3-3,n=4,seed=1", "prompt": "brief", "max_turns": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("model")
    load_tiny().save(home)
    return home


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    options = ["--max-model-len", str(CONTEXT), "--max-num-seqs", "4", "--enforce-eager", "--dtype", "float32"]
    limits = ["--kv-cache-memory-bytes", str(2**28), "--limit-mm-per-prompt", '{"image": 6, "video": 0}']
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    log = tmp_path_factory.mktemp("server") / "log"
    with running([*command, *options, *limits, "--generation-config", "vllm"], log) as address:
        yield f"{address}/v1"


def play(agent: Agent) -> list[Rollout]:
    make = functools.partial(gym.make, "adagym/VSPNavigation-v0", disable_env_checker=True, **ENV)
    collector = Collector(make, agent, 2)
    try:
        return sorted(collector.collect([Job(0, 1), Job(1, 2)]), key=lambda rollout: rollout.index)
    finally:
        collector.close()
        agent.close()


def served(url: str, folder: Path) -> OpenAIAgent:
    return OpenAIAgent.from_spec(f"{folder}@{url},max_tokens={TOKENS},retries=0,parallel=2")


def test_the_same_model_plays_the_same_behind_vllm(url: str, folder: Path) -> None:
    here = play(PolicyAgent(load_tiny(), SamplerConfig(temperature=0.0, max_new_tokens=TOKENS)))
    there = play(served(url, folder))
    for local, remote in zip(here, there, strict=True):
        assert remote.trajectory.error is None
        assert remote.trajectory.actions == local.trajectory.actions
        assert remote.trajectory.reward == local.trajectory.reward
        assert [turn.completion_tokens for turn in remote.usage] != [None] * len(remote.usage)


def test_a_full_context_is_told_from_other_refusals(url: str, folder: Path) -> None:
    endpoint = Endpoint(str(folder), url, retries=0)
    with pytest.raises(ContextOverflow, match="context"):
        endpoint.chat([{"role": "user", "content": "Go left. " * CONTEXT}], max_tokens=1)
    picture = PictureFormat().parts("img_1", np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ContextOverflow):
        endpoint.chat([{"role": "user", "content": picture * 7}], max_tokens=1)
    assert endpoint.chat([{"role": "user", "content": picture * 6}], max_tokens=1).usage.completion_tokens == 1


def test_an_evaluation_from_end_to_end(url: str, folder: Path, tmp_path: Path) -> None:
    agent = served(url, folder)
    config = EvalConfig("adagym/VSPNavigation-v0", f"openai:tiny@{url}", ENV["tasks"], seed=0)
    config = replace(config, env_kwargs={"prompt": "brief", "max_turns": 3})
    summary = evaluate(config, tmp_path / "run", n_envs=2, agent=agent)
    agent.close()
    assert summary["n"] == 4
    assert summary["infra_failures"] == 0


def test_what_the_server_refuses(url: str) -> None:
    with pytest.raises(Refused, match=r"^http_404: .*no-such-model"):
        Endpoint("no-such-model", url, retries=0).chat([{"role": "user", "content": "Go."}])
