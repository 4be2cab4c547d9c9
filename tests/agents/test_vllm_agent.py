"""Rollouts by vLLM, against a stand-in for it: tokens, turns, pads, weights. ``.ci/vllm`` runs the real one."""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from adagym.agents import AGENTS
from adagym.agents import vllm as module
from adagym.agents.base import Conversation
from adagym.agents.policy import PolicyAgent
from adagym.agents.vllm import VLLMAgent
from adagym.algos.collect import Collector, Job, Rollout
from adagym.algos.grpo import LossConfig, audit
from adagym.algos.learner import GRPO, GRPOConfig
from adagym.algos.optim import OptimConfig
from adagym.errors import InfraError, MissingExtra, UsageError
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy
from adagym.policies.sampler import SamplerConfig
from adagym.policies.vllm import Coder, VLLMConfig, VLLMEngine, collapse
from adagym.spaces import ActionText
from adagym.types import ImageBlock, Message, TextBlock

Fake = Any
CONFIG = SamplerConfig(slots=4, max_tokens=900, max_new_tokens=5)
ENV = {"tasks": "vsp-generated:sides=3-4,n=10,seed=1", "prompt": "brief", "max_turns": 2}
JOBS = [Job(task, 5 + task, f"group {task}") for task in range(2) for _ in range(2)]
make_env = functools.partial(gym.make, "adagym/VSPNavigation-v0", disable_env_checker=True, **ENV)


def play(agent: PolicyAgent | VLLMAgent, jobs: list[Job] = JOBS) -> list[Rollout]:
    collector = Collector(make_env, agent, 4)
    rollouts = sorted(collector.collect(jobs), key=lambda rollout: rollout.index)
    collector.close()
    return rollouts


def gap(policy: HFPolicy, rollouts: list[Rollout], temperature: float = 1.0) -> float:
    traces = [rollout.tokens for rollout in rollouts if rollout.tokens is not None]
    with torch.no_grad():
        logprobs, _ = policy.token_logprobs(collate(traces), temperature)
    return max(
        float(np.abs(row[: len(trace.ids)].numpy() - trace.logprobs).max())
        for row, trace in zip(logprobs, traces, strict=True)
    )


def conversation(*blocks: TextBlock | ImageBlock, key: str = "a", dialect: str = "adareasoner") -> Conversation:
    message = Message("user", blocks or (TextBlock("left"),))
    return Conversation(key, None, 3, 0, "made_up", dialect, (), (message,), ActionText(dialect, ()))


def make(policy: HFPolicy, config: SamplerConfig = CONFIG, vllm: VLLMConfig | None = None) -> VLLMAgent:
    return VLLMAgent(VLLMEngine.for_policy(policy, config, vllm), config)


def test_tokens_in_are_tokens_out(policy: HFPolicy, vllm: Fake) -> None:
    rollouts = play(make(policy))
    assert len(rollouts) == 4
    for rollout in rollouts:
        tokens = rollout.tokens
        assert tokens is not None
        assert audit(tokens, policy.encoder) is None
        borders = np.flatnonzero(np.diff(tokens.sampled.astype(int), prepend=0, append=0))
        turns = [tokens.ids[a:b].tolist() for a, b in zip(borders[::2], borders[1::2], strict=True)]
        assert len(turns) == 2
        assert tuple(map(policy.encoder.decode, turns)) == rollout.trajectory.actions
        assert len(tokens.images) == sum(len(message.images) for message in rollout.trajectory.messages)
    assert gap(policy, rollouts) < 1e-4
    (llm,) = vllm.made
    # One pad per picture goes in, and no two turns of all episodes are drawn alike.
    for prompt, params in llm.asked:
        pictures = prompt["multi_modal_data"]["image"]
        assert prompt["prompt_token_ids"].count(policy.encoder.image_token_id) == len(pictures)
        assert len(prompt["multi_modal_uuids"]["image"]) == len(pictures)
        assert set(params.logit_bias) == set(policy.banned.tolist())
    assert len({params.seed for _, params in llm.asked}) == len(llm.asked) == 8
    assert len({rollout.trajectory.actions for rollout in rollouts}) > 2


