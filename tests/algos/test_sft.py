"""Supervised fine-tuning: what carries the loss, how batches are made, and that it learns."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch

from adagym.algos.optim import OptimConfig
from adagym.algos.sft import SFTConfig, bucketed, tokenise, train
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.hf import HFPolicy, PolicyConfig
from adagym.types import ImageBlock, Message, TextBlock

STOP = ("</tool_call>", "</response>")
PICTURE = np.zeros((64, 128, 3), np.uint8)
CALL = '<think>Find the player.</think><tool_call>{"name": "Point"}</tool_call>'
ANSWER = "<think>The path is safe.</think><response>\\boxed{R,R,D}</response>"


def say(text: str) -> Message:
    return Message("assistant", (TextBlock(text),))


CONVERSATION = (
    Message("system", (TextBlock("Tools: Point."),)),
    Message("user", (ImageBlock("img_1", PICTURE), TextBlock("Go to the present."))),
    say(CALL),
    Message("user", (TextBlock('{"points": [[96, 32]]}'), ImageBlock("img_2", PICTURE))),
    say("Hm."),
    Message("tool", (TextBlock("failed"),)),
    say(ANSWER),
)


def test_the_assistants_turns_carry_the_loss(policy: HFPolicy) -> None:
    encoder = policy.encoder
    trace = tokenise(encoder, CONVERSATION, STOP)
    borders = np.flatnonzero(np.diff(trace.sampled.astype(int), prepend=0, append=0))
    turns = [trace.ids[a:b] for a, b in zip(borders[::2], borders[1::2], strict=True)]
    assert [encoder.tokenizer.decode(turn, skip_special_tokens=False) for turn in turns] == [
        CALL,
        "Hm.<|im_end|>",
        ANSWER,
    ]
    assert [encoder.pads(image) for image in trace.images] == [2, 2]
    assert not trace.logprobs.any()


@pytest.mark.parametrize("stop", [(), STOP])
def test_the_whole_is_the_rendered_conversation(policy: HFPolicy, stop: tuple[str, ...]) -> None:
    encoder = policy.encoder
    text = encoder.tokenizer.decode(tokenise(encoder, CONVERSATION, stop).ids, skip_special_tokens=False)
    pads = "<|image_pad|>"
    last = "" if stop else "<|im_end|>"
    expected = encoder.chat.prompt(CONVERSATION).removesuffix("<|im_end|>\n<|im_start|>assistant\n") + last
    assert text.replace(pads * 2, pads) == expected


def test_what_follows_the_last_turn_is_left_out(policy: HFPolicy) -> None:
    longer = (*CONVERSATION, Message("user", (TextBlock("Thanks."), ImageBlock("img_3", PICTURE))))
    assert (
        tokenise(policy.encoder, longer, STOP).ids.tolist() == tokenise(policy.encoder, CONVERSATION, STOP).ids.tolist()
    )


def test_a_conversation_needs_an_assistant(policy: HFPolicy) -> None:
    with pytest.raises(UsageError, match="at least one assistant turn"):
        tokenise(policy.encoder, CONVERSATION[:2])


def test_the_loss_falls_and_the_mask_holds(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    trace = tokenise(policy.encoder, CONVERSATION, STOP)
    losses: list[float] = []
    config = SFTConfig(steps=40, batch_size=2, optim=OptimConfig(lr=1e-2, muon_lr=1e-2))
    assert train(policy, itertools.repeat(trace), config, lambda step, loss: losses.append(loss)) == 0
    assert len(losses) == 40
    assert losses[0] > 3
    assert losses[-1] < 0.3 * losses[0]
    assert not policy.model.training


def test_the_loss_is_the_mean_over_the_assistants_tokens(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    trace = tokenise(policy.encoder, CONVERSATION, STOP)
    places = torch.from_numpy(policy.positions(trace.ids, trace.images)[0]).unsqueeze(1)
    with torch.no_grad():
        embeddings = policy.embed(torch.from_numpy(trace.ids).unsqueeze(0), trace.images)
        table = policy.logits(policy.decode(embeddings, places))[0].log_softmax(-1)
    wanted = np.flatnonzero(trace.sampled)
    losses: list[float] = []
    train(policy, itertools.repeat(trace), SFTConfig(steps=1, batch_size=3), lambda step, loss: losses.append(loss))
    assert losses == [pytest.approx(-float(table[wanted - 1, trace.ids[wanted]].mean()), abs=1e-4)]


def test_bfloat16_learns_too(new_policy: Callable[[int], HFPolicy]) -> None:
    plain = new_policy(0)
    policy = HFPolicy(plain.model, plain.processor, PolicyConfig(dtype="mixed"))
    trace = tokenise(policy.encoder, CONVERSATION, STOP)
    losses: list[float] = []
    config = SFTConfig(steps=15, batch_size=1, optim=OptimConfig(lr=5e-3, muon_lr=5e-3))
    train(policy, itertools.repeat(trace), config, lambda step, loss: losses.append(loss))
    assert losses[-1] < 0.6 * losses[0]
    assert next(policy.model.parameters()).dtype == torch.float32


def short(length: int) -> TokenTrace:
    return TokenTrace(np.full(length, 7), np.arange(length) > 0, np.zeros(length, np.float32))


def test_batches_are_of_similar_length() -> None:
    lengths = [5, 50, 7, 45, 6, 48, 5, 47] * 4
    batches = list(itertools.islice(bucketed(map(short, lengths), 4, seed=0), 8))
    found = [[len(trace.ids) for trace in batch] for batch, _ in batches]
    assert sorted(itertools.chain(*found)) == sorted(lengths)
    assert all(max(batch) - min(batch) <= 3 for batch in found)
    again = [[len(trace.ids) for trace in batch] for batch, _ in bucketed(map(short, lengths), 4, seed=0)]
    other = [[len(trace.ids) for trace in batch] for batch, _ in bucketed(map(short, lengths), 4, seed=1)]
    assert found == again != other
    # A short batch's tokens must not count for more than a long one's: all share the window's average.
    per_batch = sum(int(trace.sampled.sum()) for batch, _ in batches for trace in batch) / 8
    assert [tokens for _, tokens in batches] == [per_batch] * 8


def test_long_conversations_are_left_out_and_counted(new_policy: Callable[[int], HFPolicy]) -> None:
    seen: list[int] = []
    policy = new_policy(0)
    original = policy.token_logprobs

    def watched(batch: object, temperature: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(max(batch.lengths))
        return original(batch, temperature)

    policy.token_logprobs = watched
    examples = itertools.cycle([short(5), short(30), short(6)])
    dropped = train(policy, examples, SFTConfig(steps=2, batch_size=2, max_tokens=10), lambda step, loss: None)
    assert dropped == 8  # 16 that fit are drawn, two of every three do
    assert max(seen) <= 6


def test_streams_that_cannot_serve_are_refused(new_policy: Callable[[int], HFPolicy]) -> None:
    policy = new_policy(0)
    config = SFTConfig(steps=20, batch_size=1, max_tokens=10)
    with pytest.raises(UsageError, match="ran out after 8 of 20 steps"):
        train(policy, iter([short(5)] * 12), config, lambda step, loss: None)
    with pytest.raises(UsageError, match="longer than max_tokens=10"):
        train(policy, itertools.repeat(short(30)), config, lambda step, loss: None)


@pytest.mark.parametrize("change", [{"steps": 0}, {"batch_size": 0}, {"max_tokens": 0}])
def test_settings_are_checked(change: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="must be positive"):
        SFTConfig(**change)
