"""What ``adagym train sft`` and ``adagym train grpo`` share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from adagym.errors import UsageError, require

if TYPE_CHECKING:
    from rich.console import Console

    from adagym.algos.optim import OptimConfig
    from adagym.policies.hf import HFPolicy

MODEL = "model"


@dataclass(frozen=True)
class Environment:
    """The environment's arguments."""

    tasks: str = "vsp-generated:split=train,n=5000"
    """Task source to train on."""
    dialect: str = "adareasoner"
    """How calls and answers are written; `adagym list dialects` shows them."""
    prompt: str = "brief"
    """brief explains tools in a line each and suits the embedded model, full with their schemas. Evaluate alike."""
    max_turns: int = 10
    """An episode is cut after so many turns without an answer."""
    reward: str = "tool_grpo"
    """Preset that scores the episodes; `adagym list presets` shows them."""
    adaptive: str | None = None
    """names, or names,fields,errors: tools under other names in every episode. Default: their own names."""


@dataclass(frozen=True)
class Rates:
    """Learning rates. The defaults suit the embedded model; 7 B parameters want about 1e-6 and no Muon."""

    lr: float = 2e-4
    """AdamW's rate: embeddings, norms and biases, and everything if muon-lr is 0."""
    muon_lr: float = 3e-4
    """Muon's rate for the matrices inside blocks."""
    final: float = 0.1
    """Share of the rates left at the last step; cosine in between."""


@dataclass(frozen=True)
class Machine:
    """Where and in which precision the model runs."""

    device: str = "cpu"
    """A torch device."""
    dtype: Literal["float32", "bfloat16", "mixed"] = "float32"
    """Type of weights and arithmetic; mixed keeps float32 weights and computes in bfloat16."""
    threads: int | None = None
    """Processor threads for the model. Default: torch's choice. On a busy machine 1 is fastest."""
    train_vision: bool = False
    """Train the vision tower too."""
    lora_rank: int = 0
    """Train LoRA adapters of this rank instead of the weights; 0 trains the weights."""
    lora_alpha: float = 32.0
    """The adapters' output is multiplied by alpha / rank."""
    gradient_checkpointing: bool = False
    """Less memory in training, for more time."""


def check_seed(seed: int) -> None:
    """Refuse what cannot seed a generator.

    Raises:
        UsageError: It is negative.
    """
    if seed < 0:
        raise UsageError(f"The seed is {seed}; it must not be negative.")


def optim(rates: Rates) -> OptimConfig:
    """The optimiser's settings."""
    from adagym.algos.optim import OptimConfig

    return OptimConfig(lr=rates.lr, muon_lr=rates.muon_lr, final=rates.final)


def load_policy(model: str, machine: Machine) -> HFPolicy:
    """Load the model to train.

    Raises:
        UsageError: There is no such folder, device or model.
    """
    torch = require("torch", "train")
    from adagym.algos.devices import own_device
    from adagym.policies.hf import HFPolicy, PolicyConfig
    from adagym.policies.lora import LoraConfig
    from adagym.policies.tiny import load_tiny

    try:
        torch.empty(0, device=own_device(machine.device))
        if machine.threads is not None:
            torch.set_num_threads(machine.threads)
    except (RuntimeError, AssertionError) as error:  # torch says both of what this machine does not have
        raise UsageError(f"The model cannot run on {_where(machine)}: {error}") from None
    config = PolicyConfig(
        freeze_vision=not machine.train_vision,
        dtype=machine.dtype,
        device=own_device(machine.device),
        lora=LoraConfig(machine.lora_rank, machine.lora_alpha) if machine.lora_rank else None,
        gradient_checkpointing=machine.gradient_checkpointing,
    )
    if model == "tiny":
        return load_tiny(None, config)
    folder = Path(model.removeprefix("tiny:").removeprefix("hf:"))
    if not folder.is_dir():
        raise UsageError(f"There is no model folder `{folder}`; give `tiny`, `tiny:DIR` or a folder.")
    return HFPolicy.from_pretrained(folder, config)


def _where(machine: Machine) -> str:
    threads = "" if machine.threads is None else f" with {machine.threads} threads"
    return f"the device `{machine.device}`{threads}"


def save_model(policy: HFPolicy, out: Path) -> None:
    """Write the model folder beside its name and rename it, so that it is complete or absent."""
    unfinished, final = out / f".{MODEL}", out / MODEL
    shutil.rmtree(unfinished, ignore_errors=True)
    policy.save(unfinished, merged=True)
    shutil.rmtree(final, ignore_errors=True)
    unfinished.rename(final)


def say_where(console: Console, env: str, model: str, out: Path, prompt: str) -> None:
    """Tell where the model is, and how to evaluate it."""
    kind = "tiny" if model.partition(":")[0] == "tiny" else "hf"
    console.print(f"Model: {out / MODEL}", markup=False, highlight=False, soft_wrap=True)
    command = f"adagym eval {env} --agent {kind}:{out / MODEL} --prompt {prompt} --out {out / 'eval'}"
    console.print(f"Evaluate it: {command}", markup=False, highlight=False, soft_wrap=True)
