"""LoRA: adapters alone learn, the sampler uses them, and they are saved, merged and switched off exactly."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
from transformers import AutoModelForImageTextToText

from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.batch import TokenBatch, collate
from adagym.policies.hf import HFPolicy, PolicyConfig
from adagym.policies.lora import LoraConfig, is_adapter
from adagym.policies.sampler import Sampler, SamplerConfig
from adagym.types import Array, ImageBlock, Message, TextBlock

SMALL = LoraConfig(rank=4, alpha=8, targets=("q_proj", "down_proj"))


def picture(seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (128, 192, 3)).astype(np.uint8)


def batch_for(policy: HFPolicy) -> TokenBatch:
    messages = [Message("user", (ImageBlock("img_1", picture(0)), TextBlock("Where is the player?")))]
    chunk = policy.encoder.prompt(messages)
    sampled = ~np.isin(chunk.ids, policy.banned.numpy())
    return collate([TokenTrace(chunk.ids, sampled, np.zeros(len(chunk.ids), np.float32), chunk.images)])


def logprobs(policy: HFPolicy, batch: TokenBatch) -> torch.Tensor:
    with torch.no_grad():
        return policy.token_logprobs(batch)[0]


@pytest.fixture(scope="module")
def base(new_policy: Callable[[int], HFPolicy], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plain model."""
    folder = tmp_path_factory.mktemp("base")
    new_policy(0).save(folder)
    return folder


def fresh(base: Path, lora: LoraConfig = SMALL) -> HFPolicy:
    return HFPolicy.from_pretrained(base, PolicyConfig(lora=lora))


def trained(base: Path, lora: LoraConfig = SMALL) -> HFPolicy:
    """A policy whose adapters are no longer what they were."""
    policy = fresh(base, lora)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    return policy


def test_a_new_adapter_changes_nothing_and_repeats(base: Path) -> None:
    plain, one, two = HFPolicy.from_pretrained(base), fresh(base), fresh(base)
    batch = batch_for(plain)
    assert torch.equal(logprobs(plain, batch), logprobs(one, batch))
    states = one.model.state_dict(), two.model.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    other = fresh(base, LoraConfig(rank=4, alpha=8, targets=("q_proj", "down_proj"), seed=1)).model.state_dict()
    assert any(not torch.equal(states[0][name], other[name]) for name in other)


def test_adapters_alone_learn(base: Path) -> None:
    policy = trained(base)
    policy.token_logprobs(batch_for(policy))[0].sum().backward()
    with_gradient = {name for name, p in policy.model.named_parameters() if p.grad is not None and p.grad.any()}
    assert with_gradient == {name for name, _ in policy.model.named_parameters() if is_adapter(name)}
    assert len(with_gradient) == 2 * 2 * 2  # layers, targets, matrices
    assert all("language_model.layers." in name for name in with_gradient)
    trainable = sum(p.numel() for p in policy.model.parameters() if p.requires_grad)
    assert trainable == 2 * 4 * ((32 + 32) + (96 + 32))


def test_the_sampler_uses_the_adapters(base: Path) -> None:
    policy = trained(base)
    sampler = Sampler(policy, SamplerConfig(slots=3, max_tokens=96, max_new_tokens=20))
    for number in range(3):
        sampler.start(str(number), "group", number, [Message("user", (ImageBlock("i", picture(0)), TextBlock("Go")))])
    while sampler.work():
        pass
    batch = collate([sampler.finish(str(number)) for number in range(3)])
    torch.testing.assert_close(logprobs(policy, batch), batch.logprobs, atol=1e-4, rtol=0)
    plain = HFPolicy.from_pretrained(base)
    assert float((logprobs(plain, batch) - batch.logprobs).abs().max()) > 0.1


# PeftModel of this peft asks this transformers for an attribute under its old name.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_saved_in_the_format_of_peft(base: Path, tmp_path: Path) -> None:
    policy = trained(base)
    policy.save(tmp_path)
    assert not (tmp_path / "model.safetensors").exists()
    plain = AutoModelForImageTextToText.from_pretrained(base)
    read = peft.PeftModel.from_pretrained(plain, str(tmp_path)).merge_and_unload()
    batch = batch_for(policy)
    again = HFPolicy(read, policy.processor)
    torch.testing.assert_close(logprobs(again, batch), logprobs(policy, batch), atol=1e-5, rtol=0)


