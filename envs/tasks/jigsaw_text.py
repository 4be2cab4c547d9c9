"""The question that all sources of jigsaw tasks ask, and its options."""

from __future__ import annotations

from collections.abc import Sequence

from adagym.rewards.choices import LETTERS

JIGSAW = "jigsaw"
"""The task family."""

PLACES = ("upper left", "upper right", "lower left", "lower right")
"""Where the missing part is, by its number: the columns of the upper row, then those of the lower one."""

_ORDINALS = ("second", "third", "fourth", "fifth", "sixth")
MAX_CHOICES = len(_ORDINALS)


def options(count: int) -> tuple[str, ...]:
    """The texts of so many options; the first picture is the puzzle."""
    return tuple(f"The {_ORDINALS[number]} image (img_{number + 2})" for number in range(count))


def prompt_of(count: int) -> str:
    """The question with so many options."""
    names = [f"img_{number + 2}" for number in range(count)]
    listed = f"{', '.join(names[:-1])} or {names[-1]}"
    return (
        f"A part of the first image (img_1) is missing and shown in black. Which one of {listed} is the missing part? "
        f"Compare the edges. Answer with a letter. {lettered(options(count))}"
    )


def lettered(choices: Sequence[str]) -> str:
    """The options as ``(A) ... (B) ...``."""
    return " ".join(f"({letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