def test_it_samples_as_our_sampler_does(policy: HFPolicy, vllm: Fake) -> None:
    greedy = replace(CONFIG, temperature=0.0)
    for one, other in zip(play(make(policy, greedy)), play(PolicyAgent(policy, greedy)), strict=True):
        assert one.tokens is not None
        assert other.tokens is not None
        np.testing.assert_array_equal(one.tokens.ids, other.tokens.ids)
        np.testing.assert_array_equal(one.tokens.sampled, other.tokens.sampled)
        np.testing.assert_allclose(one.tokens.logprobs, other.tokens.logprobs, atol=1e-4)
    warm = replace(CONFIG, temperature=1.7)
    assert gap(policy, play(make(policy, warm)), 1.7) < 1e-4


def test_how_the_engine_is_made(policy: HFPolicy, vllm: Fake) -> None:
    engine = VLLMEngine.for_policy(
        policy, CONFIG, VLLMConfig(images=3, prefix_caching=False, memory=0.3, cache_gib=0.5)
    )
    (llm,) = vllm.made
    expected = {
        "max_model_len": 900,
        "max_num_seqs": 4,
        "enforce_eager": not torch.cuda.is_available(),
        "enable_prefix_caching": False,
        "gpu_memory_utilization": 0.3,
        "kv_cache_memory_bytes": 2**29,
        "limit_mm_per_prompt": {"image": 3, "video": 0},
    }
    assert {name: llm.options[name] for name in expected} == expected
    assert os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"  # or tensors could not be handed over
    folder = Path(llm.folder)
    assert folder.is_dir()
    del engine
    gc.collect()
    assert not folder.exists()


def test_pictures_side_by_side(policy: HFPolicy, vllm: Fake) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((64, 64), (320, 192), (90, 210))]
    agent = make(policy)
    agent.submit(conversation(TextBlock("left"), *(ImageBlock(f"img_{n}", i) for n, i in enumerate(images, 1))))
    assert [reply.key for reply in agent.poll()] == ["a"]
    trace = agent.finish("a")
    assert trace is not None
    assert audit(trace, policy.encoder) is None
    assert [image.shape for image in trace.images] == [image.shape for image in images]


def test_other_pads_than_ours_are_refused(policy: HFPolicy, vllm: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "extra_pads", 1)
    monkeypatch.setattr(vllm, "reason", "length")
    agent = make(policy)
    agent.submit(conversation(ImageBlock("img_1", np.zeros((64, 64, 3), np.uint8))))
    with pytest.raises(UsageError, match=r"1 of them image pads, as .* with 2 pads"):
        agent.poll()


def test_where_a_turn_ends(policy: HFPolicy, vllm: Fake) -> None:
    encoder, ids = policy.encoder, lambda text: policy.encoder.text(text).tolist()
    assert len(ids("</tool_call>")) == 1
    assert len(ids("left right")) > 1
    agent = make(policy, replace(CONFIG, stop=("</tool_call>", "left right")))
    agent.submit(conversation())
    agent.submit(conversation(key="b", dialect="hermes"))
    by_dialect = make(policy)
    by_dialect.submit(conversation(dialect="hermes"))
    asked = [params for llm in vllm.made for _, params in llm.asked]
    assert [params.stop for params in asked] == [["left right"]] * 2 + [[]]
    assert [params.detokenize for params in asked] == [True, True, False]
    ends = {encoder.tokenizer.convert_tokens_to_ids("<|im_end|>"), *ids("</tool_call>")}
    assert all(set(params.stop_token_ids) == ends for params in asked)


def test_a_full_conversation_is_truncated_and_scored(policy: HFPolicy, vllm: Fake) -> None:
    first = play(make(policy), JOBS[:1])[0]
    assert first.tokens is not None
    length = len(first.tokens.ids)
    (rollout,) = play(make(policy, replace(CONFIG, max_tokens=length - 6)), JOBS[:1])
    assert rollout.trajectory.outcome == "truncated"
    assert len(rollout.trajectory.steps) == 1
    assert rollout.tokens is not None
    assert audit(rollout.tokens, policy.encoder) is None
    # A turn gets what room is left.
    vllm.made.clear()
    play(make(policy, replace(CONFIG, max_tokens=length - 2)), JOBS[:1])
    assert [params.max_tokens for _, params in vllm.made[0].asked] == [5, 3]


