"""Rollouts by a real vLLM; ``.ci/vllm`` makes the environment for it and runs it.

One engine serves all tests, in their order: starting one takes a while, and a push must undo what came before.
"""

from __future__ import annotations

import copy
import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import adagym  # noqa: F401  (registers the environments)
from adagym.agents import AGENTS
from adagym.agents.base import Conversation
from adagym.agents.vllm import VLLMAgent
from adagym.algos.collect import Collector, Job, Rollout
from adagym.algos.grpo import LossConfig, audit
from adagym.algos.learner import GRPO, GRPOConfig
from adagym.algos.optim import OptimConfig
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy, PolicyConfig
from adagym.policies.lora import LoraConfig
from adagym.policies.sampler import SamplerConfig
from adagym.policies.tiny import load_tiny
from adagym.policies.vllm import VLLMConfig, VLLMEngine
from adagym.rewards.compose import PRESETS, Score
from adagym.spaces import ActionText
from adagym.types import ImageBlock, Message, Task, TextBlock, Trajectory

ENV = {"tasks": "vsp-generated:sides=3-4,n=20,seed=1", "prompt": "brief", "max_turns": 4}
SAMPLER = SamplerConfig(slots=8, max_tokens=1024, max_new_tokens=48)
VLLM = VLLMConfig(images=8, cache_gib=0.25)
GREEDY = replace(SAMPLER, temperature=0.0)
JOBS = [Job(task, 5 + task, f"group {task}") for task in range(3) for _ in range(2)]
make_env = functools.partial(gym.make, "adagym/VSPNavigation-v0", disable_env_checker=True, **ENV)


def wordy(task: Task, trajectory: Trajectory) -> Score:
    """Reward every character: episodes differ in it, whatever the embedded model can or cannot do."""
    return Score(float(len("".join(trajectory.actions))), {})


PRESETS.register("wordy", f"{__name__}:wordy", summary="characters written")


@pytest.fixture(scope="module")
def policy() -> HFPolicy:
    torch.set_num_threads(1)
    return load_tiny()


@pytest.fixture(scope="module")
def engine(policy: HFPolicy) -> VLLMEngine:
    return VLLMEngine.for_policy(policy, SAMPLER, VLLM)


def play(agent: VLLMAgent, jobs: list[Job]) -> list[Rollout]:
    collector = Collector(make_env, agent, 8)
    rollouts = sorted(collector.collect(jobs), key=lambda rollout: rollout.index)
    collector.close()
    return rollouts


def gaps(policy: HFPolicy, rollouts: list[Rollout]) -> Any:
    """Differences between the log-probabilities of sampler and trainer, of all sampled tokens."""
    traces = [rollout.tokens for rollout in rollouts if rollout.tokens is not None]
    assert len(traces) == len(rollouts)
    with torch.no_grad():
        logprobs, _ = policy.token_logprobs(collate(traces))
    pairs = zip(logprobs, traces, strict=True)
    return np.concatenate([np.abs(row[: len(t.ids)].numpy() - t.logprobs)[t.sampled] for row, t in pairs])


def gap(policy: HFPolicy, rollouts: list[Rollout]) -> float:
    return float(gaps(policy, rollouts).max())


def words(rollouts: list[Rollout]) -> list[tuple[str, ...]]:
    return [rollout.trajectory.actions for rollout in rollouts]


def test_tokens_in_are_tokens_out(policy: HFPolicy, engine: VLLMEngine) -> None:
    rollouts = play(VLLMAgent(engine, SAMPLER), JOBS)
    turns = 0
    for rollout in rollouts:
        tokens = rollout.tokens
        assert tokens is not None
        assert audit(tokens, policy.encoder) is None  # pads of every picture equal its features
        borders = np.flatnonzero(np.diff(tokens.sampled.astype(int), prepend=0, append=0))
        sampled = [tokens.ids[a:b].tolist() for a, b in zip(borders[::2], borders[1::2], strict=True)]
        assert tuple(map(policy.encoder.decode, sampled)) == rollout.trajectory.actions
        assert len(tokens.images) == sum(len(message.images) for message in rollout.trajectory.messages)
        assert not np.isin(tokens.ids[tokens.sampled], policy.banned.numpy()).any()
        turns += len(sampled)
    assert turns > len(rollouts)
    found = gap(policy, rollouts)
    print(f"\n{turns} turns of {len(rollouts)} episodes; largest gap of log-probabilities {found:.2g}")
    assert found < 1e-3


