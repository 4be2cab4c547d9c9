"""The sampler: its log-probabilities are the model's, and what is sampled depends on nothing but the episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from adagym.algos.sft import tokenise
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.batch import collate
from adagym.policies.hf import HFPolicy, end_tokens
from adagym.policies.sampler import Sampler, SamplerConfig, Turn
from adagym.types import Array, Block, ImageBlock, Message, Role, TextBlock

GREEDY = SamplerConfig(slots=8, max_tokens=256, max_new_tokens=7, temperature=0.0)
WARM = replace(GREEDY, temperature=1.0)
HOT = replace(GREEDY, temperature=1.5)


def picture(height: int, width: int, seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def message(role: Role, text: str, image: Array | None = None) -> Message:
    blocks: tuple[Block, ...] = (TextBlock(text),)
    return Message(role, blocks if image is None else (ImageBlock("img", image), *blocks))


@dataclass(frozen=True)
class Script:
    """A prompt, and what the environment answers to each turn but the last."""

    prompt: tuple[Message, ...]
    replies: tuple[tuple[Message, ...], ...] = ()
    group: str | None = None
    seed: int = 0


@dataclass
class Played:
    texts: list[str] = field(default_factory=list)
    full: bool = False
    trace: TokenTrace | None = None

    @property
    def tokens(self) -> TokenTrace:
        assert self.trace is not None
        return self.trace


def play(policy: HFPolicy, config: SamplerConfig, scripts: Mapping[str, Script]) -> dict[str, Played]:
    """Play scripts; those beyond the free slots wait."""
    sampler = Sampler(policy, config)
    waiting, played = list(scripts), {key: Played() for key in scripts}
    while any(episode.trace is None for episode in played.values()):
        while waiting and sampler.free:
            key = waiting.pop(0)
            sampler.start(key, scripts[key].group, scripts[key].seed, scripts[key].prompt)
        turns = sampler.work()
        assert turns
        for turn in turns:
            _answer(sampler, scripts[turn.key], played[turn.key], turn)
    assert sampler.free == config.slots
    assert sampler.work() == []
    return played


def _answer(sampler: Sampler, script: Script, episode: Played, turn: Turn) -> None:
    episode.full = turn.full
    if not turn.full:
        episode.texts.append(turn.text)
    if turn.full or len(episode.texts) > len(script.replies):
        episode.trace = sampler.finish(turn.key)
    else:
        sampler.extend(turn.key, script.replies[len(episode.texts) - 1])


SYSTEM = message("system", "Tools: Point.")
SCRIPTS = {
    "text": Script((SYSTEM, message("user", "Say A or B."))),
    "picture": Script((SYSTEM, message("user", "Where is the player?", picture(192, 192, 1))), seed=1),
    "turns": Script(
        (SYSTEM, message("user", "Go to the present.", picture(128, 128, 2))),
        (
            (message("user", '{"points": [[96, 32]]}', picture(128, 128, 3)),),
            (message("tool", "failed"), message("user", "Again.")),
            (message("user", "and again", picture(64, 192, 4)),),
        ),
        seed=2,
    ),
    "short turns": Script((message("user", "left"),), ((message("user", "right"),),) * 2, seed=3),
    "long": Script((SYSTEM, message("user", "left right " * 12)), ((message("user", "A B C D " * 5),),), seed=4),
}


def same(one: TokenTrace, other: TokenTrace) -> bool:
    return (
        one.ids.tolist() == other.ids.tolist()
        and one.sampled.tolist() == other.sampled.tolist()
        and len(one.images) == len(other.images)
        and all(np.array_equal(a, b) for a, b in zip(one.images, other.images, strict=True))
        and bool(np.allclose(one.logprobs, other.logprobs, atol=1e-4))
    )


@pytest.mark.parametrize(("config", "scale"), [(GREEDY, 1.0), (WARM, 1.0), (HOT, 1.5)])
def test_logprobs_are_those_of_the_model(policy: HFPolicy, config: SamplerConfig, scale: float) -> None:
    traces = [episode.tokens for episode in play(policy, config, SCRIPTS).values()]
    assert sum(len(trace.images) for trace in traces) == 4
    with torch.no_grad():
        logprobs, _ = policy.token_logprobs(collate(traces), temperature=scale)
    for trace, row in zip(traces, logprobs.numpy(), strict=True):
        assert trace.sampled.any()
        assert not trace.logprobs[~trace.sampled].any()
        np.testing.assert_allclose(row[: len(trace.ids)], trace.logprobs, atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        replace(GREEDY, slots=1),
        replace(GREEDY, slots=2, admit=1),
        replace(GREEDY, slots=3, admit=2),
        replace(GREEDY, slots=64),
    ],
)
def test_greedy_tokens_do_not_depend_on_the_batch(policy: HFPolicy, config: SamplerConfig) -> None:
    alone = {key: play(policy, GREEDY, {key: script})[key] for key, script in SCRIPTS.items()}
    backwards = dict(reversed(SCRIPTS.items()))
    for scripts in (SCRIPTS, backwards):
        together = play(policy, config, scripts)
        for key, episode in together.items():
            assert episode.texts == alone[key].texts
            assert same(episode.tokens, alone[key].tokens)


def test_draws_follow_the_seed_whatever_the_company(policy: HFPolicy) -> None:
    alone = {key: play(policy, WARM, {key: script})[key] for key, script in SCRIPTS.items()}
    together = play(policy, replace(WARM, slots=2, admit=1), SCRIPTS)
    assert all(same(together[key].tokens, alone[key].tokens) for key in SCRIPTS)
    reseeded = play(policy, WARM, {key: replace(script, seed=script.seed + 100) for key, script in SCRIPTS.items()})
    assert not any(same(reseeded[key].tokens, alone[key].tokens) for key in SCRIPTS)


def test_a_group_shares_its_prefill(policy: HFPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"{key} {n}": replace(SCRIPTS[key], seed=n) for key in ("picture", "turns", "text") for n in range(4)}
    grouped = {key: replace(script, group=key.split()[0]) for key, script in members.items()}
    tokens: list[int] = []
    embed = policy.embed

    def counted(ids: torch.Tensor, images: Sequence[Array]) -> torch.Tensor:
        tokens.append(ids.numel())
        return embed(ids, images)

    monkeypatch.setattr(policy, "embed", counted)
    config = replace(WARM, slots=12)
    apart = play(policy, config, members)
    unshared = sum(tokens)
    tokens.clear()
    shared = play(policy, config, grouped)
    assert all(same(shared[key].tokens, apart[key].tokens) for key in members)
    assert len({tuple(episode.texts) for episode in shared.values()}) > 6
    prompts = {key: len(policy.encoder.prompt(script.prompt).ids) for key, script in members.items()}
    first_of_groups = sum(length for key, length in prompts.items() if key.endswith("0"))
    assert unshared - sum(tokens) >= sum(prompts.values()) - first_of_groups


def test_a_member_that_comes_late_is_no_different(policy: HFPolicy) -> None:
    members = {f"m{n}": replace(SCRIPTS["picture"], seed=n, group="g") for n in range(5)}
    assert all(
        same(episode.tokens, play(policy, WARM, {key: replace(members[key], group=None)})[key].tokens)
        for key, episode in play(policy, replace(WARM, slots=2), members).items()
    )


def test_a_full_conversation_says_so(policy: HFPolicy) -> None:
    script = Script((message("user", "left"),), ((message("user", "right"),),) * 50)
    config = replace(WARM, max_tokens=90)
    episode = play(policy, config, {"long": script, "other": SCRIPTS["text"]})["long"]
    assert episode.full
    assert 2 <= len(episode.texts) < 50
    assert len(episode.tokens.ids) <= 90
    assert int(episode.tokens.sampled.sum()) >= len(episode.texts)
    # What was sampled until then can be trained on.
    with torch.no_grad():
        logprobs, _ = policy.token_logprobs(collate([episode.tokens]))
    np.testing.assert_allclose(logprobs[0].numpy(), episode.tokens.logprobs, atol=1e-4)


def test_a_prompt_that_does_not_fit_is_full_at_once(policy: HFPolicy) -> None:
    room = len(policy.encoder.prompt(SCRIPTS["text"].prompt).ids) + 1
    played = play(policy, replace(WARM, max_tokens=room), {"long": SCRIPTS["long"], "short": SCRIPTS["text"]})
    assert played["long"].full
    assert played["long"].texts == []
    assert len(played["long"].tokens.ids) == 0
    assert not played["short"].full


@pytest.mark.parametrize("room", [1, 2, 3])
def test_the_last_place_is_used(policy: HFPolicy, room: int) -> None:
    prompt = len(policy.encoder.prompt(SCRIPTS["text"].prompt).ids)
    config = replace(WARM, max_tokens=prompt + room, max_new_tokens=50)
    episode = play(policy, config, {"text": SCRIPTS["text"], "other": replace(SCRIPTS["text"], seed=9)})["text"]
    assert not episode.full
    assert len(episode.tokens.ids) == prompt + room
    free = play(policy, replace(config, max_tokens=256), {"text": SCRIPTS["text"]})["text"]
    assert episode.tokens.ids.tolist() == free.tokens.ids[: prompt + room].tolist()


def script_logits(policy: HFPolicy, monkeypatch: pytest.MonkeyPatch, tokens: Sequence[int]) -> None:
    """Make the model want these tokens, one after the other."""
    left = list(tokens)

    def logits(hidden: torch.Tensor) -> torch.Tensor:
        scores = torch.zeros(*hidden.shape[:-1], len(policy.encoder.tokenizer))
        scores[..., left.pop(0)] = 50.0
        return scores

    monkeypatch.setattr(policy, "logits", logits)


STOP = ("</tool_call>", "</response>")


def test_what_is_imitated_is_what_would_be_sampled(policy: HFPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = ["<think>a</think><tool_call>{}</tool_call>", "No tag here.", "<think>b</think><response>R,R</response>"]
    script = Script(SCRIPTS["turns"].prompt, SCRIPTS["turns"].replies[:2])
    says = [message("assistant", turn) for turn in turns]
    conversation = (*script.prompt, says[0], *script.replies[0], says[1], *script.replies[1], says[2])
    expected = tokenise(policy.encoder, conversation, STOP)
    script_logits(policy, monkeypatch, expected.ids[expected.sampled].tolist())
    episode = play(policy, replace(GREEDY, max_new_tokens=60, stop=STOP), {"k": script})["k"]
    assert episode.texts == turns
    assert same(replace(episode.tokens, logprobs=expected.logprobs), expected)
    assert int((expected.ids[expected.sampled] == policy.encoder.tokenizer.eos_token_id).sum()) == 1


@pytest.mark.parametrize("stop", ["</response>", "present. Say", "Tools:\nPoint"])
def test_a_stop_string_ends_the_turn_and_stays(policy: HFPolicy, monkeypatch: pytest.MonkeyPatch, stop: str) -> None:
    ids = policy.encoder.text(f"left right {stop}").tolist()
    script_logits(policy, monkeypatch, [*ids, *policy.encoder.text("more").tolist()])
    config = replace(GREEDY, max_new_tokens=60, stop=(stop, "unheard of"))
    episode = play(policy, config, {"k": SCRIPTS["text"]})["k"]
    assert episode.texts == [f"left right {stop}"]
    assert episode.tokens.ids[episode.tokens.sampled].tolist() == ids


def test_every_end_token_ends_a_turn(policy: HFPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = policy.encoder.tokenizer
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    monkeypatch.setattr(policy.model.generation_config, "eos_token_id", [tokenizer.eos_token_id, end])
    monkeypatch.setattr(policy, "end_ids", end_tokens(policy.encoder.tokenizer, policy.model.generation_config))
    script_logits(policy, monkeypatch, [*policy.encoder.text("left").tolist(), end])
    assert play(policy, replace(GREEDY, max_new_tokens=60), {"k": SCRIPTS["text"]})["k"].texts == ["left"]


def test_control_tokens_are_never_sampled(policy: HFPolicy) -> None:
    config = replace(GREEDY, slots=16, max_new_tokens=40, temperature=50.0)
    scripts = {str(n): replace(SCRIPTS["text"], seed=n) for n in range(16)}
    ids = np.concatenate(
        [episode.tokens.ids[episode.tokens.sampled] for episode in play(policy, config, scripts).values()]
    )
    assert len(set(ids.tolist())) > 100
    names = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|im_start|>"]
    assert not set(ids.tolist()) & set(policy.encoder.tokenizer.convert_tokens_to_ids(names))


def test_draws_have_the_models_distribution(policy: HFPolicy) -> None:
    scripts = {str(n): replace(SCRIPTS["text"], seed=n, group="g") for n in range(2000)}
    config = SamplerConfig(slots=2000, max_tokens=40, max_new_tokens=1, temperature=4.0)
    first = [int(episode.tokens.ids[-1]) for episode in play(policy, config, scripts).values()]
    ids = torch.from_numpy(policy.encoder.prompt(SCRIPTS["text"].prompt).ids).unsqueeze(0)
    places = torch.arange(ids.shape[1]).expand(3, 1, -1)
    with torch.no_grad():
        odds = (policy.logits(policy.decode(policy.embed(ids, ()), places))[0, -1] / 4.0).softmax(-1).numpy()
    shares = np.bincount(first, minlength=len(odds)) / len(first)
    likely = np.argsort(odds)[-5:]
    np.testing.assert_allclose(shares[likely], odds[likely], atol=4 * np.sqrt(odds[likely].max() / len(first)))


def test_a_sampler_without_episodes_is_as_good_as_new(policy: HFPolicy) -> None:
    sampler = Sampler(policy, WARM)
    for key in ("a", "b", "c"):
        sampler.start(key, None, 0, SCRIPTS["text"].prompt)
    sampler.work()
    for key in ("b", "a", "c"):
        sampler.finish(key)
    assert sampler._free == Sampler(policy, WARM)._free


def test_an_episode_may_be_dropped_at_any_time(policy: HFPolicy) -> None:
    sampler = Sampler(policy, replace(WARM, slots=2))
    sampler.start("waiting", None, 0, SCRIPTS["text"].prompt)
    assert len(sampler.finish("waiting").ids) == 0
    sampler.start("stays", None, SCRIPTS["picture"].seed, SCRIPTS["picture"].prompt)
    sampler.start("goes", None, 0, SCRIPTS["turns"].prompt)
    sampler._admit()
    assert sampler.finish("goes").sampled.sum() == 1
    assert [turn.key for turn in sampler.work()] == ["stays"]
    expected = play(policy, WARM, {"picture": SCRIPTS["picture"]})["picture"].tokens
    assert same(sampler.finish("stays"), expected)


def test_slots_and_keys_are_checked(policy: HFPolicy) -> None:
    sampler = Sampler(policy, replace(WARM, slots=1))
    sampler.start("a", None, 0, SCRIPTS["text"].prompt)
    with pytest.raises(UsageError, match="`a` is already running"):
        sampler.start("a", None, 0, SCRIPTS["text"].prompt)
    with pytest.raises(UsageError, match="all 1 slots are taken"):
        sampler.start("b", None, 0, SCRIPTS["text"].prompt)


@pytest.mark.parametrize("change", [{"slots": 0}, {"max_tokens": 0}, {"temperature": -1.0}, {"admit": 0}])
def test_settings_are_checked(change: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="must be positive"):
        SamplerConfig(**change)
