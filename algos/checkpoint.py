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


def save(out: Path, step: int, policy: HFPolicy, optimiser: dict[str, Any]) -> Path:
    """Write ``out/checkpoint-STEP`` and drop older ones.

    It is written beside its final name and renamed at the end, so a kill leaves the last one usable.
    """
    final = out / f"{_PREFIX}{step:06d}"
    unfinished = out / f".{final.name}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    policy.save(unfinished)
    torch.save(optimiser, unfinished / "optimiser.pt")
    (unfinished / "adagym.json").write_text(json.dumps({"step": step}), "utf-8")
    shutil.rmtree(final, ignore_errors=True)
    unfinished.rename(final)
    for older in out.glob(f"{_PREFIX}*"):
        if older != final:
            shutil.rmtree(older)
    return final


def restore(out: Path, policy: HFPolicy) -> tuple[int, dict[str, Any]]:
    """Load the newest checkpoint's weights into the policy; return its step and optimiser state.

    Raises:
        UsageError: There is no checkpoint under ``out``.
    """
    found = sorted(out.glob(f"{_PREFIX}*"))
    if not found:
        raise UsageError(f"There is no checkpoint in `{out}`; it should hold a folder named {_PREFIX}STEP.")
    saved = type(policy).from_pretrained(found[-1], policy.config)
    policy.model.load_state_dict(saved.model.state_dict())
    policy.set_freeze_vision(policy.freeze_vision)
    optimiser: dict[str, Any] = torch.load(found[-1] / "optimiser.pt", weights_only=True)
    return int(json.loads((found[-1] / "adagym.json").read_text("utf-8"))["step"]), optimiser
