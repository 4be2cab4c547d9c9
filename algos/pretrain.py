"""Makes the embedded base checkpoint: ``python -m adagym.algos.pretrain --out DIR``.

What the model sees is in :mod:`adagym.policies.pretraining`. The figures of the shipped checkpoint are in its
model card, ``policies/assets/tiny-base/README.md``.
"""

from __future__ import annotations

import functools
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
import tyro
from rich.console import Console

from adagym.agents.scripted import ExpertAgent
from adagym.algos.coldstart import demonstrations
from adagym.algos.optim import OptimConfig
from adagym.algos.sft import SFTConfig, tokenise, train
from adagym.envs import ENVS
from adagym.policies.hf import HFPolicy, PolicyConfig
from adagym.policies.pretraining import FIRST_SHARES, documents
from adagym.policies.sampler import Sampler, SamplerConfig
from adagym.policies.tiny import load_tiny, new_tiny

STOP = ("</tool_call>", "</response>", "</answer>")


@dataclass(frozen=True)
class Stage:
    """One stretch of training with an optimiser of its own."""

    steps: int
    horizon: int
    """Length of the cosine schedule; a stage may end before the rates have fallen."""
    shares: Mapping[str, float]
    """Kind of conversation to its share."""
    warmup: int = 0
    """Conversations of the simplest kind at the start."""
    lr: float = 3e-3
    muon_lr: float = 5e-3


STAGES = (
    Stage(steps=2100, horizon=4200, shares=FIRST_SHARES, warmup=7200),
    Stage(900, 900, {"errand": 0.35, "repeat": 0.15, "scan": 0.5}, lr=1.5e-3, muon_lr=2.5e-3),
    Stage(800, 800, {"errand": 0.8, "repeat": 0.2}, lr=1.5e-3, muon_lr=2.5e-3),
    Stage(1300, 1300, {"errand": 0.15, "quest": 0.45, "common": 0.3, "repeat": 0.1}, lr=2e-3, muon_lr=3e-3),
    Stage(2200, 2200, {"errand": 0.2, "quest": 0.35, "common": 0.35, "repeat": 0.1}, lr=2e-3, muon_lr=3e-3),
    Stage(4400, 4400, {"errand": 0.12, "quest": 0.4, "common": 0.4, "repeat": 0.08}, lr=2.5e-3, muon_lr=4e-3),
)
"""Carrying values between tools; half of it reading pictures; carrying again, until the rates are zero; and last tools
that have to be told apart by what they are said to do, and lists that have to be compared."""


@dataclass(frozen=True)
class Pretrain:
    """Train the embedded base model from nothing and save it in transformers' format (bfloat16)."""

    out: Path
    """Folder to write."""
    init: Path | None = None
    """Go on from this checkpoint instead of fresh weights."""
    skip: int = 0
    """Stages that the checkpoint has behind it."""
    batch_size: int = 12
    seed: int = 0
    threads: int = 1


def run(config: Pretrain) -> None:
    """Build the tokenizer, train every stage, evaluate on unseen documents, save."""
    console = Console()
    torch.set_num_threads(config.threads)
    if config.init is None:
        policy = new_tiny(vocabulary_corpus(config.seed), seed=config.seed)
    else:
        policy = load_tiny(config.init, PolicyConfig(freeze_vision=False))
    console.print(f"{policy.model.num_parameters():,} parameters, {len(policy.encoder.tokenizer)} tokens")
    for number, stage in enumerate(STAGES[config.skip :], config.skip):
        _train_stage(policy, config, number, stage, console)
        figures = evaluate(policy, stage.shares, seed=config.seed + 100, count=300)
        console.print_json(json.dumps(figures))
        save(policy, config.out)


def _train_stage(policy: HFPolicy, config: Pretrain, number: int, stage: Stage, console: Console) -> None:
    began = time.perf_counter()
    losses: list[float] = []

    def on_step(step: int, loss: float) -> None:
        losses.append(loss)
        if (step + 1) % 100 == 0:
            mean = sum(losses[-100:]) / 100
            seconds = time.perf_counter() - began
            done = f"stage {number}: {step + 1}/{stage.steps}"
            console.print(f"{done}  loss {mean:.4f}  {seconds:.0f} s", highlight=False)

    stream = documents(config.seed + number, stage.shares, stage.warmup)
    examples = (tokenise(policy.encoder, document.messages, STOP) for document in stream)
    optim = OptimConfig(lr=stage.lr, muon_lr=stage.muon_lr, warmup=0.02, final=0.0)
    settings = SFTConfig(stage.steps, config.batch_size, optim=optim, horizon=stage.horizon)
    mixed = HFPolicy(policy.model, policy.processor, PolicyConfig(freeze_vision=False, dtype="mixed"))  # one model
    train(mixed, examples, settings, on_step)


def vocabulary_corpus(seed: int) -> Iterator[str]:
    """Texts for the tokenizer: documents, and played episodes of the real tasks (its words; no weight sees them)."""
    for document in itertools.islice(documents(seed), 1500):
        yield from (message.text for message in document.messages)
    for env_id in ENVS.names():
        for dialect in ("adareasoner", "adatooler", "hermes"):
            make = functools.partial(
                gym.make,
                env_id,
                disable_env_checker=True,
                tasks="vsp-generated:split=train",
                dialect=dialect,
                prompt="brief",
            )
            for trajectory in demonstrations(make, ExpertAgent(draw=True), 60, seed):
                yield from (message.text for message in trajectory.messages)


def evaluate(policy: HFPolicy, shares: Mapping[str, float], seed: int, count: int) -> dict[str, float]:
    """Share of turns whose action greedy sampling reproduces exactly, per kind of document.

    One turn is drawn from each document; its thought may be worded otherwise.
    """
    rng = np.random.default_rng(seed)
    sampler = Sampler(policy, SamplerConfig(slots=count, max_tokens=1536, temperature=0.0, stop=STOP))
    wanted: list[tuple[str, str]] = []
    for index, document in enumerate(itertools.islice(documents(seed, shares), count)):
        turns = [place for place, message in enumerate(document.messages) if message.role == "assistant"]
        place = int(rng.choice(turns))
        wanted.append((document.kind, document.messages[place].text))
        sampler.start(str(index), None, index, document.messages[:place])
    right: dict[str, list[bool]] = {}
    while done := sampler.work():
        for turn in done:
            kind, text = wanted[int(turn.key)]
            right.setdefault(kind, []).append(_action(turn.text) == _action(text))
    return {kind: sum(results) / len(results) for kind, results in sorted(right.items())}


def _action(text: str) -> str:
    return text.rpartition("</think>")[2]


def save(policy: HFPolicy, out: Path) -> None:
    """Write the checkpoint in bfloat16 without touching the policy's own weights."""
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in policy.model.state_dict().items()}
    policy.model.save_pretrained(str(out), state_dict=weights)
    policy.processor.save_pretrained(str(out))


if __name__ == "__main__":
    run(tyro.cli(Pretrain))
