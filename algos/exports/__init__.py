"""Episodes in the formats of other trainers; one file per format.

An exporter takes finished episodes and a folder, writes everything the format needs, and returns the main file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from adagym.registry import Registry
from adagym.types import Trajectory

Exporter = Callable[[Sequence[Trajectory], Path], Path]

EXPORTS: Registry[Exporter] = Registry("export")
EXPORTS.register("adagym", "adagym.algos.exports.adagym:write", summary="whole episodes, replayable")
EXPORTS.register(
    "llamafactory", "adagym.algos.exports.llamafactory:write", summary="ShareGPT; calls as the text of the dialect"
)
EXPORTS.register(
    "llamafactory-calls",
    "adagym.algos.exports.llamafactory:write_calls",
    summary="ShareGPT; calls as function_call turns (dialects hermes and openai)",
)
EXPORTS.register("trl", "adagym.algos.exports.trl:write", summary="typed messages as JSON lines, pictures as files")
EXPORTS.register("trl-parquet", "adagym.algos.exports.trl:write_parquet", summary="the same in one file for `datasets`")
EXPORTS.register(
    "verl", "adagym.algos.exports.verl:write", summary="parquet for multi-turn fine-tuning and for RL prompts"
)

__all__ = ["EXPORTS", "Exporter"]
