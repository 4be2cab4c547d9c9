"""Checkpoints that are either complete or absent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from adagym.errors import UsageError
from adagym.policies.hf import HFPolicy

_PREFIX = "checkpoint-"


def folder(out: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return out / f"{_PREFIX}{step:06d}"


def save(out: Path, step: int, policy: HFPolicy, optimiser: dict[str, Any]) -> Path:
    """Write ``out/checkpoint-STEP`` and drop older ones.

    It is written under a hidden name and renamed at the end, and older ones are hidden before they are deleted: what
    :func:`restore` finds is complete, whenever the process was killed.
    """
    final = folder(out, step)
    unfinished = out / f".{final.name}"
    for leftover in out.glob(f".{_PREFIX}*"):  # of a save or a deletion that a kill cut short
        shutil.rmtree(leftover)
    unfinished.mkdir(parents=True)
    policy.save(unfinished)
    torch.save(optimiser, unfinished / "optimiser.pt")
    (unfinished / "adagym.json").write_text(json.dumps({"step": step}), "utf-8")
    if final.is_dir():
        replaced = out / f"{_PREFIX}-replaced"  # still found, though after every other
        _drop(replaced)
        final.rename(replaced)
    unfinished.rename(final)
    for older in out.glob(f"{_PREFIX}*"):
        if older != final:
            _drop(older)
    # A run that goes on from here starts without cached features. So must this one: features that were computed in
    # another batch differ in their last bits.
    policy.clear_features()
    return final


def restore(out: Path, policy: HFPolicy) -> tuple[int, dict[str, Any]]:
    """Load the newest checkpoint's weights into the policy; return its step and optimiser state.

    Raises:
        UsageError: There is no checkpoint under ``out``.
    """
    found = sorted(out.glob(f"{_PREFIX}*"))
    if not found:
        raise UsageError(f"There is no checkpoint in `{out}`; it should hold a folder named {_PREFIX}STEP.")
    policy.load_weights(found[-1])
    optimiser: dict[str, Any] = torch.load(found[-1] / "optimiser.pt", map_location="cpu", weights_only=True)
    return int(json.loads((found[-1] / "adagym.json").read_text("utf-8"))["step"]), optimiser


def _drop(folder: Path) -> None:
    """Delete a folder, hidden first, so that no part of it is ever taken for the whole."""
    hidden = folder.with_name(f".{folder.name}-deleted")
    if folder.is_dir():
        folder.rename(hidden)
        shutil.rmtree(hidden)
