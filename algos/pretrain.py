"""Makes the embedded base checkpoint: ``python -m adagym.algos.pretrain --out DIR``.

What the model sees is in :mod:`adagym.policies.pretraining`. The figures of the shipped checkpoint are in its
model card, ``policies/assets/tiny-base/README.md``.
"""

from __future__ import annotations

import functools
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import torch
import tyro
from rich.console import Console

from adagym.agents.scripted import ExpertAgent
from adagym.algos.coldstart import demonstrations
from adagym.algos.optim import OptimConfig
from adagym.algos.sft import SFTConfig, tokenise, train
from adagym.envs import ENVS
from adagym.policies.hf import HFPolicy, PolicyConfig
from adagym.policies.pretraining import documents
from adagym.policies.sampler import Sampler, SamplerConfig
from adagym.policies.tiny import load_tiny, new_tiny

STOP = ("</tool_call>", "</response>", "</answer>")


@dataclass(frozen=True)
class Stage:
    """One stretch of training with an optimiser of its own."""

    steps: int
    horizon: int
    """Length of the cosine schedule; a stage may end before the rates have fallen."""
    shares: tuple[float, float, float]
    """How much is *errand*, *repeat* and *scan*."""
    warmup: int = 0
    """Conversations of the simplest kind at the start."""
    lr: float = 3e-3
    muon_lr: float = 5e-3


STAGES = (
    Stage(steps=2100, horizon=4200, shares=(0.6, 0.25, 0.15), warmup=7200),
    Stage(steps=900, horizon=900, shares=(0.35, 0.15, 0.5), lr=1.5e-3, muon_lr=2.5e-3),
    Stage(steps=800, horizon=800, shares=(0.8, 0.2, 0.0), lr=1.5e-3, muon_lr=2.5e-3),
)
"""Carrying values between tools; then half of it reading pictures; then carrying again, until the rates are zero."""


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
        figures = evaluate(policy, seed=config.seed + 100, count=300)
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
    settings = SFTConfig(stage.steps, config.batch_size, bf16=True, optim=optim, horizon=stage.horizon)
    train(policy, examples, settings, on_step)


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


def evaluate(policy: HFPolicy, seed: int, count: int) -> dict[str, float]:
    """Share of last assistant turns reproduced exactly by greedy sampling, per kind of document."""
    sampler = Sampler(policy, SamplerConfig(slots=count, max_tokens=1024, temperature=0.0, stop=STOP))
    chosen = list(itertools.islice(documents(seed), count))
    for index, document in enumerate(chosen):
        sampler.start(str(index), None, index, document.messages[:-1])
    right: dict[str, list[bool]] = {}
    while turns := sampler.work():
        for turn in turns:
            wanted = chosen[int(turn.key)]
            right.setdefault(wanted.kind, []).append(turn.text == wanted.messages[-1].text)
    return {kind: sum(results) / len(results) for kind, results in sorted(right.items())}


def save(policy: HFPolicy, out: Path) -> None:
    """Write the checkpoint in bfloat16 without touching the policy's own weights."""
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in policy.model.state_dict().items()}
    policy.model.save_pretrained(str(out), state_dict=weights)
    policy.processor.save_pretrained(str(out))


if __name__ == "__main__":
    run(tyro.cli(Pretrain))
