"""The embedded model: a Qwen2.5-VL of about 1.2 M parameters, small enough to train on a laptop.

It is the stock transformers architecture with 32-pixel patches, so that one 64-pixel map cell is one token.
Architecture, tokenizer and optimiser settings follow measurements on two CPU cores.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from adagym.policies.hf import HFPolicy, PolicyConfig
from adagym.policies.tokenizer import build_tokenizer

BASE = Path(__file__).resolve().parent / "assets" / "tiny-base"
"""The shipped base checkpoint."""

PATCH = 32
MERGE = 2


def load_tiny(path: str | Path | None = None, config: PolicyConfig | None = None) -> HFPolicy:
    """Load the embedded base model, or one trained from it.

    Args:
        path: A saved model folder; None for the shipped base.
        config: See :class:`~adagym.policies.hf.PolicyConfig`.
    """
    return HFPolicy.from_pretrained(path or BASE, config)


def new_tiny(corpus: Iterable[str], seed: int, width: int = 128, layers: int = 4) -> HFPolicy:
    """Build the model with fresh weights.

    Args:
        corpus: Texts for the tokenizer.
        seed: Seeds the weights.
        width: Hidden size of the decoder.
        layers: Decoder layers.
    """
    processor = build_processor(build_tokenizer(corpus))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2_5_VLForConditionalGeneration(_config(processor.tokenizer, width, layers))
        # Tied embeddings of this size learn to copy; the usual 0.02 does not in the time at hand.
        torch.nn.init.normal_(next(model.get_input_embeddings().parameters()), std=0.25)
    return HFPolicy(model, processor, PolicyConfig(freeze_vision=False))


def build_processor(tokenizer: PreTrainedTokenizerFast) -> Any:
    """The stock Qwen2.5-VL processor around our tokenizer."""
    unit = (PATCH * MERGE) ** 2
    shape = {"patch_size": PATCH, "merge_size": MERGE, "temporal_patch_size": 1}
    images = Qwen2VLImageProcessor(size={"shortest_edge": unit, "longest_edge": 256 * unit}, **shape)
    videos = Qwen2VLVideoProcessor(size={"shortest_edge": unit, "longest_edge": 256 * unit}, **shape)
    return Qwen2_5_VLProcessor(images, tokenizer, videos, chat_template=tokenizer.chat_template)


def _config(tokenizer: PreTrainedTokenizerFast, width: int, layers: int) -> Qwen2_5_VLConfig:
    heads = 4
    half = width // heads // 2
    ids = tokenizer.get_vocab()
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": width * 3,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "max_position_embeddings": 4096,
            # Sections of the half head for time, height and width.
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1000.0,
                "mrope_section": [half - 2 * (half * 3 // 8), half * 3 // 8, half * 3 // 8],
            },
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 192,
            "num_heads": 4,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 1,
            "out_hidden_size": width,
            "window_size": 8 * PATCH * MERGE,
            "fullatt_block_indexes": [0, 1],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
