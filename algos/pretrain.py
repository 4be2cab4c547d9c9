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
from adagym.policies.hf import HFPolicy
from adagym.policies.pretraining import Document, documents
from adagym.policies.sampler import Sampler, SamplerConfig
from adagym.policies.tiny import new_tiny
from adagym.protocol import DIALECTS

STOP = ("</tool_call>", "</response>", "</answer>")


@dataclass(frozen=True)
class Pretrain:
    """Train the embedded base model from nothing and save it in transformers' format (bfloat16)."""

    out: Path
    """Folder to write."""
    steps: int = 4200
    batch_size: int = 12
    warmup: int = 7200
    """Conversations of the first, simpler kind."""
    seed: int = 0
    threads: int = 1
    lr: float = 3e-3
    muon_lr: float = 5e-3


def run(config: Pretrain) -> None:
    """Build the tokenizer, train, evaluate on unseen documents, save."""
    console = Console()
    torch.set_num_threads(config.threads)
    policy = new_tiny(vocabulary_corpus(config.seed), seed=config.seed)
    console.print(f"{policy.model.num_parameters():,} parameters, {len(policy.encoder.tokenizer)} tokens")
    examples = (tokenise(policy.encoder, doc.messages, STOP) for doc in documents(config.seed, config.warmup))
    began = time.perf_counter()
    losses: list[float] = []

    def on_step(step: int, loss: float) -> None:
        losses.append(loss)
        if (step + 1) % 100 == 0:
            seconds = time.perf_counter() - began
            mean = sum(losses[-100:]) / 100
            console.print(f"step {step + 1}/{config.steps}  loss {mean:.4f}  {seconds:.0f} s", highlight=False)
        if (step + 1) % 700 == 0:
            policy.model.eval()
            console.print_json(json.dumps(evaluate(policy, seed=config.seed + 1, count=32)))
            save(policy, config.out)
            policy.model.train()

    optim = OptimConfig(lr=config.lr, muon_lr=config.muon_lr, warmup=0.02, final=0.0)
    settings = SFTConfig(steps=config.steps, batch_size=config.batch_size, seed=config.seed, bf16=True, optim=optim)
    train(policy, examples, settings, on_step)
    console.print_json(json.dumps(evaluate(policy, seed=config.seed + 1, count=200)))
    save(policy, config.out)


def vocabulary_corpus(seed: int) -> Iterator[str]:
    """Texts for the tokenizer: documents, and played episodes of the real tasks (its words; no weight sees them)."""
    for document in itertools.islice(documents(seed), 1500):
        yield from (message.text for message in document.messages)
    for env_id in ENVS.names():
        for dialect in ("adareasoner", "adatooler", "hermes"):
            make = functools.partial(
                gym.make, env_id, disable_env_checker=True, tasks="vsp-generated:split=train", dialect=dialect, prompt="brief"
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
            document: Document = chosen[int(turn.key)]
            right.setdefault(document.kind, []).append(turn.text == document.messages[-1].text)
    return {kind: sum(results) / len(results) for kind, results in sorted(right.items())}


def save(policy: HFPolicy, out: Path) -> None:
    """Write the checkpoint in bfloat16 without touching the policy's own weights."""
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in policy.model.state_dict().items()}
    policy.model.save_pretrained(str(out), state_dict=weights)
    policy.processor.save_pretrained(str(out))


if __name__ == "__main__":
    run(tyro.cli(Pretrain))