def test_seeds_decide_what_is_sampled(engine: VLLMEngine) -> None:
    def first_words() -> list[str]:
        return [actions[0] for actions in words(play(VLLMAgent(engine, SAMPLER), JOBS))]

    once, again = first_words(), first_words()
    # Keys and values that come from a cache differ in their last bits, which once in a while decides a draw.
    assert sum(a == b for a, b in zip(once, again, strict=True)) >= len(JOBS) - 1
    assert any(a != b for a, b in zip(once[::2], once[1::2], strict=True))  # members of a group


def test_greedy_play_takes_the_likeliest_token(policy: HFPolicy, engine: VLLMEngine) -> None:
    assert_greedy(policy, play(VLLMAgent(engine, GREEDY), JOBS))


def assert_greedy(policy: HFPolicy, rollouts: list[Rollout]) -> None:
    for rollout in rollouts:
        tokens = rollout.tokens
        assert tokens is not None
        where, _ = policy.positions(tokens.ids, tokens.images)
        with torch.no_grad():
            embeddings = policy.embed(torch.from_numpy(tokens.ids)[None], tokens.images)
            hidden = policy.decode(embeddings, torch.from_numpy(where)[:, None])
            logprobs = policy.logits(hidden)[0].log_softmax(-1).numpy()
        at = np.flatnonzero(tokens.sampled)
        best = logprobs[at - 1].max(-1)
        np.testing.assert_allclose(logprobs[at - 1, tokens.ids[at]], best, atol=1e-3)
        np.testing.assert_allclose(tokens.logprobs[at], best, atol=1e-3)


def test_temperature_is_in_the_log_probabilities(policy: HFPolicy, engine: VLLMEngine) -> None:
    rollouts = play(VLLMAgent(engine, replace(SAMPLER, temperature=2.0)), JOBS[:2])
    traces = [rollout.tokens for rollout in rollouts if rollout.tokens is not None]
    with torch.no_grad():
        logprobs, _ = policy.token_logprobs(collate(traces), 2.0)
    for row, trace in zip(logprobs, traces, strict=True):
        np.testing.assert_allclose(row[: len(trace.ids)].numpy(), trace.logprobs, atol=1e-3)


def test_pictures_of_any_size_side_by_side(policy: HFPolicy, engine: VLLMEngine) -> None:
    rng = np.random.default_rng(0)
    sizes = [(64, 64), (320, 192), (90, 210), (512, 448)]
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    blocks = tuple(ImageBlock(f"img_{n}", image) for n, image in enumerate([*images, images[0]], 1))
    message = Message("user", (TextBlock("Where is the player? "), *blocks, TextBlock("Say left or right.")))
    agent = VLLMAgent(engine, SAMPLER)
    space: Any = ActionText("adareasoner", ())
    agent.submit(Conversation("a", None, 0, 0, "made_up", "adareasoner", (), (message,), space))
    assert [reply.key for reply in agent.poll()] == ["a"]
    trace = agent.finish("a")
    assert trace is not None
    assert audit(trace, policy.encoder) is None
    with torch.no_grad():
        logprobs, _ = policy.token_logprobs(collate([trace]))
    np.testing.assert_allclose(logprobs[0].numpy(), trace.logprobs, atol=1e-3)


def test_a_push_changes_the_engine_and_makes_it_equal_to_the_trainer(policy: HFPolicy, engine: VLLMEngine) -> None:
    other = copy.deepcopy(policy)
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in other.model.parameters():
            parameter += 0.05 * parameter.std(correction=0) * torch.randn(parameter.shape, generator=draws)
    other.clear_features()
    before = play(VLLMAgent(engine, SAMPLER), JOBS)
    assert gap(policy, before) < 1e-3
    assert gap(other, before) > 1e-2  # two models that can be told apart
    engine.push(other.weights())
    after = play(VLLMAgent(engine, SAMPLER), JOBS)  # the same prompts, so that old keys and values would be found
    assert gap(other, after) < 1e-3
    assert gap(policy, after) > 1e-2
    embedding = engine_tensor(engine, "embed_tokens.weight")
    rows = other.model.get_input_embeddings().weight
    torch.testing.assert_close(embedding[: len(rows)], rows.detach())
    engine.push(policy.weights())
    assert gap(policy, play(VLLMAgent(engine, SAMPLER), JOBS)) < 1e-3


