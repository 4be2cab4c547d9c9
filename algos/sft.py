"""Supervised fine-tuning on conversations: the Tool Cold Start of AdaReasoner (section 2.3).

The loss is the mean negative log-likelihood of the tokens the assistant should have written. Conversations
are tokenised piece by piece exactly as they are during sampling, so that a cold-started policy meets the
same tokens in reinforcement learning.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from adagym.algos.devices import SINGLE, Devices, share
from adagym.algos.optim import OptimConfig, Optimiser
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.policies.batch import collate
from adagym.policies.encoding import Encoder
from adagym.policies.hf import HFPolicy
from adagym.types import Array, Message


@dataclass(frozen=True)
class SFTConfig:
    """Settings of supervised fine-tuning."""

    steps: int = 300
    batch_size: int = 8
    max_tokens: int = 1024
    """Longer conversations are left out and counted."""
    seed: int = 0
    horizon: int | None = None
    """Length of the learning-rate schedule; None is ``steps``."""
    optim: OptimConfig = field(default_factory=lambda: OptimConfig(lr=1.5e-3, muon_lr=3e-3, final=0.0))

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.steps, self.batch_size, self.max_tokens) < 1:
            given = f"{self.steps}, {self.batch_size} and {self.max_tokens}"
            raise UsageError(f"steps, batch_size and max_tokens must be positive; they are {given}.")


def tokenise(encoder: Encoder, messages: Sequence[Message], stop: Sequence[str] = ()) -> TokenTrace:
    """Turn a conversation into tokens; the assistant's turns carry the loss.

    Args:
        encoder: The policy's encoder.
        messages: A conversation; what follows its last assistant turn is left out.
        stop: The dialect's stop strings; a turn that does not end with one ends with the end token.

    Raises:
        UsageError: No message is an assistant's, or the chat template cannot write the others.
    """
    first = next((index for index, message in enumerate(messages) if message.role == "assistant"), None)
    if first is None:
        raise UsageError("A conversation to learn from needs at least one assistant turn.")
    ids: list[int] = []
    sampled: list[bool] = []
    images: list[Array] = []
    eos = int(encoder.tokenizer.eos_token_id)
    chunk = encoder.prompt(messages[:first])
    begin = first
    while True:
        ids += chunk.ids.tolist()
        sampled += [False] * len(chunk.ids)
        images += chunk.images
        turn = encoder.text(messages[begin].text).tolist()
        if not messages[begin].text.endswith(tuple(stop)):
            turn.append(eos)
        ids += turn
        sampled += [True] * len(turn)
        end = next((i for i in range(begin + 1, len(messages)) if messages[i].role == "assistant"), None)
        if end is None:
            break
        chunk = encoder.between(messages[begin + 1 : end], ids[-1])
        begin = end
    length = len(ids)
    return TokenTrace(np.array(ids), np.array(sampled), np.zeros(length, np.float32), tuple(images))


def train(
    policy: HFPolicy,
    examples: Iterator[TokenTrace],
    config: SFTConfig,
    on_step: Callable[[int, float], None],
    devices: Devices = SINGLE,
) -> int:
    """Minimise the negative log-likelihood of the examples.

    Args:
        policy: Changed in place.
        examples: Endless; batches of ``config.batch_size`` are taken from it.
        config: See :class:`SFTConfig`.
        on_step: Called with the step's number (from 0) and loss (nats per token).
        devices: The processes that share each batch. Each must call this, with the same examples.

    Returns:
        How many examples were left out for their length; one that came up several times counts each time.

    Raises:
        UsageError: The examples ran out, or none is short enough.
    """
    optimiser = Optimiser(policy.model, config.optim, config.horizon or config.steps)
    fitting = _Fitting(examples, config.max_tokens)
    batches = bucketed(fitting, config.batch_size, config.seed)
    policy.model.train()
    for step in range(config.steps):
        drawn = next(batches, None)
        if drawn is None:
            raise UsageError(f"The examples ran out after {step} of {config.steps} steps; give an endless stream.")
        traces, tokens = drawn
        summed = _backward(policy, share(traces, devices), tokens)
        devices.sum_gradients(optimiser.parameters)
        optimiser.step()
        on_step(step, sum(devices.gather([summed])) / sum(int(trace.sampled.sum()) for trace in traces))
    policy.model.eval()
    return fitting.dropped


def _backward(policy: HFPolicy, traces: Sequence[TokenTrace], tokens: float) -> float:
    """Add the gradient of some of a batch's examples; return their summed negative log-likelihood, in nats.

    Args:
        policy: Holds the gradient.
        traces: A process's share, which may be none.
        tokens: What the sum is divided by for the gradient.
    """
    if not traces:
        return 0.0
    logprobs, _ = policy.token_logprobs(collate(traces))
    summed = -logprobs.sum()
    (summed / tokens).backward()  # type: ignore[no-untyped-call]  # torch has no types here
    return summed.item()


def bucketed(examples: Iterator[TokenTrace], batch_size: int, seed: int) -> Iterator[tuple[list[TokenTrace], float]]:
    """Batches of similar length, so that little is padding: sort a window of 8 batches, deal it out shuffled.

    Each comes with the tokens with loss that a batch of its window has on average. Divided by its own number instead,
    a batch of short examples would count each of its tokens for more than a batch of long ones.
    """
    window = 8
    rng = np.random.default_rng(seed)
    while len(pool := list(itertools.islice(examples, window * batch_size))) == window * batch_size:
        tokens = sum(int(example.sampled.sum()) for example in pool) / window
        pool.sort(key=lambda example: len(example.ids))
        for index in rng.permutation(window):
            yield pool[index * batch_size : (index + 1) * batch_size], tokens


class _Fitting(Iterator[TokenTrace]):
    """The examples that are short enough."""

    patience = 10_000
    """So many in a row that are too long end the search."""

    def __init__(self, examples: Iterator[TokenTrace], max_tokens: int) -> None:
        self._examples = examples
        self._max_tokens = max_tokens
        self.dropped = 0

    def __next__(self) -> TokenTrace:
        for _ in range(self.patience):
            example = next(self._examples)
            if len(example.ids) <= self._max_tokens:
                return example
            self.dropped += 1
        raise UsageError(
            f"{self.patience} conversations in a row are longer than max_tokens={self._max_tokens}; raise max_tokens."
        )
