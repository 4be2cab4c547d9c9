"""A trainable policy over transformers image-text models of the Qwen2-VL kind.

That is: pictures of any size become a grid of patches, their features stand in for the embeddings of pad tokens,
and the decoder is causal.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import nn

from adagym.errors import UsageError
from adagym.policies import lora
from adagym.policies.batch import TokenBatch
from adagym.policies.encoding import Encoder
from adagym.policies.positions import flat_positions, mrope_positions
from adagym.types import Array

_FEATURE_CACHE = 1024
"""Vision features kept while the vision tower is frozen."""


Precision = Literal["float32", "bfloat16", "mixed"]
"""``mixed`` keeps weights in float32 and computes in bfloat16 (autocast), in sampling and in training alike."""


@dataclass(frozen=True)
class PolicyConfig:
    """How a policy is loaded."""

    template: str | None = None
    """Replaces the processor's chat template (``adagym.policies.chat.CHAT_TEMPLATE`` for the Qwen family)."""
    freeze_vision: bool = True
    """Keep the vision tower as it is; its features are then computed once per picture."""
    dtype: Precision = "float32"
    """Of weights and arithmetic. ``mixed`` is for training; pure ``bfloat16`` loses small steps of the weights."""
    device: str = "cpu"
    lora: lora.LoraConfig | None = None
    """Train adapters instead of the weights."""
    gradient_checkpointing: bool = False
    """In training, keep only what enters each layer and compute the rest again: less memory, more time."""

    def __post_init__(self) -> None:
        """Check what cannot go together."""
        if self.dtype not in get_args(Precision):
            raise UsageError(f"The dtype is `{self.dtype}`; it must be one of {', '.join(get_args(Precision))}.")
        if self.lora is not None and not self.freeze_vision:
            raise UsageError("LoRA trains adapters of the decoder alone; leave the vision tower frozen.")