def test_too_many_pictures_fill_a_conversation(policy: HFPolicy, vllm: Fake) -> None:
    agent = make(policy, vllm=VLLMConfig(images=1))
    picture = ImageBlock("img_1", np.zeros((64, 64, 3), np.uint8))
    agent.submit(conversation(picture, picture))
    agent.submit(conversation(picture, key="b"))
    assert [(reply.key, reply.full) for reply in agent.poll()] == [("a", True)]
    assert [(reply.key, reply.full) for reply in agent.poll()] == [("b", False)]
    assert agent.poll() == []


def test_a_turn_that_vllm_gave_up_voids_its_episode(
    policy: HFPolicy, vllm: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "reason", "abort")
    (rollout,) = play(make(policy), JOBS[:1])
    assert rollout.trajectory.outcome == "infra_failure"
    assert rollout.trajectory.reward is None
    assert "abort" in (rollout.trajectory.error or "")


def test_an_abandoned_turn_is_aborted(policy: HFPolicy, vllm: Fake) -> None:
    agent = make(policy)
    for key in ("a", "b"):
        agent.submit(conversation(key=key))
    with pytest.raises(UsageError, match="2 turns are running"):
        agent._engine.push(policy.weights())
    trace = agent.finish("a")
    assert trace is not None
    assert not trace.sampled.any()
    assert agent.finish("unheard of") is None
    assert [reply.key for reply in agent.poll()] == ["b"]
    assert agent.poll() == []
    assert agent.finish("b") is not None
    agent.close()
    with pytest.raises(UsageError, match="was closed"):
        agent.submit(conversation())


