"""The embedded model: stock architecture, seeded, with coordinates and moves as single tokens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from adagym.policies.hf import HFPolicy
from adagym.policies.tokenizer import CENTRES, PADS, SPECIAL, TAGS


def test_the_architecture_is_the_stock_one(policy: HFPolicy) -> None:
    assert type(policy.model) is Qwen2_5_VLForConditionalGeneration
    assert policy.model.get_output_embeddings().weight is policy.model.get_input_embeddings().weight
    assert policy.model.get_output_embeddings().weight.shape[0] == len(policy.encoder.tokenizer)
    assert not policy.freeze_vision
    assert not policy.model.training


def test_weights_follow_the_seed_alone(new_policy: Callable[[int], HFPolicy]) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (new_policy(seed).model.state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["lm_head.weight"], other["lm_head.weight"])


@pytest.mark.parametrize("word", ["32, 96", "544, 32", "R,", "U,", *TAGS, *SPECIAL, *PADS])
def test_words_of_one_token(policy: HFPolicy, word: str) -> None:
    assert len(policy.encoder.tokenizer.encode(word, add_special_tokens=False)) == 1


@pytest.mark.parametrize(
    "text", ["132, 96", "32, 964", "[[96, 32], [32, 96]]", "R,R,D", "\u00e9 \u2042 \U0001f642\n\t "]
)
def test_any_text_comes_back(policy: HFPolicy, text: str) -> None:
    assert policy.encoder.decode(policy.encoder.text(text).tolist()) == text


def test_a_pair_is_a_token_only_as_whole_numbers(policy: HFPolicy) -> None:
    pair = policy.encoder.text("32, 96")[0]
    assert pair in policy.encoder.text("[[32, 96]]")
    assert pair not in policy.encoder.text("132, 96")
    assert pair not in policy.encoder.text("32, 961")
    assert len({int(policy.encoder.text(f"{x}, {y}")[0]) for x in CENTRES for y in CENTRES}) == len(CENTRES) ** 2


@pytest.mark.parametrize("tag", TAGS)
def test_tags_survive_decoding(policy: HFPolicy, tag: str) -> None:
    assert policy.encoder.decode(policy.encoder.text(tag).tolist()) == tag