class Reference(Protocol):
    """What a policy can be kept close to."""

    def token_logprobs(self, batch: TokenBatch, temperature: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """See :meth:`HFPolicy.token_logprobs`."""
        ...


class HFPolicy:
    """A model, its encoder, and the two things a learner needs: token log-probabilities and parameters.

    Args:
        model: A transformers image-text model (``AutoModelForImageTextToText``); put into evaluation mode.
        processor: Its processor.
        config: See :class:`PolicyConfig`.

    Raises:
        UsageError: The model or its processor is of another kind.
    """

    def __init__(self, model: Any, processor: Any, config: PolicyConfig | None = None) -> None:
        self.config = config or PolicyConfig()
        _check_kind(model, processor)
        weights = torch.bfloat16 if self.config.dtype == "bfloat16" else torch.float32
        self.model = model.to(device=self.config.device, dtype=weights).eval()
        self.processor = processor
        self.device = torch.device(self.config.device)
        self.decoder: nn.Module = model.get_decoder()
        self._core = model.model
        merge = int(model.config.vision_config.spatial_merge_size)
        self.encoder = Encoder(processor, processor.image_token, merge, self.config.template)
        self._mrope = hasattr(self._core, "get_rope_index")
        self._features: OrderedDict[str, torch.Tensor] = OrderedDict()
        rows = int(model.get_output_embeddings().weight.shape[0])
        self.banned = torch.tensor(control_tokens(self.encoder, rows), device=self.device)
        self.end_ids = end_tokens(self.encoder.tokenizer, model.generation_config)
        self.set_freeze_vision(self.config.freeze_vision)
        if self.config.lora is not None:
            lora.attach(model, self.decoder, self.config.lora)
        if self.config.gradient_checkpointing:
            # Older versions of transformers have the method under its other name only.
            name = "activation_checkpointing_enable"
            getattr(model, name if hasattr(model, name) else "gradient_checkpointing_enable")({"use_reentrant": False})

    @classmethod
    def from_pretrained(cls, path: str | Path, config: PolicyConfig | None = None) -> HFPolicy:
        """Load a model folder (or a hub name that is already in the local cache) with transformers.

        A folder that holds an adapter is loaded merged into the model it was trained on.

        Raises:
            UsageError: There is no such folder, transformers cannot read it, or the model is of another kind.
        """
        from transformers import AutoProcessor

        try:
            with _without_bars():
                processor = AutoProcessor.from_pretrained(str(path), local_files_only=True)
                model = _load_model(str(path))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise UsageError(
                f"`{path}` is not a model folder that transformers can load; it needs config.json, the weights and the "
                f"processor's files. Transformers says: {error}"
            ) from error
        return cls(model, processor, config)

    def save(self, path: str | Path, merged: bool = False) -> None:
        """Write weights, tokenizer and processor in transformers' format.

        Args:
            path: Folder to write.
            merged: With LoRA, write a plain model that computes the same. Otherwise only the adapter is written, in
                peft's format; it is small, and needs the model it was trained on where it was.
        """
        with _without_bars():
            if self.config.lora is None:
                self.model.save_pretrained(str(path))
            elif merged:
                self.model.save_pretrained(str(path), state_dict=self.weights())
            else:
                lora.save_adapter(self.model, Path(path))
            self.processor.save_pretrained(str(path))

    def load_weights(self, path: str | Path) -> None:
        """Take over what :meth:`save` wrote: all weights, or with LoRA the adapter's.

        Raises:
            UsageError: The folder holds no weights of this model.
        """
        if self.config.lora is not None:
            lora.load_adapter(self.model, Path(path))
        else:
            self.model.load_state_dict(type(self).from_pretrained(path, self.config).model.state_dict())
        self.clear_features()

    def weights(self) -> dict[str, torch.Tensor]:
        """All weights under the plain model's names, with adapters merged into them."""
        weights: dict[str, torch.Tensor] = self.model.state_dict()
        return weights if self.config.lora is None else lora.merged_weights(self.model)

    def reference(self) -> Reference:
        """What this policy is before training: a copy, or with LoRA the same model without its adapters."""
        return copy.deepcopy(self) if self.config.lora is None else _WithoutAdapters(self)

    def precision(self) -> AbstractContextManager[Any]:
        """The context in which the model computes. It is cheapest entered once around many passes."""
        mixed = self.config.dtype == "mixed"
        return torch.autocast(self.device.type, torch.bfloat16) if mixed else nullcontext()

    def set_freeze_vision(self, frozen: bool) -> None:
        """Freeze or free the vision tower; cached features are dropped.

        Raises:
            UsageError: It is to be freed, and the policy trains adapters.
        """
        if self.config.lora is not None and not frozen:
            raise UsageError("LoRA trains adapters of the decoder alone; leave the vision tower frozen.")
        self.freeze_vision = frozen
        self.clear_features()
        for parameter in self.vision_parameters():
            parameter.requires_grad_(not frozen)

    def clear_features(self) -> None:
        """Forget cached vision features."""
        self._features.clear()

    @contextmanager
    def fresh_features(self) -> Iterator[None]:
        """Begin without cached vision features, and have those of before back at the end."""
        kept, self._features = self._features, OrderedDict()
        try:
            yield
        finally:
            self._features = kept

    def vision_parameters(self) -> list[nn.Parameter]:
        """Parameters outside the decoder and the output layer."""
        kept = {id(parameter) for parameter in self.decoder.parameters()}
        kept |= {id(parameter) for parameter in self.model.get_output_embeddings().parameters()}
        return [parameter for parameter in self.model.parameters() if id(parameter) not in kept]

    def embed(self, ids: torch.Tensor, images: Sequence[Array]) -> torch.Tensor:
        """Token embeddings with picture features at the pads.

        Args:
            ids: ``(B, T)``.
            images: All pictures of the batch, in order of their pads (row by row).

        Returns:
            ``(B, T, hidden)``.
        """
        embeddings: torch.Tensor = self.model.get_input_embeddings()(ids)
        if not images:
            return embeddings
        features = torch.cat(self._image_features(images)).to(embeddings.dtype)
        pads = (ids == self.encoder.image_token_id).unsqueeze(-1)
        return embeddings.masked_scatter(pads, features)

    def positions(
        self, ids: NDArray[np.int64], images: Sequence[Array], start: int = 0
    ) -> tuple[NDArray[np.int64], int]:
        """Rotary positions ``(3, T)`` of a chunk and the position after it."""
        if not self._mrope:
            return flat_positions(len(ids), start)
        grids = [self.encoder.grid(image) for image in images]
        return mrope_positions(ids, self.encoder.image_token_id, grids, self.encoder.merge, start)

    def decode(
        self, embeddings: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor | None = None, cache: Any = None
    ) -> torch.Tensor:
        """Run the decoder.

        Args:
            embeddings: ``(B, T, hidden)``.
            positions: ``(3, B, T)``.
            mask: ``(B, 1, T, S)`` bool, True where a query may look; None means causal.
            cache: A transformers cache that was aimed beforehand.

        Returns:
            Hidden states ``(B, T, hidden)``.
        """
        output = self.decoder(
            inputs_embeds=embeddings,
            position_ids=positions if self._mrope else positions[0],
            attention_mask=mask,
            past_key_values=cache,
            use_cache=cache is not None,
        )
        hidden: torch.Tensor = output.last_hidden_state
        return hidden

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Scores over the vocabulary in float32; control tokens for pictures are ruled out."""
        scores: torch.Tensor = self.model.get_output_embeddings()(hidden).float()
        return scores.index_fill(-1, self.banned, -torch.inf)

    def token_logprobs(self, batch: TokenBatch, temperature: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probability and entropy of every token that carries loss.

        Args:
            batch: ``B`` sequences of ``T`` tokens.
            temperature: Divides the scores, as it did while sampling.

        Returns:
            Two ``(B, T)`` float32 tensors, 0 where ``batch.sampled`` is False. Entropy carries no gradient.
        """
        rows = range(len(batch.lengths))
        padded = np.zeros((3, *batch.ids.shape), dtype=np.int64)
        for row in rows:
            length = batch.lengths[row]
            padded[:, row, :length] = self.positions(batch.ids[row, :length].numpy(), batch.images[row])[0]
        ids = batch.ids.to(self.device)
        images = [image for row in rows for image in batch.images[row]]
        targets = batch.sampled.to(self.device)
        targets = targets & (torch.arange(targets.shape[1], device=self.device) > 0)
        where = targets.nonzero(as_tuple=True)
        with self.precision():
            # Padding stands on the right, where a causal mask keeps it out of sight of every real token.
            hidden = self.decode(self.embed(ids, images), torch.from_numpy(padded).to(self.device))
            scores = self.logits(hidden[where[0], where[1] - 1]) / temperature
        picked = -F.cross_entropy(scores, ids[where], reduction="none")
        with torch.no_grad():
            distribution = scores.softmax(-1)
            spread = -(distribution * scores.log_softmax(-1).clamp_min(-1e4)).sum(-1)
        zeros = torch.zeros(targets.shape, device=self.device)
        return zeros.index_put(where, picked), zeros.index_put(where, spread)

    def _image_features(self, images: Sequence[Array]) -> list[torch.Tensor]:
        """One ``(tokens, hidden)`` tensor per picture; equal pictures are encoded once."""
        digests = [self.encoder.digest(image) for image in images]
        known = self._features if self.freeze_vision else OrderedDict[str, torch.Tensor]()
        missing = {digest: image for digest, image in zip(digests, images, strict=True) if digest not in known}
        if missing:
            pixels = [self.encoder.pixels(image) for image in missing.values()]
            values = torch.cat([item.values for item in pixels]).to(self.device)
            grids = torch.tensor([item.grid for item in pixels], device=self.device)
            live = not self.freeze_vision
            kind = self.device.type
            # What is kept must not depend on the precision of the pass that needed it first.
            precision = torch.autocast(kind, enabled=live and torch.is_autocast_enabled(kind))
            with torch.set_grad_enabled(live and torch.is_grad_enabled()), precision:
                encoded = self._core.get_image_features(values, grids)
            pooled = getattr(encoded, "pooler_output", encoded)
            known.update(zip(missing, pooled, strict=True))
            if not live:
                for digest in missing:
                    self.encoder.forget(digest)  # the features take its place
        features = [known[digest] for digest in digests]
        while len(known) > _FEATURE_CACHE:
            known.popitem(last=False)
        return features


def control_tokens(encoder: Encoder, rows: int) -> list[int]:
    """Ids that only the template may write (pads would break the match of tokens and pictures), and unused ones.

    Args:
        encoder: Of the model.
        rows: How many tokens the model scores; often more than its tokenizer has.
    """
    names = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|im_start|>")
    vocabulary = encoder.tokenizer.get_vocab()
    ids = {vocabulary[name] for name in names if name in vocabulary} | {encoder.image_token_id}
    return sorted(ids | set(range(len(encoder.tokenizer), rows)))


def end_tokens(tokenizer: Any, generation: Any) -> frozenset[int]:
    """Ids that end a turn: the tokenizer's and those of the generation settings."""
    configured = generation.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(int(token) for token in (tokenizer.eos_token_id, *listed) if token is not None)


class _WithoutAdapters:
    """A policy with LoRA as it was before training."""

    def __init__(self, policy: HFPolicy) -> None:
        self._policy = policy

    def token_logprobs(self, batch: TokenBatch, temperature: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """See :meth:`HFPolicy.token_logprobs`."""
        with lora.switched_off(self._policy.model):
            return self._policy.token_logprobs(batch, temperature)


def _load_model(path: str) -> Any:
    from transformers import AutoModelForImageTextToText

    if (Path(path) / lora.CONFIG).is_file():
        return lora.load_merged(Path(path), _load_model)
    return AutoModelForImageTextToText.from_pretrained(path, local_files_only=True)


def _check_kind(model: Any, processor: Any) -> None:
    """Refuse what would be computed wrongly or not at all.

    Raises:
        UsageError: The model or its processor is of another kind.
    """
    vision = getattr(model.config, "vision_config", None)
    inputs = getattr(getattr(processor, "image_processor", None), "model_input_names", ())
    if not hasattr(getattr(model, "model", None), "get_image_features") or "image_grid_thw" not in inputs:
        fault = "it has no pictures of any size"
    elif getattr(vision, "deepstack_visual_indexes", None):
        fault = "its vision features also enter deeper layers"
    elif model.config.get_text_config()._attn_implementation != "sdpa":
        fault = "its attention does not take boolean masks; load it with attn_implementation='sdpa'"
    else:
        return
    raise UsageError(
        f"{type(model).__name__} cannot be a policy: {fault}. Give an image-text model of the Qwen2-VL kind."
    )


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep transformers' own progress bars out of ours."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