def test_a_push_replaces_the_weights_and_what_they_left(
    new_policy: Callable[[int], HFPolicy], vllm: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = new_policy(0), new_policy(1)
    engine = VLLMEngine.for_policy(one, CONFIG, VLLMConfig(sleep=True))
    (llm,) = vllm.made
    before = play(VLLMAgent(engine, CONFIG))
    engine.rest()
    engine.push(other.weights())
    assert llm.events == ["sleep 1", "wake", "reload", "encoder", "prefix"]
    after = play(VLLMAgent(engine, CONFIG))
    assert max(gap(one, before), gap(other, after)) < 1e-4
    assert min(gap(other, before), gap(one, after)) > 1e-2
    monkeypatch.setattr(vllm, "reset_prefix_cache", lambda self: False)
    with pytest.raises(InfraError, match="old weights"):
        engine.push(one.weights())


def learner(policy: HFPolicy, tmp_path: Path, cap: float | None = None) -> GRPO:
    loss = LossConfig(tis_cap=cap, optim=OptimConfig(lr=3e-2, muon_lr=0))
    config = GRPOConfig(2, 1, 4, env=ENV, sampler=CONFIG, loss=loss, rollout="vllm", out=tmp_path, save_every=2)
    return GRPO(policy, "adagym/VSPNavigation-v0", config)


@pytest.fixture
def wordy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores an episode by its length, since fresh weights never earn anything and equal rewards teach nothing."""
    collect = Collector.collect

    def scored(self: Collector, *args: Any) -> Any:
        for rollout in collect(self, *args):
            length = sum(map(len, rollout.trajectory.actions))
            yield replace(rollout, trajectory=replace(rollout.trajectory, reward=float(length)))

    monkeypatch.setattr(Collector, "collect", scored)


@pytest.mark.usefixtures("wordy")
def test_the_learner_pushes_after_every_update(
    new_policy: Callable[[int], HFPolicy], vllm: Fake, tmp_path: Path
) -> None:
    policy = new_policy(0)
    run = learner(policy, tmp_path).learn()
    assert [metrics["drift"] < 1e-4 for metrics in run.history] == [True] * 2
    assert [metrics["tis_clipped"] for metrics in run.history] == [0] * 2
    (llm,) = vllm.made
    assert llm.events == ["reload", "encoder", "prefix"] * 2
    for name, tensor in policy.model.state_dict().items():
        torch.testing.assert_close(llm.policy.model.state_dict()[name], tensor)
    assert not torch.equal(policy.weights()["lm_head.weight"], new_policy(0).weights()["lm_head.weight"])
    resumed = learner(new_policy(0), tmp_path).load(tmp_path)
    assert vllm.made[-1].events == ["reload", "encoder", "prefix"]
    torch.testing.assert_close(vllm.made[-1].policy.weights(), resumed.policy.weights())


@pytest.mark.usefixtures("wordy")
def test_weights_that_do_not_arrive_show_as_drift(
    new_policy: Callable[[int], HFPolicy], vllm: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VLLMEngine, "push", lambda self, weights: None)
    run = learner(new_policy(0), tmp_path, cap=1.0).learn(2)
    assert run.history[0]["drift"] < 1e-4
    assert run.history[1]["drift"] > 1e-2
    # Truncated importance sampling is at work: some tokens are likelier now than when they were sampled.
    assert 0.05 < run.history[1]["tis_clipped"] < 0.95


def test_the_agent_of_the_command_line(
    policy: HFPolicy, vllm: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy.save(tmp_path)
    monkeypatch.setattr(module, "_EVALUATION", replace(module._EVALUATION, max_new_tokens=5))
    agent = AGENTS.load("vllm").from_spec(str(tmp_path))
    assert isinstance(agent, VLLMAgent)
    assert agent.config.temperature == 0
    assert agent.parallel == 64
    assert agent.config.max_tokens == 4096  # what this model was made for
    agent.submit(conversation())
    ours = PolicyAgent(policy, agent.config)
    ours.submit(conversation())
    assert [reply.text for reply in agent.poll()] == [reply.text for reply in ours.poll()]


def test_what_a_folder_tells_is_what_the_policy_knows(policy: HFPolicy, tmp_path: Path) -> None:
    policy.save(tmp_path)
    from_folder, of = Coder.from_folder(tmp_path), Coder.of(policy)
    assert from_folder.banned == of.banned
    assert from_folder.end_ids == of.end_ids
    assert from_folder.longest == of.longest == 4096
    assert from_folder.encoder.merge == of.encoder.merge
    assert from_folder.encoder.image_token_id == of.encoder.image_token_id
    (tmp_path / "generation_config.json").unlink()
    assert Coder.from_folder(tmp_path).end_ids == of.end_ids


def test_one_pad_per_picture() -> None:
    assert collapse([1, 9, 9, 9, 2, 9, 9, 3], [3, 2], 9) == [1, 9, 2, 9, 3]
    assert collapse([9, 9, 9, 9], [3, 1], 9) == [9, 9]  # neighbours
    assert collapse([1, 2], [], 9) == [1, 2]
    for ids, pads in (([1, 9, 9, 2], [3]), ([1, 2], [1]), ([9, 9, 1, 9], [2, 2])):
        with pytest.raises(UsageError, match="fewer pads"):
            collapse(ids, pads, 9)
    for ids, pads in (([1, 9, 9, 2], [1]), ([9], [])):
        with pytest.raises(UsageError, match="1 more image pads"):
            collapse(ids, pads, 9)


def test_what_cannot_be_used_is_said(policy: HFPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="made for at most 4096"):
        VLLMEngine("", Coder.of(policy), replace(CONFIG, max_tokens=4097))
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(MissingExtra, match=r"adagym\[vllm\]"):
        make(policy)
    with pytest.raises(UsageError, match="vllm:PATH"):
        AGENTS.load("vllm").from_spec(None)
    with pytest.raises(UsageError, match="not the folder of an image-text model"):
        AGENTS.load("vllm").from_spec(str(tmp_path))
    with pytest.raises(UsageError, match="rollout is `sglang`"):
        GRPOConfig(rollout="sglang")
    for wrong in ({"images": 0}, {"memory": 1.0}, {"memory": 0.0}, {"cache_gib": 0.0}):
        with pytest.raises(UsageError, match="must be positive and memory between"):
            VLLMConfig(**wrong)
