"""Experts: for each task family the blueprint that ``--agent expert`` plays."""

from __future__ import annotations

from adagym.agents.experts.base import Blueprint, Move, Scene
from adagym.registry import Registry

EXPERTS: Registry[Blueprint] = Registry("expert")
"""Family to blueprint."""
EXPERTS.register("gui_qa", "adagym.agents.experts.gui_qa:ask", summary="read the screen, look closer, or point; answer")
EXPERTS.register("image_qa", "adagym.agents.experts.image_qa:seek", summary="point in picture after picture; compare")
EXPERTS.register("jigsaw", "adagym.agents.experts.jigsaw:fit_in", summary="find the hole, try every part, compare")
EXPERTS.register("video_qa", "adagym.agents.experts.video_qa:watch", summary="find it, watch it, read it; answer")
EXPERTS.register("vstar", "adagym.agents.experts.vstar:search", summary="point at it, crop around it, read the answer")
EXPERTS.register("vsp_navigation", "adagym.agents.experts.lake:navigate", summary="point at everything, plan, answer")
EXPERTS.register("vsp_verification", "adagym.agents.experts.lake:verify", summary="point at player and holes, walk")

__all__ = ["EXPERTS", "Blueprint", "Move", "Scene"]
