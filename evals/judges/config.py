"""Who judges a run, and what: the options of :func:`adagym.evals.judging.judge` and of ``adagym judge``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from adagym.agents.endpoint import Address
from adagym.errors import UsageError
from adagym.evals.judges.prompts import PROMPTS


@dataclass(frozen=True)
class JudgeConfig:
    """Who judges, and what."""

    judge: str
    """Who judges: openai:MODEL@URL, any OpenAI-compatible endpoint, with the key in OPENAI_API_KEY."""
    prompt: Literal["equivalence", "adareasoner"] = "equivalence"
    """equivalence asks whether the answer means the same as a reference, adareasoner what AdaReasoner asks."""
    all: bool = False
    """Ask about every answer that can be compared with a reference, and let the judge's verdict stand."""
    audit: int = 0
    """Ask about so many answers chosen by chance, settled or not, to measure how far rule and judge agree."""
    seed: int = 0
    """Seeds the choice of the audit, and the judge's sampling."""
    cache: Path | None = None
    """Folder of verdicts, shared between runs. Default: adagym/verdicts in your folder of caches."""
    workers: int = 8
    """Requests in flight."""
    retries: int = 3
    """How often a reply that is no verdict is asked for again, with other seeds."""
    budget: int | None = None
    """Most requests; with 0 only the cache is read. Default: no limit."""
    max_tokens: int = 1024
    """Longest reply in tokens; models that think need more."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: One cannot be used.
        """
        if self.prompt not in PROMPTS:
            raise UsageError(f"There is no judge prompt `{self.prompt}`; choose one of {', '.join(PROMPTS)}.")
        least = {"audit": 0, "seed": 0, "workers": 1, "retries": 0, "budget": 0, "max_tokens": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise UsageError(f"{name} is {value}; the least is {low}.")
        self.address()

    def address(self) -> Address:
        """The model and where it is.

        Raises:
            UsageError: ``judge`` is not of the form.
        """
        kind, _, rest = self.judge.partition(":")
        if kind != "openai":
            raise UsageError(
                f"A judge is given as openai:MODEL@URL, for example openai:qwen2.5-72b@http://localhost:8000/v1, "
                f"not as `{self.judge}`."
            )
        return Address.parse(rest)
