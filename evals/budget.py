"""Limits of a run: cost, tokens, minutes. A run stops before the first episode that it no longer covers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from adagym.errors import UsageError
from adagym.evals.usage import EpisodeUsage, Prices


@dataclass(frozen=True)
class Limits:
    """What a run may spend; None for no limit. Resuming starts from nothing spent."""

    cost: float | None = None
    """In the currency of the prices."""
    tokens: int | None = None
    """Of prompts and replies together."""
    minutes: float | None = None
    """Wall time."""


class Budget:
    """What is spent of the limits. Episodes in flight are finished, so a run may end a little above them.

    Args:
        limits: What may be spent.
        prices: Of the tokens; needed for a limit of the cost.
        clock: Seconds that pass.

    Raises:
        UsageError: A limit is not positive, or the cost is limited and no price is given.
    """

    def __init__(
        self, limits: Limits | None = None, prices: Prices | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits or Limits()
        self._prices = prices
        self._clock = clock
        self._began = clock()
        self._tokens = 0
        self._cost = 0.0
        self._known = False
        for name, limit in vars(self._limits).items():
            if limit is not None and not limit > 0:
                raise UsageError(f"--max-{name} is {limit}; it must be above 0.")
        if self._limits.cost is not None and prices is None:
            raise UsageError("--max-cost needs --price-in and --price-out, the prices of a million tokens.")

    @property
    def prices(self) -> Prices | None:
        """Of a million tokens."""
        return self._prices

    def spend(self, usage: EpisodeUsage) -> None:
        """Count what an episode used.

        Raises:
            UsageError: Tokens or cost are limited, and the agent does not say what it uses.
        """
        self._tokens += usage.prompt_tokens + usage.completion_tokens
        self._cost += self._prices.cost(usage.prompt_tokens, usage.completion_tokens) if self._prices else 0.0
        self._known |= usage.known
        counted = [name for name in ("cost", "tokens") if getattr(self._limits, name) is not None]
        if counted and not self._known and not usage.errors:
            raise UsageError(
                f"--max-{counted[0]} cannot be kept: the agent does not say how many tokens it uses. Leave it out; "
                "--max-minutes works with every agent."
            )

    def exhausted(self) -> str | None:
        """The limit that is reached, as the summary's ``stopped_by`` names it, or None."""
        spent = {"cost": self._cost, "tokens": self._tokens, "minutes": (self._clock() - self._began) / 60}
        for name, limit in vars(self._limits).items():
            if limit is not None and spent[name] >= limit:
                return f"max_{name}"
        return None
