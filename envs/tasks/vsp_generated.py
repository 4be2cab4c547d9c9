"""Frozen-lake maps drawn from a seed, as AdaReasoner's VSPO, with its defects mended.

Start and goal stand anywhere; every map can be solved from its start (the original checked from the corner);
labels of verification come from simulation, where moving off the edge has no effect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adagym.envs.lake import MOVES, Lake
from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.vsp_text import NAVIGATION, VERIFICATION, check_family, prompt_of
from adagym.envs.tiles import MapImage, Skin
from adagym.errors import UsageError
from adagym.types import Task

SIDES = {"train": (4, 6, 8), "test": (3, 5, 7, 9)}
"""Map sides seen in training and those kept for testing (AdaReasoner, section 3.1)."""
_MAX_DRAWS = 10_000


@dataclass(frozen=True)
class _Options:
    sides: tuple[int, ...]
    split: str
    seed: int
    density: tuple[float, float]
    cell: int
    skin: Skin
    told: float


class VSPGenerated(LazyTasks):
    """``n`` tasks; task ``i`` depends on the family, the options and ``i`` alone.

    The splits share no map: a map belongs to the one that its content hash says.

    Args:
        family: ``vsp_navigation`` or ``vsp_verification``.
        sides: Map sides, taken in turn; ``"4-6-8"`` or a sequence. Default: those of the split.
        split: ``train`` or ``test``.
        seed: Source of everything random.
        n: Number of tasks.
        density: Chance of a cell to be a hole; ``"0.05-0.35"`` draws it for each task from that range.
        cell: Pixels per cell side.
        skin: ``adagym`` or ``gymnasium``.
        told: Share of navigation tasks whose prompt gives a shortest plan away, so that no tool is needed.

    Raises:
        UsageError: An option is out of range.
    """

    def __init__(
        self,
        family: str,
        sides: str | Sequence[int] | None = None,
        split: str = "test",
        seed: int | str = 0,
        n: int | str = 1000,
        density: float | str = 0.2,
        cell: int | str = 64,
        skin: Skin = "adagym",
        told: float | str = 0.0,
    ) -> None:
        self.family = check_family(family)
        if split not in SIDES:
            raise UsageError(f"There is no split {split!r}; choose one of {', '.join(SIDES)}.")
        try:
            chosen = SIDES[split] if sides is None else tuple(int(s) for s in _listed(sides))
            self._options = _Options(chosen, split, int(seed), _range(density), int(cell), skin, float(told))
            self._n = int(n)
        except (TypeError, ValueError):
            raise UsageError(
                "An option of `vsp-generated` is not a number, or `sides` not a list such as 4-6-8: "
                f"sides={sides}, seed={seed}, n={n}, density={density}, cell={cell}, told={told}."
            ) from None
        if not 0 <= self._options.told <= 1:
            raise UsageError(f"`told` is a share from 0 to 1, not {told}.")
        if not chosen or self._n < 1 or self._options.seed < 0:
            raise UsageError(
                f"`vsp-generated` needs sides, n of at least 1 and a seed of at least 0, not n={n} and seed={seed}."
            )
        MapImage(("SG",), self._options.cell, skin)  # refuses cell sizes and skins that cannot be drawn
        for index in range(min(self._n, 2 * len(chosen))):  # every side, with either label
            self._at(index)  # refuses sides and densities that give no map

    def __len__(self) -> int:
        return self._n

    def _at(self, index: int) -> Task:
        options = self._options
        side = options.sides[index % len(options.sides)]
        kind = (NAVIGATION, VERIFICATION).index(self.family)
        rng = np.random.default_rng([options.seed, kind, list(SIDES).index(options.split), side, index])
        if self.family == NAVIGATION:
            lake, plan, answer = self._draw_lake(rng, side), "", ""
        else:
            # Alternating labels within each side keeps them balanced.
            lake, plan, answer = self._draw_walk(rng, side, safe=(index // len(options.sides)) % 2 == 0)
        shortest = lake.shortest_plan() or ""
        told = self.family == NAVIGATION and options.told > 0 and bool(rng.random() < options.told)
        meta: dict[str, Any] = {
            "rows": list(lake.rows),
            "side": side,
            "shortest": len(shortest),
            "split": options.split,
        }
        return Task(
            id=f"vsp-generated/{options.split}/s{side}/{index}",
            family=self.family,
            prompt=prompt_of(self.family, shortest if told else plan),
            images=(MapImage(lake.rows, options.cell, options.skin),),
            answer=answer,
            answer_type="plan" if self.family == NAVIGATION else "yes_no",
            split=options.split,
            meta={**meta, **({"plan": plan, "length": len(plan)} if plan else {"told": True} if told else {})},
        )

    def _draw_lake(self, rng: np.random.Generator, side: int) -> Lake:
        low, high = self._options.density
        density = low if low == high else float(rng.uniform(low, high))
        for _ in range(_MAX_DRAWS):
            lake = Lake.generate(rng, side, density)
            if _split_of(lake) == self._options.split:
                return lake
        raise UsageError(f"No {side}x{side} map of the split {self._options.split} was found; choose a larger side.")

    def _draw_walk(self, rng: np.random.Generator, side: int, safe: bool) -> tuple[Lake, str, str]:
        """A map and a sequence that stays on it and meets a hole or not, as asked."""
        length = int(rng.choice(_lengths(side)))
        for _ in range(_MAX_DRAWS):
            lake = self._draw_lake(rng, side)
            plan = _random_walk(rng, lake, length)
            if lake.simulate(plan, stop_at_goal=False).fell != safe:
                return lake, plan, "Yes" if safe else "No"
        raise UsageError(
            f"No {side}x{side} map with {'a safe' if safe else 'an unsafe'} walk of {length} moves was found; "
            "change `density` or `sides`."
        )


def _range(density: float | str) -> tuple[float, float]:
    """Both ends; equal where one number was given."""
    low, _, high = str(density).partition("-")
    return float(low), float(high or low)


def _listed(sides: str | Sequence[int]) -> Sequence[str | int]:
    return sides.split("-") if isinstance(sides, str) else sides


def _split_of(lake: Lake) -> str:
    digest = hashlib.sha256("/".join(lake.rows).encode()).digest()
    return "test" if digest[0] % 4 == 0 else "train"


def _lengths(side: int) -> tuple[int, ...]:
    """Sequence lengths by side (AdaReasoner's curation code)."""
    if side <= 4:
        return (1, 3, 5)
    return (1, 3, 5, 7) if side <= 6 else (1, 3, 5, 7, 9, 11)


def _random_walk(rng: np.random.Generator, lake: Lake, length: int) -> str:
    """Moves that stay on the map. They go on behind a hole, so that the length gives nothing away."""
    cell, moves = lake.start, ""
    for _ in range(length):
        moves += str(rng.choice([move for move in MOVES if lake.step(cell, move) != cell]))
        cell = lake.step(cell, moves[-1])
    return moves
