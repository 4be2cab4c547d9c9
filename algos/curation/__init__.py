"""The parts of curation: mixes of variants, thoughts written by a model, validation."""

from __future__ import annotations

from adagym.algos.curation.mixes import MIXES, Mix
from adagym.algos.curation.validate import fault

__all__ = ["MIXES", "Mix", "fault"]