def engine_tensor(engine: VLLMEngine, suffix: str) -> torch.Tensor:
    def find(model: torch.nn.Module) -> torch.Tensor:
        (found,) = (p.detach().clone() for name, p in model.named_parameters() if name.endswith(suffix))
        return found

    (tensor,) = engine._llm.apply_model(find)
    assert isinstance(tensor, torch.Tensor)
    return tensor


def test_an_abandoned_turn_is_no_hindrance(policy: HFPolicy, engine: VLLMEngine) -> None:
    collector = Collector(make_env, VLLMAgent(engine, SAMPLER), 4)
    next(iter(collector.collect(JOBS)))  # and stop, with episodes in flight
    collector.close()
    engine.push(policy.weights())
    assert gap(policy, play(VLLMAgent(engine, SAMPLER), JOBS[:1])) < 1e-3


def test_a_full_conversation_is_truncated(policy: HFPolicy, engine: VLLMEngine) -> None:
    prompt = len(play(VLLMAgent(engine, SAMPLER), JOBS[:1])[0].tokens.ids)
    (rollout,) = play(VLLMAgent(engine, replace(SAMPLER, max_tokens=prompt - 10)), JOBS[:1])
    assert rollout.trajectory.outcome == "truncated"
    assert rollout.tokens is not None
    assert len(rollout.tokens.ids) <= prompt - 10


@pytest.mark.parametrize(("cap", "cut"), [(2.0, 0.0), (0.5, 1.0)])  # weights are near 1
def test_two_steps_of_training(cap: float, cut: float, tmp_path: Path) -> None:
    policy = load_tiny()
    loss = LossConfig(tis_cap=cap, optim=OptimConfig(lr=1e-3, muon_lr=1e-3))
    env = {**ENV, "reward": "wordy"}
    config = GRPOConfig(2, 3, 4, env=env, sampler=SAMPLER, loss=loss, rollout="vllm", vllm=VLLM, out=tmp_path)
    learner = GRPO(policy, "adagym/VSPNavigation-v0", config)
    start = {name: tensor.clone() for name, tensor in policy.weights().items()}
    learner.learn()
    print()
    for metrics in learner.history:
        shown = ("reward", "trained_tokens", "drift", "tis_clipped", "seconds_rollout", "seconds_update")
        print({name: round(metrics[name], 7) for name in shown if name in metrics})
        assert metrics["audit_drops"] == 0
        assert metrics["unscored"] == 0
        assert metrics["tis_clipped"] == pytest.approx(cut)
        assert 0 <= metrics["drift"] < 1e-3  # in the second step too, which is played with pushed weights
    assert any(not torch.equal(start[name], tensor) for name, tensor in policy.weights().items())
    assert learner._engine is not None
    embedding = engine_tensor(learner._engine, "embed_tokens.weight")
    rows = policy.model.get_input_embeddings().weight.detach()
    torch.testing.assert_close(embedding[: len(rows)], rows)
    assert not torch.equal(embedding[: len(rows)], start["model.language_model.embed_tokens.weight"])
    assert gap(policy, play(VLLMAgent(learner._engine, SAMPLER), JOBS)) < 1e-3


@pytest.mark.parametrize(
    "kind", [PolicyConfig(dtype="mixed"), PolicyConfig(lora=LoraConfig(rank=4))], ids=["bfloat16", "adapters"]
)
def test_what_is_pushed_is_what_the_trainer_computes_with(kind: PolicyConfig) -> None:
    policy = load_tiny(config=kind)
    engine = VLLMEngine.for_policy(policy, SAMPLER, VLLM)
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter += 0.02 * torch.randn(parameter.shape, generator=draws)
    stale = gaps(policy, play(VLLMAgent(engine, SAMPLER), JOBS)).mean()
    engine.push(policy.weights())
    fresh = gaps(policy, play(VLLMAgent(engine, SAMPLER), JOBS))
    print(f"\nmean gap of log-probabilities {stale:.2g} before the push, {fresh.mean():.2g} after it")
    assert fresh.mean() < (1e-4 if kind.dtype == "float32" else 0.1)
    assert stale > 5 * fresh.mean()


def test_the_agent_of_the_command_line(policy: HFPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy.save(tmp_path)
    monkeypatch.setattr("adagym.agents.vllm._EVALUATION", GREEDY)
    monkeypatch.setattr("adagym.agents.vllm._SETTINGS", VLLM)
    theirs = AGENTS.load("vllm").from_spec(str(tmp_path))
    assert isinstance(theirs, VLLMAgent)
    assert_greedy(policy, play(theirs, JOBS))
