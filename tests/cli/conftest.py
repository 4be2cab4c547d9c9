"""A model so small that training through the command line takes a second, and a reward that it can raise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from adagym.policies.tiny import new_tiny
from adagym.rewards import PRESETS, Score
from adagym.types import Task, Trajectory


def short_is_good(task: Task, trajectory: Trajectory) -> Score:
    """Even a model that writes nonsense can learn to write less of it."""
    value = -float(sum(map(len, trajectory.actions)))
    return Score(value, {"accuracy": value})


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with fresh weights."""
    folder = tmp_path_factory.mktemp("model")
    new_tiny(["Plan a shortest safe path. <think></think><tool_call>"] * 3, seed=0, width=32, layers=1).save(folder)
    return folder


@pytest.fixture
def by_length(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A wide terminal, and the preset ``by-length``."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(PRESETS, "_entries", dict(PRESETS._entries))
    PRESETS.register("by-length", f"{__name__}:short_is_good", summary="shorter is better")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
