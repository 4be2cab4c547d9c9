"""A policy as an agent: waiting for slots, turns, tokens, full conversations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from adagym.agents import AGENTS
from adagym.agents.base import Conversation
from adagym.agents.policy import HFAgent, PolicyAgent, TinyAgent
from adagym.algos.collect import Collector, Job, Rollout
from adagym.algos.grpo import audit
from adagym.errors import UsageError
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.spaces import ActionText
from adagym.types import Message, TextBlock

CONFIG = SamplerConfig(slots=3, max_tokens=900, max_new_tokens=6)
make_env = functools.partial(
    gym.make,
    "adagym/VSPNavigation-v0",
    disable_env_checker=True,
    tasks="vsp-generated:sides=3-4,n=10,seed=1",
    prompt="brief",
    max_turns=3,
)


def collect(policy: HFPolicy, config: SamplerConfig, jobs: list[Job], n_envs: int = 64) -> list[Rollout]:
    collector = Collector(make_env, PolicyAgent(policy, config), n_envs)
    rollouts = sorted(collector.collect(jobs), key=lambda rollout: rollout.index)
    collector.close()
    return rollouts


JOBS = [Job(task, seed, f"group {task}") for task, seed in ((0, 5), (1, 6), (2, 7)) for _ in range(3)]


def test_tokens_in_are_tokens_out(policy: HFPolicy) -> None:
    rollouts = collect(policy, CONFIG, JOBS)
    assert len(rollouts) == 9
    for rollout in rollouts:
        tokens = rollout.tokens
        assert tokens is not None
        assert audit(tokens, policy.encoder) is None
        assert rollout.trajectory.outcome == "truncated"
        borders = np.flatnonzero(np.diff(tokens.sampled.astype(int), prepend=0, append=0))
        turns = [tokens.ids[a:b].tolist() for a, b in zip(borders[::2], borders[1::2], strict=True)]
        assert tuple(map(policy.encoder.decode, turns)) == rollout.trajectory.actions
        assert len(tokens.images) == sum(len(message.images) for message in rollout.trajectory.messages)
        with torch.no_grad():
            logprobs, _ = policy.token_logprobs(collate([tokens]))
        np.testing.assert_allclose(logprobs[0].numpy(), tokens.logprobs, atol=1e-4)


def test_more_conversations_than_slots_wait(policy: HFPolicy) -> None:
    # Nine environments, three slots: nothing is lost, and nobody notices.
    crowded = collect(policy, CONFIG, JOBS, n_envs=9)
    ample = collect(policy, replace(CONFIG, slots=9), JOBS, n_envs=9)
    lonely = collect(policy, CONFIG, JOBS, n_envs=1)
    texts = [[rollout.trajectory.actions for rollout in run] for run in (crowded, ample, lonely)]
    assert texts[0] == texts[1] == texts[2]
    assert len(set(texts[0])) > 6


def test_a_full_conversation_is_truncated_and_scored(policy: HFPolicy) -> None:
    prompt = len(collect(policy, CONFIG, JOBS[:1])[0].tokens.ids)
    (rollout,) = collect(policy, replace(CONFIG, max_tokens=prompt - 10), JOBS[:1])
    trajectory = rollout.trajectory
    assert trajectory.outcome == "truncated"
    assert 0 < len(trajectory.steps) < 3
    assert trajectory.steps[-1].truncated
    assert trajectory.reward == 0
    assert trajectory.messages[-1].role != "assistant"
    assert rollout.tokens is not None
    assert audit(rollout.tokens, policy.encoder) is None


def conversation(key: str, dialect: str = "adareasoner", text: str = "left") -> Conversation:
    messages = (Message("user", (TextBlock(text),)),)
    return Conversation(key, None, 0, 0, "made_up", dialect, (), messages, ActionText(dialect, ()))


def test_an_episode_that_never_started_leaves_no_tokens(policy: HFPolicy) -> None:
    agent = PolicyAgent(policy, replace(CONFIG, slots=1))
    assert agent.poll() == []
    for key in ("a", "b", "c"):
        agent.submit(conversation(key))
    assert [reply.key for reply in agent.poll()] == ["a"]
    assert agent.finish("b") is None
    assert agent.finish("unheard of") is None
    assert agent.finish("a") is not None
    assert [reply.key for reply in agent.poll()] == ["c"]
    assert agent.poll() == []


def test_only_new_messages_are_encoded(policy: HFPolicy) -> None:
    agent = PolicyAgent(policy, CONFIG)
    agent.submit(first := conversation("a"))
    (reply,) = agent.poll()
    said = Message("assistant", (TextBlock("what is kept of a turn need not be what was sampled"),))
    more = Message("user", (TextBlock("right"),))
    agent.submit(replace(first, turn=1, messages=(*first.messages, said, more)))
    assert len(agent.poll()) == 1
    trace = agent.finish("a")
    assert trace is not None
    text = policy.encoder.tokenizer.decode(trace.ids, skip_special_tokens=True)
    assert reply.text in text
    assert "what is kept" not in text
    assert text.count("right") >= 1


def test_the_dialect_decides_where_turns_end(policy: HFPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = PolicyAgent(policy, CONFIG)
    agent.submit(conversation("a"))
    with pytest.raises(UsageError, match="dialect `hermes` came while others in `adareasoner` are running"):
        agent.submit(conversation("b", "hermes"))
    agent.poll()
    agent.finish("a")
    agent.submit(conversation("b", "hermes"))
    assert [reply.key for reply in agent.poll()] == ["b"]
    agent.close()
    agent.submit(conversation("b", "adatooler"))
    assert [reply.key for reply in agent.poll()] == ["b"]


def test_it_plays_as_many_as_it_has_slots(policy: HFPolicy) -> None:
    assert PolicyAgent(policy, CONFIG).parallel == 3


def test_saved_models_are_agents(new_policy: Callable[[int], HFPolicy], tmp_path: Path) -> None:
    new_policy(0).save(tmp_path)
    for name, kind in (("tiny", TinyAgent), ("hf", HFAgent)):
        agent = AGENTS.load(name).from_spec(str(tmp_path))
        assert type(agent) is kind
        agent.submit(conversation("a"))
        assert [reply.key for reply in agent.poll()] == ["a"]


def test_an_agent_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hf:PATH"):
        AGENTS.load("hf").from_spec(None)
    with pytest.raises(UsageError, match="not a model folder"):
        AGENTS.load("tiny").from_spec(str(tmp_path / "nothing"))
