"""What tasks of visual search say, whatever source they are from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adagym.rewards.choices import LETTERS

VSTAR = "vstar"
"""The task family."""


def prompt_of(question: str, choices: Sequence[str]) -> str:
    """The question and its options, a line each."""
    options = "\n".join(f"({letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
    return f"{question}\n{options}\nAnswer with the letter of the right option."


def shuffled(rng: np.random.Generator, right: str, wrong: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The options in random order, and the letter of the right one."""
    options = [right, *wrong]
    order = [int(place) for place in rng.permutation(len(options))]
    return tuple(options[place] for place in order), LETTERS[order.index(0)]
