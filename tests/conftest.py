"""A model small enough for tests: fresh weights, its own tokenizer, one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from adagym.policies.hf import HFPolicy

CORPUS = (
    "<think>Find the player.</think><tool_call>"
    '{"name": "Point", "parameters": {"image": "img_1", "description": "Elf"}}</tool_call>',
    '{"tool_response_from": "Point", "status": "success", "error_code": 0, "points": [[96, 32]]}',
    "<think>The path is safe.</think><response>\\boxed{R,R,D}</response>",
    "Tools:\nPoint(image, description): Find things in a picture.\nWrite <think></think>, then one <tool_call>.",
    "New image generated and saved as: img_2. Where is the player? Go to the present. Say A, B, C or D. left right",
)


@pytest.fixture(scope="session")
def new_policy() -> Callable[[int], HFPolicy]:
    """Makes a policy of 0.4 M parameters from a seed."""
    import torch

    from adagym.policies.tiny import new_tiny

    torch.set_num_threads(1)
    return lambda seed: new_tiny(CORPUS, seed, width=32, layers=2)


@pytest.fixture(scope="session")
def policy(new_policy: Callable[[int], HFPolicy]) -> HFPolicy:
    """One that tests only read."""
    return new_policy(0)
