"""Trainable policies over transformers models: how they are loaded, sampled and batched.

Importing this loads no torch; the modules do: ``hf`` (any model of the Qwen2-VL kind), ``tiny`` (the embedded one),
``sampler`` (many conversations at once).
"""

from __future__ import annotations

from adagym.policies.base import TokenTrace

__all__ = ["TokenTrace"]
