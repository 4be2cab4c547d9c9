"""A policy that was pickled computes as before, and takes over what another one learnt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np
import pytest
import torch

from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy, PolicyConfig
from adagym.policies.lora import LoraConfig
from adagym.policies.shipping import on_device, take, trained
from adagym.types import ImageBlock, Message, TextBlock

KINDS = {
    "plain": PolicyConfig(),
    "vision": PolicyConfig(freeze_vision=False),
    "adapters": PolicyConfig(lora=LoraConfig(rank=4)),
    "bfloat16": PolicyConfig(dtype="bfloat16", gradient_checkpointing=True),
}


@pytest.fixture(params=KINDS, name="policy")
def _policy(new_policy: Callable[[int], HFPolicy], request: pytest.FixtureRequest) -> HFPolicy:
    plain = new_policy(0)
    return HFPolicy(plain.model, plain.processor, KINDS[request.param])


def shipped(policy: HFPolicy) -> HFPolicy:
    packed = cloudpickle.dumps(on_device(policy, "cpu"))  # as Ray does it
    return on_device(cloudpickle.loads(packed), "cpu")


def logprobs(policy: HFPolicy) -> torch.Tensor:
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    chunk = policy.encoder.prompt([Message("user", (ImageBlock("img_1", picture), TextBlock("Where is it?")))])
    sampled = ~np.isin(chunk.ids, policy.banned.numpy())
    batch = collate([TokenTrace(chunk.ids, sampled, np.zeros(len(chunk.ids), np.float32), chunk.images)])
    with torch.no_grad():
        return policy.token_logprobs(batch)[0]


def learn(policy: HFPolicy) -> None:
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter += 0.01


def test_a_shipped_policy_is_the_same(policy: HFPolicy) -> None:
    expected = logprobs(policy)  # leaves vision features and pixels behind, which are not sent
    there = shipped(policy)
    assert not there._features
    torch.testing.assert_close(logprobs(there), expected, rtol=0, atol=0)
    state: dict[str, Any] = policy.model.state_dict()
    for name, tensor in there.model.state_dict().items():
        assert tensor.dtype == state[name].dtype
        assert torch.equal(tensor, state[name])
    assert [name for name, tensor in there.model.named_parameters() if tensor.requires_grad] == list(trained(policy))


def test_what_was_learnt_is_taken_over(policy: HFPolicy) -> None:
    there = shipped(policy)
    before = logprobs(there)
    learn(policy)
    weights = trained(policy)
    for value in weights.values():
        assert value.dtype == np.float32
        value.flags.writeable = False  # as Ray hands them out
    take(there, weights)
    assert not torch.equal(logprobs(there), before)
    torch.testing.assert_close(logprobs(there), logprobs(policy), rtol=0, atol=0)


def test_sending_leaves_the_policy_alone(policy: HFPolicy) -> None:
    logprobs(policy)
    kept = list(policy._features)
    moved = on_device(policy, "cpu")
    assert list(policy._features) == kept
    assert next(moved.model.parameters()).data_ptr() == next(policy.model.parameters()).data_ptr()  # no second copy
    there = shipped(policy)
    learn(there)
    assert not torch.equal(logprobs(there), logprobs(policy))


def test_weights_of_another_policy_are_refused(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    weights = trained(policy)
    weights.popitem()
    with pytest.raises(UsageError, match="weights of another policy"):
        take(policy, weights)
