"""Mixes: how many episodes of which variant a cold-start set holds, by task family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adagym.errors import UsageError
from adagym.registry import Registry

Counts = Mapping[str, int]
"""Variant to number of episodes."""


@dataclass(frozen=True)
class Mix:
    """A composition by family."""

    counts: Mapping[str, Counts]
    """Family to counts."""
    planner: bool = False
    """Whether AStar is offered and, in navigation, used."""


_NAVIGATION = {"direct": 250, "reflect1": 200, "reflect2": 100}
_VERIFICATION = {"direct": 550}
_FAILURES = {"tool_failure": 140, "fallback": 70, "no_tool": 70}

ADAREASONER_VSP = Mix({"vsp_navigation": _NAVIGATION, "vsp_verification": _VERIFICATION})
"""AdaReasoner's counts for navigation (types A, B, C of ``path_navigation_stage2.py``). The source gives none for
verification, which gets as many episodes as navigation."""

ADAREASONER_VSP_ASTAR = Mix(ADAREASONER_VSP.counts, planner=True)
"""The same with AStar between pointing and drawing, as in the data of AdaReasoner's final model."""

ROBUST_VSP = Mix(
    {"vsp_navigation": {**_NAVIGATION, **_FAILURES}, "vsp_verification": {**_VERIFICATION, **_FAILURES}},
    planner=True,
)
"""With failing tools and episodes without tools added, about a third of all as in AdaReasoner's Jigsaw data."""

GUI = Mix(
    {"gui_qa": {"direct": 250, "reflect1": 140, "reflect2": 60, "tool_failure": 50, "fallback": 50, "no_tool": 50}}
)
"""Questions about screens; the counts are ours."""

IMAGES = Mix(
    {"image_qa": {"direct": 250, "reflect1": 140, "reflect2": 60, "tool_failure": 50, "fallback": 50, "no_tool": 50}}
)
"""Questions about several pictures; the counts are ours."""

VIDEO = Mix(
    {"video_qa": {"direct": 250, "reflect1": 140, "reflect2": 60, "tool_failure": 50, "fallback": 50, "no_tool": 50}}
)
"""Questions about videos; the counts are ours."""

VSTAR = Mix(
    {"vstar": {"direct": 250, "reflect1": 140, "reflect2": 60, "tool_failure": 50, "fallback": 50, "no_tool": 50}}
)
"""Visual search; the counts are ours."""

ADAREASONER_JIGSAW = Mix(
    {"jigsaw": {"direct": 200, "reflect1": 140, "reflect2": 60, "fallback": 100, "no_tool": 100}},
)
"""AdaReasoner's counts: 400 episodes solved with tools, 100 in which tools fail, 100 without any. It does not say how
many tries the first need; that division is ours."""

MIXES: Registry[Mix] = Registry("curation")
MIXES.register("gui", "adagym.algos.curation.mixes:GUI", summary="questions about screens, a part looked at first")
MIXES.register("images", "adagym.algos.curation.mixes:IMAGES", summary="several pictures, searched one by one")
MIXES.register("video", "adagym.algos.curation.mixes:VIDEO", summary="questions about videos, a part watched closely")
MIXES.register("vstar", "adagym.algos.curation.mixes:VSTAR", summary="visual search, some in wrong places first")
MIXES.register(
    "adareasoner-jigsaw", "adagym.algos.curation.mixes:ADAREASONER_JIGSAW", summary="AdaReasoner's counts for Jigsaw"
)
MIXES.register(
    "adareasoner-vsp", "adagym.algos.curation.mixes:ADAREASONER_VSP", summary="AdaReasoner's counts, without AStar"
)
MIXES.register(
    "adareasoner-vsp-astar", "adagym.algos.curation.mixes:ADAREASONER_VSP_ASTAR", summary="the same with AStar"
)
MIXES.register(
    "robust-vsp",
    "adagym.algos.curation.mixes:ROBUST_VSP",
    summary="with AStar, tool failures and episodes without tools",
)


def scaled(shares: Mapping[str, float], n: int) -> dict[str, int]:
    """Whole numbers that add up to ``n`` in the given proportions; largest remainders are rounded up.

    Args:
        shares: Name to weight, not negative, with a positive sum.
        n: The sum.

    Raises:
        UsageError: The weights or ``n`` are out of range.
    """
    total = sum(shares.values())
    if n < 1 or not total > 0 or min(shares.values()) < 0:
        raise UsageError(f"A mix needs shares that are not negative and a number of at least 1, not {shares} of {n}.")
    exact = {name: n * share / total for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: n - sum(counts.values())]:
        counts[name] += 1
    return counts


def read_mix(text: str) -> dict[str, float]:
    """Read ``direct=0.5,reflect1=0.3``.

    Raises:
        UsageError: It is of another form.
    """
    shares: dict[str, float] = {}
    for item in text.split(","):
        name, equals, value = item.partition("=")
        try:
            shares[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise UsageError(f"`{item}` in the mix `{text}` is not of the form VARIANT=SHARE, for example direct=0.5.")
    return shares