def test_a_saved_adapter_loads_with_its_base(base: Path, tmp_path: Path) -> None:
    first = trained(base)
    first.save(tmp_path / "first")
    batch = batch_for(first)
    merged = HFPolicy.from_pretrained(tmp_path / "first")
    assert not [name for name, _ in merged.model.named_parameters() if is_adapter(name)]
    torch.testing.assert_close(logprobs(merged, batch), logprobs(first, batch), atol=1e-5, rtol=0)
    # An adapter on top of an adapter: the second run starts where the first ended.
    second = trained(tmp_path / "first")
    torch.testing.assert_close(logprobs_of_start(second, batch), logprobs(first, batch), atol=1e-5, rtol=0)
    second.save(tmp_path / "second")
    both = HFPolicy.from_pretrained(tmp_path / "second")
    torch.testing.assert_close(logprobs(both, batch), logprobs(second, batch), atol=1e-5, rtol=0)
    assert float((logprobs(both, batch) - logprobs(first, batch)).abs().max()) > 0.1


def logprobs_of_start(policy: HFPolicy, batch: TokenBatch) -> torch.Tensor:
    with torch.no_grad():
        return policy.reference().token_logprobs(batch)[0]


def test_merged_weights_are_those_of_a_plain_model(base: Path, tmp_path: Path) -> None:
    policy = trained(base)
    before = copy.deepcopy(policy.model.state_dict())
    batch = batch_for(policy)
    expected = logprobs(policy, batch)
    plain = HFPolicy.from_pretrained(base)
    assert set(policy.weights()) == set(plain.weights())
    policy.save(tmp_path, merged=True)
    assert not (tmp_path / "adapter_config.json").exists()
    torch.testing.assert_close(logprobs(HFPolicy.from_pretrained(tmp_path), batch), expected, atol=1e-5, rtol=0)
    plain.model.load_state_dict(policy.weights())
    torch.testing.assert_close(logprobs(plain, batch), expected, atol=1e-5, rtol=0)
    assert all(torch.equal(before[name], tensor) for name, tensor in policy.model.state_dict().items())


def test_weights_go_back_exactly(base: Path, tmp_path: Path) -> None:
    policy = trained(base)
    policy.save(tmp_path)
    other = fresh(base)
    other.load_weights(tmp_path)
    assert all(torch.equal(other.model.state_dict()[n], tensor) for n, tensor in policy.model.state_dict().items())


def test_the_reference_is_the_model_without_adapters(base: Path) -> None:
    policy, plain = trained(base), HFPolicy.from_pretrained(base)
    batch = batch_for(policy)
    live, _ = policy.token_logprobs(batch)
    assert torch.equal(logprobs_of_start(policy, batch), logprobs(plain, batch))
    assert torch.equal(logprobs(policy, batch), live.detach())
    live.sum().backward()  # a graph from before the switch is still whole
    assert all(p.grad is not None for name, p in policy.model.named_parameters() if is_adapter(name))


def test_adapters_keep_full_precision(base: Path, tmp_path: Path) -> None:
    policy = HFPolicy.from_pretrained(base, PolicyConfig(dtype="bfloat16", lora=SMALL))
    kinds = {(is_adapter(name), parameter.dtype) for name, parameter in policy.model.named_parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}
    assert {tensor.dtype for tensor in policy.weights().values()} == {torch.bfloat16}
    assert torch.isfinite(logprobs(policy, batch_for(policy))).all()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({"rank": 0}, "rank and alpha"), ({"alpha": 0.0}, "rank and alpha"), ({"dropout": 1.0}, "dropout in")],
)
def test_settings_are_checked(options: dict[str, float], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        LoraConfig(**options)


def test_what_cannot_be_done_is_refused(base: Path, tmp_path: Path, new_policy: Callable[[int], HFPolicy]) -> None:
    with pytest.raises(UsageError, match=r"no linear layers named \['qkv'\]; it has \['down_proj'"):
        fresh(base, LoraConfig(targets=("q_proj", "qkv")))
    with pytest.raises(UsageError, match="leave the vision tower frozen"):
        PolicyConfig(lora=SMALL, freeze_vision=False)
    with pytest.raises(UsageError, match="leave the vision tower frozen"):
        fresh(base).set_freeze_vision(False)
    trained(base).save(tmp_path / "one")
    with pytest.raises(UsageError, match="holds no adapter for this model"):
        fresh(base).load_weights(base)
    with pytest.raises(UsageError, match="holds no adapter for this model"):
        fresh(base, LoraConfig(rank=8, targets=SMALL.targets)).load_weights(tmp_path / "one")
    with pytest.raises(UsageError, match="is for other layers"):
        fresh(base, LoraConfig(rank=4, targets=("q_proj", "k_proj"))).load_weights(tmp_path / "one")
    plain = new_policy(0)
    unsaved = HFPolicy(plain.model, plain.processor, PolicyConfig(lora=SMALL))
    unsaved.save(tmp_path / "two")
    with pytest.raises(UsageError, match="does not say which model it belongs to"):
        HFPolicy.from_pretrained(tmp_path / "two")
    config = tmp_path / "one" / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"base_model_name_or_path": "nowhere/at-all"}))
    with pytest.raises(UsageError, match="is not a model folder"):
        HFPolicy.from_pretrained(tmp_path / "one")
