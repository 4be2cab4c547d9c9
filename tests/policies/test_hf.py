"""The policy: equal to the plain transformers model, saved and loaded unchanged, and clear about what it refuses."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy, PolicyConfig, Precision
from adagym.policies.lora import LoraConfig
from adagym.policies.sampler import Sampler, SamplerConfig
from adagym.types import Array, ImageBlock, Message, TextBlock


def picture(height: int, width: int, seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def conversation(*images: Array, text: str = "Where is the player?") -> list[Message]:
    blocks = [ImageBlock(f"img_{number}", image) for number, image in enumerate(images, 1)]
    return [Message("system", (TextBlock("Tools: Point."),)), Message("user", (*blocks, TextBlock(text)))]


def trace(policy: HFPolicy, *images: Array, text: str = "Where is the player?") -> TokenTrace:
    """A prompt, all of whose text tokens count as sampled."""
    chunk = policy.encoder.prompt(conversation(*images, text=text))
    sampled = ~np.isin(chunk.ids, policy.banned.numpy())
    return TokenTrace(chunk.ids, sampled, np.zeros(len(chunk.ids), np.float32), chunk.images)


IMAGES = (picture(192, 192, 0), picture(128, 320, 1))


@pytest.mark.parametrize("images", [(), IMAGES[:1], IMAGES], ids=len)
def test_equal_to_the_plain_forward_pass(policy: HFPolicy, images: tuple[Array, ...]) -> None:
    text = policy.encoder.chat.prompt(conversation(*images))
    inputs = policy.processor(text=[text], images=list(images) or None, return_tensors="pt")
    chunk = policy.encoder.prompt(conversation(*images))
    assert chunk.ids.tolist() == inputs["input_ids"][0].tolist()
    with torch.no_grad():
        expected = policy.model(**inputs).logits
        embeddings = policy.embed(inputs["input_ids"], images)
        places = torch.from_numpy(policy.positions(chunk.ids, images)[0]).unsqueeze(1)
        scores = policy.logits(policy.decode(embeddings, places))
    allowed = torch.isfinite(scores)
    assert int((~allowed).sum(-1).unique()) == len(policy.banned)
    torch.testing.assert_close(scores[allowed], expected[allowed], atol=1e-4, rtol=1e-4)


def test_token_logprobs_by_definition(policy: HFPolicy) -> None:
    one = trace(policy, *IMAGES)
    with torch.no_grad():
        logprobs, entropy = policy.token_logprobs(collate([one]), temperature=2.0)
        places = torch.from_numpy(policy.positions(one.ids, one.images)[0]).unsqueeze(1)
        ids = torch.from_numpy(one.ids).unsqueeze(0)
        scores = policy.logits(policy.decode(policy.embed(ids, one.images), places))[0]
    table = (scores / 2.0).log_softmax(-1)
    for place in range(len(one.ids)):
        counts = bool(one.sampled[place]) and place > 0
        expected = float(table[place - 1, one.ids[place]]) if counts else 0.0
        assert float(logprobs[0, place]) == pytest.approx(expected, abs=1e-5)
        row = table[place - 1][torch.isfinite(table[place - 1])]
        assert float(entropy[0, place]) == pytest.approx(float(-(row.exp() * row).sum()) if counts else 0.0, abs=1e-4)


def test_padding_and_company_change_nothing(policy: HFPolicy) -> None:
    traces = [trace(policy), trace(policy, *IMAGES), trace(policy, IMAGES[1], text="left right " * 9)]
    with torch.no_grad():
        together, _ = policy.token_logprobs(collate(traces))
        for row, one in enumerate(traces):
            alone, _ = policy.token_logprobs(collate([one]))
            torch.testing.assert_close(together[row, : len(one.ids)], alone[0], atol=1e-4, rtol=0)
            assert not together[row, len(one.ids) :].any()


def test_saved_and_loaded_unchanged(policy: HFPolicy, tmp_path: Path) -> None:
    policy.save(tmp_path)
    loaded = HFPolicy.from_pretrained(tmp_path, policy.config)
    batch = collate([trace(policy, *IMAGES)])
    assert collate([trace(loaded, *IMAGES)]).ids.tolist() == batch.ids.tolist()
    with torch.no_grad():
        assert torch.equal(loaded.token_logprobs(batch)[0], policy.token_logprobs(batch)[0])
    assert loaded.banned.tolist() == policy.banned.tolist()
    assert loaded.end_ids == policy.end_ids == {policy.encoder.tokenizer.eos_token_id}
    state = policy.model.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in loaded.model.state_dict().items())


def test_a_missing_folder_is_refused_at_once(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", "no-such/model"):
        with pytest.raises(UsageError, match=rf"`{path}` is not a model folder .* config\.json"):
            HFPolicy.from_pretrained(path)


@pytest.mark.parametrize("damage", ["config", "weights", "shapes", "processor"])
def test_a_damaged_folder_is_refused(policy: HFPolicy, tmp_path: Path, damage: str) -> None:
    policy.save(tmp_path)
    if damage == "config":
        (tmp_path / "config.json").write_text("{")
    elif damage == "weights":
        weights = tmp_path / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "shapes":
        config = (tmp_path / "config.json").read_text()
        (tmp_path / "config.json").write_text(config.replace('"intermediate_size": 96', '"intermediate_size": 80'))
    else:
        for name in ("tokenizer.json", "tokenizer_config.json", "processor_config.json"):
            (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(UsageError, match="is not a model folder that transformers can load"):
        HFPolicy.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("owner", "name", "value", "fault"),
    [
        ("processor.image_processor", "model_input_names", ["pixel_values"], "no pictures of any size"),
        ("model.config.vision_config", "deepstack_visual_indexes", [1], "deeper layers"),
        ("model.config.text_config", "_attn_implementation", "eager", "attn_implementation='sdpa'"),
    ],
)
def test_models_of_another_kind_are_refused(
    new_policy: Callable[[int], HFPolicy], owner: str, name: str, value: object, fault: str
) -> None:
    policy = new_policy(0)
    setattr(operator.attrgetter(owner)(policy), name, value)
    with pytest.raises(UsageError, match=fault):
        HFPolicy(policy.model, policy.processor)


def test_models_without_pictures_are_refused(policy: HFPolicy) -> None:
    with pytest.raises(UsageError, match="TextModel cannot be a policy: it has no pictures"):
        HFPolicy(policy.model.model.language_model, policy.processor)


def test_a_frozen_tower_is_run_once_per_picture(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    policy.set_freeze_vision(True)
    seen: list[int] = []
    policy.model.model.visual.register_forward_hook(lambda module, args, output: seen.append(len(args[0])))
    batch = collate([trace(policy, *IMAGES), trace(policy, IMAGES[0].copy())])
    with torch.inference_mode():  # as the sampler does
        policy.token_logprobs(batch)
    logprobs, _ = policy.token_logprobs(batch)
    assert seen == [36 + 40]
    logprobs.sum().backward()
    assert all(parameter.grad is None for parameter in policy.vision_parameters())
    assert all(parameter.grad is not None for parameter in policy.decoder.parameters())
    policy.clear_features()
    policy.token_logprobs(batch)
    assert len(seen) == 2


def test_cached_features_have_full_precision(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    policy.set_freeze_vision(True)
    batch = collate([trace(policy, *IMAGES)])
    expected, _ = policy.token_logprobs(batch)
    policy.clear_features()
    with torch.autocast("cpu", torch.bfloat16):
        policy.token_logprobs(batch)
    assert torch.equal(policy.token_logprobs(batch)[0], expected)


def test_a_free_tower_learns(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    policy.token_logprobs(collate([trace(policy, *IMAGES)]))[0].sum().backward()
    assert all(parameter.grad is not None for parameter in policy.vision_parameters())
    assert len(policy.vision_parameters()) > 0
    assert not policy._features


def test_scores_without_a_token_are_ruled_out(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    size = len(policy.encoder.tokenizer)
    policy.model.resize_token_embeddings(size + 3)
    assert set(range(size, size + 3)) <= set(HFPolicy(policy.model, policy.processor).banned.tolist())


def test_a_copy_goes_its_own_way(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    batch = collate([trace(policy, *IMAGES)])
    with torch.inference_mode():
        policy.token_logprobs(batch)
    twin = copy.deepcopy(policy)
    with torch.no_grad():
        before, _ = twin.token_logprobs(batch)
        for parameter in policy.model.parameters():
            parameter.mul_(1.1)
        assert torch.equal(twin.token_logprobs(batch)[0], before)
        assert not torch.equal(policy.token_logprobs(batch)[0], before)


def test_the_default_keeps_the_tower(policy: HFPolicy, tmp_path: Path) -> None:
    policy.save(tmp_path)
    loaded = HFPolicy.from_pretrained(tmp_path)
    assert loaded.config == PolicyConfig()
    assert loaded.freeze_vision
    assert not any(parameter.requires_grad for parameter in loaded.vision_parameters())


def gradients(policy: HFPolicy) -> dict[str, torch.Tensor]:
    """Of the summed log-probabilities, in training mode."""
    policy.model.train()
    policy.token_logprobs(collate([trace(policy, *IMAGES), trace(policy)]))[0].sum().backward()
    found = {name: p.grad for name, p in policy.model.named_parameters() if p.grad is not None}
    return {name: gradient.clone() for name, gradient in found.items()}


@pytest.mark.parametrize("lora", [None, LoraConfig(rank=2)], ids=["weights", "adapters"])
def test_checkpointing_computes_twice_and_alike(new_policy: Callable[[int], HFPolicy], lora: LoraConfig | None) -> None:
    found = []
    for checkpointing in (False, True):
        plain = new_policy(0)
        config = PolicyConfig(lora=lora, gradient_checkpointing=checkpointing)
        policy = HFPolicy(plain.model, plain.processor, config)
        passes: list[int] = []
        policy.decoder.layers[0].mlp.register_forward_pre_hook(lambda *_, passes=passes: passes.append(1))
        gradient = gradients(policy)
        found.append(gradient)
        assert len(passes) == (2 if checkpointing else 1)
        assert len(gradient) > 10
        policy.model.eval()
        with torch.no_grad():
            policy.token_logprobs(collate([trace(policy)]))
        assert len(passes) == (3 if checkpointing else 2)
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, atol=1e-6, rtol=1e-6)


def test_mixed_precision_keeps_full_weights(new_policy: Callable[[int], HFPolicy]) -> None:
    exact, plain = new_policy(0), new_policy(0)
    exact.set_freeze_vision(True)
    mixed = HFPolicy(plain.model, plain.processor, PolicyConfig(dtype="mixed"))
    batch = collate([trace(exact, *IMAGES), trace(exact)])
    with torch.no_grad():
        difference = (mixed.token_logprobs(batch)[0] - exact.token_logprobs(batch)[0]).abs().max()
    assert 1e-5 < float(difference) < 0.1
    one, two = gradients(exact), gradients(mixed)
    assert {gradient.dtype for gradient in two.values()} == {torch.float32}
    whole = [torch.cat([found[name].flatten() for name in one]) for found in (one, two)]
    assert float(torch.cosine_similarity(*whole, dim=0)) > 0.99


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed"])
def test_sampling_and_training_share_their_precision(new_policy: Callable[[int], HFPolicy], dtype: Precision) -> None:
    plain = new_policy(0)
    policy = HFPolicy(plain.model, plain.processor, PolicyConfig(dtype=dtype))
    assert {p.dtype for p in policy.model.parameters()} == {torch.bfloat16 if dtype == "bfloat16" else torch.float32}
    sampler = Sampler(policy, SamplerConfig(slots=1, max_tokens=96, max_new_tokens=20))
    sampler.start("one", None, 0, conversation(IMAGES[0]))
    while sampler.work():
        pass
    batch = collate([sampler.finish("one")])
    with torch.no_grad():
        again, _ = policy.token_logprobs(batch)
    assert float((again - batch.logprobs).abs().max()) < 0.1


def test_other_types_are_refused() -> None:
    with pytest.raises(UsageError, match="must be one of float32, bfloat16, mixed"):
        PolicyConfig(dtype="float16")
