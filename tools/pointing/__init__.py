"""Pointing backends behind one interface, by name."""

from __future__ import annotations

from collections.abc import Callable

from adagym.registry import Registry
from adagym.tools.pointing.base import Pointer

POINTERS: Registry[Callable[[str], Pointer]] = Registry("pointer")
"""Each makes a backend of an option, the text after the colon."""
POINTERS.register("map", "adagym.tools.pointing.map:MapPointer", summary="cells of frozen-lake maps")
POINTERS.register("objects", "adagym.tools.pointing.objects:ObjectPointer", summary="the objects of generated scenes")
POINTERS.register("text", "adagym.tools.pointing.text:TextPointer", summary="words on signs, buttons and fields")
POINTERS.register("photo", "adagym.tools.pointing.photo:PhotoPointer", summary="things in photos, by a learned model")
POINTERS.register("grounding-dino", "adagym.tools.pointing.detectors:GroundingDino", summary="GroundingDINO:FOLDER")
POINTERS.register("owlv2", "adagym.tools.pointing.detectors:Owlv2", summary="OWLv2:FOLDER")

__all__ = ["POINTERS", "Pointer"]
