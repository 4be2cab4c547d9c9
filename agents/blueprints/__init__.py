"""Blueprints: for each task family the ways in which a demonstration may go (AdaReasoner, section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping

from adagym.agents.blueprints.base import Unfit, Variant
from adagym.registry import Registry

BLUEPRINTS: Registry[Mapping[str, Variant]] = Registry("blueprint")
"""Family to its variants by name."""
BLUEPRINTS.register(
    "vsp_navigation",
    "adagym.agents.blueprints.navigation:VARIANTS",
    summary="point at everything, draw a path, judge it, answer",
)
BLUEPRINTS.register(
    "vsp_verification",
    "adagym.agents.blueprints.verification:VARIANTS",
    summary="point at player and holes, draw the given path, judge it",
)
BLUEPRINTS.register(
    "gui_qa", "adagym.agents.blueprints.gui_qa:VARIANTS", summary="cut out the part that matters, read it, answer"
)
BLUEPRINTS.register(
    "jigsaw",
    "adagym.agents.blueprints.jigsaw:VARIANTS",
    summary="find the gap, put a candidate into it, judge its edges",
)
BLUEPRINTS.register("vstar", "adagym.agents.blueprints.vstar:VARIANTS", summary="find the object, look closely, answer")
BLUEPRINTS.register(
    "image_qa",
    "adagym.agents.blueprints.image_qa:VARIANTS",
    summary="search one picture after the other, compare or look closely, answer",
)
BLUEPRINTS.register(
    "video_qa",
    "adagym.agents.blueprints.video_qa:VARIANTS",
    summary="watch the part that matters, read or follow, answer",
)

__all__ = ["BLUEPRINTS", "Unfit", "Variant"]
