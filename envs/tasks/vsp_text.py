"""Families and prompts that the generated maps and the benchmark's share."""

from __future__ import annotations

from collections.abc import Sequence

from adagym.errors import UsageError

NAVIGATION = "vsp_navigation"
VERIFICATION = "vsp_verification"

_RULES = (
    "The picture shows a frozen lake with an elf, a gift and ice holes. A move is L, R, U or D, one cell. "
    "Moving off the edge has no effect; falling into a hole is failure."
)


def prompt_of(family: str, plan: Sequence[str] = ()) -> str:
    """The question of a family.

    Args:
        family: ``vsp_navigation`` or ``vsp_verification``.
        plan: For verification, the moves to judge; for navigation, moves that the prompt gives away, if any.
    """
    if check_family(family) == NAVIGATION:
        told = f" A scout has walked {','.join(plan)} safely." if plan else ""
        return f"{_RULES}{told} Give a shortest safe path from the elf to the gift, as moves separated by commas."
    return f"{_RULES} Is this action sequence safe, Yes or No? The action sequence is: {','.join(plan)}"


def check_family(family: str) -> str:
    """Return the family if it is one of the two.

    Raises:
        UsageError: It is not.
    """
    if family not in (NAVIGATION, VERIFICATION):
        raise UsageError(f"Frozen-lake maps make tasks of `{NAVIGATION}` and `{VERIFICATION}`, not of `{family}`.")
    return family
