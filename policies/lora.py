"""LoRA (arXiv 2106.09685) through peft: small matrices beside the decoder's, trained instead of it.

They are put into the model in place, so whatever holds the model or a part of it keeps working, the sampler included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from adagym.errors import UsageError, require

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
"""What peft puts before the names of saved weights."""


@dataclass(frozen=True)
class LoraConfig:
    """Which matrices get an adapter, and how large it is."""

    rank: int = 16
    alpha: float = 32.0
    """The adapter's output is multiplied by ``alpha / rank``."""
    dropout: float = 0.0
    """Applied in training only: above 0, sampling and training no longer agree, which shows in the metric ``drift``."""
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    """Names of linear layers inside the decoder."""
    seed: int = 0
    """Seeds the first of the two matrices; the second starts at 0, so that a new adapter changes nothing."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.rank < 1 or self.alpha <= 0 or not 0 <= self.dropout < 1 or not self.targets:
            raise UsageError(f"rank and alpha must be positive, dropout in [0, 1), targets not empty: {self}.")


def attach(model: Any, decoder: nn.Module, config: LoraConfig) -> None:
    """Put new adapters into the decoder and freeze everything else.

    Adapters are float32 whatever the model is: small steps would be lost in bfloat16.

    Args:
        model: A transformers model; changed in place.
        decoder: The part of it that gets adapters.
        config: See :class:`LoraConfig`.

    Raises:
        MissingExtra: peft is not installed.
        UsageError: The decoder has no layer of some target's name.
    """
    peft = require("peft", "train")
    present = {name.rpartition(".")[2] for name, part in decoder.named_modules() if isinstance(part, nn.Linear)}
    if absent := sorted(set(config.targets) - present):
        raise UsageError(f"The decoder has no linear layers named {absent}; it has {sorted(present)}.")
    inside = next(name for name, part in model.named_modules() if part is decoder)
    base: str = model.name_or_path
    settings = peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=rf"{re.escape(inside)}\..*\.({'|'.join(map(re.escape, config.targets))})",
        base_model_name_or_path=str(Path(base).resolve()) if base and Path(base).is_dir() else base,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        peft.inject_adapter_in_model(settings, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(is_adapter(name))
        if is_adapter(name):
            parameter.data = parameter.data.float()


def is_adapter(name: str) -> bool:
    """Whether a parameter's name is an adapter's."""
    return ".lora_" in name


def save_adapter(model: Any, path: Path) -> None:
    """Write the adapter alone, in peft's format: ``PeftModel.from_pretrained(base, path)`` reads it."""
    peft = require("peft", "train")
    path.mkdir(parents=True, exist_ok=True)
    model.peft_config["default"].save_pretrained(str(path))
    weights = peft.get_peft_model_state_dict(model, save_embedding_layers=False)  # True or "auto" asks the hub
    save_file({_PREFIX + name: tensor.contiguous() for name, tensor in weights.items()}, path / WEIGHTS)


def load_adapter(model: Any, path: Path) -> None:
    """Fill the model's adapters with saved ones.

    Raises:
        UsageError: The folder holds no adapter, or one of another shape.
    """
    peft = require("peft", "train")
    try:
        saved = load_file(path / WEIGHTS)
        outcome = peft.set_peft_model_state_dict(
            model, {name.removeprefix(_PREFIX): tensor for name, tensor in saved.items()}
        )
        absent = [name for name in outcome.missing_keys if is_adapter(name)]
    except (OSError, SafetensorError, RuntimeError) as error:  # RuntimeError: shapes differ
        raise UsageError(f"`{path}` holds no adapter for this model: {error}") from error
    if absent or outcome.unexpected_keys:
        raise UsageError(
            f"The adapter in `{path}` is for other layers: it lacks {absent[:3]} and also has "
            f"{outcome.unexpected_keys[:3]}. Load it with the LoRA options it was made with."
        )


def load_merged(path: Path, load: Callable[[str], Any]) -> Any:
    """Load a saved adapter together with the model it was trained on, as one plain model.

    Args:
        path: Folder of the adapter.
        load: Loads the model that the adapter names.

    Raises:
        UsageError: The model it names is not there, or is not named, or the adapter does not fit it.
    """
    peft = require("peft", "train")
    from peft.tuners.lora import LoraLayer

    try:
        settings = peft.PeftConfig.from_pretrained(str(path))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"`{path / CONFIG}` is not the description of an adapter: {error!r}.") from error
    if not settings.base_model_name_or_path:
        raise UsageError(
            f"The adapter in `{path}` does not say which model it belongs to, because that one was never saved. "
            "Save the policy with merged=True."
        )
    model = load(settings.base_model_name_or_path)
    peft.inject_adapter_in_model(settings, model)
    load_adapter(model, path)
    for name, layer in [(name, part) for name, part in model.named_modules() if isinstance(part, LoraLayer)]:
        layer.merge()
        model.set_submodule(name, layer.get_base_layer())
    del model.peft_config
    model.name_or_path = str(path)
    return model


def merged_weights(model: Any) -> dict[str, torch.Tensor]:
    """The weights of the plain model that computes the same, under its names; the model itself stays as it is."""
    from peft.tuners.lora import LoraLayer

    layers: dict[str, Any] = {name: part for name, part in model.named_modules() if isinstance(part, LoraLayer)}
    weights = {}
    for name, tensor in model.state_dict().items():
        if is_adapter(name):
            continue
        owner = name.rpartition(".base_layer.")[0]
        if owner and name.endswith(".weight"):
            tensor = (tensor + layers[owner].get_delta_weight("default")).to(tensor.dtype)
        weights[name.replace(".base_layer.", ".")] = tensor
    return weights


@contextmanager
def switched_off(model: nn.Module) -> Iterator[None]:
    """Within the context the model computes as if it had no adapters."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [part for part in model.modules() if isinstance(part, BaseTunerLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)
