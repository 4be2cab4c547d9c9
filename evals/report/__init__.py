"""``adagym report``: run folders as one self-contained HTML page."""

from __future__ import annotations

from adagym.evals.report.build import Limits, Written, write_report
from adagym.evals.report.read import find_runs

__all__ = ["Limits", "Written", "find_runs", "write_report"]
