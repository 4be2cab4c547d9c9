"""Faults at given rates: tools that fail, take too long, return garbage or something wrong, or hang up.

``faulty:fail=0.1,drop=0.02,seed=3/INNER`` puts them before any backend, ``inline`` if none is named. What an agent can
bear (``fail``, ``wrong``) it gets to read; the others are infrastructure failures, which void the episode and are never
scored.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from adagym.errors import ErrorCode, ServerUnavailable, ToolTimeout, UsageError
from adagym.tools.backends.base import Backend, Runner, read_settings
from adagym.types import Array, CallCheck, ToolCall, ToolResult
from adagym.video import ShownVideo

Fault = Literal["fail", "timeout", "garbage", "wrong", "drop"]

_SAMPLED = 48
"""Rows and columns of a picture that count when a fault is drawn."""


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong. Rates are shares of the calls that reach a tool, and add up to 1 at most."""

    fail: float = 0.0
    """The tool says that it failed (code 203), as in AdaReasoner's trajectories with explicit tool failures."""
    timeout: float = 0.0
    """The call exceeds its time limit."""
    garbage: float = 0.0
    """The tool returns what is no result."""
    wrong: float = 0.0
    """The tool returns a well-formed result with other values in it."""
    drop: float = 0.0
    """The connection is lost."""
    seconds: float = 0.0
    """How long a call takes that exceeds its limit."""
    seed: int = 0
    """Seeds the draws."""

    def __post_init__(self) -> None:
        """Check the rates."""
        rates = [getattr(self, name) for name in get_args(Fault)]
        if not all(0 <= rate <= 1 for rate in rates) or sum(rates) > 1 + 1e-9:
            given = ", ".join(map(str, rates))
            raise UsageError(f"Rates of faults are from 0 to 1 and add up to 1 at most, not {given}.")
        if not 0 <= self.seconds <= 3600 or self.seed < 0:
            raise UsageError(
                f"`seconds` is from 0 to 3600 and `seed` is not negative, not {self.seconds} and {self.seed}."
            )

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Read ``fail=0.1,drop=0.02,seed=3``.

        Raises:
            UsageError: A setting is unknown or out of range.
        """
        return read_settings(cls, f"faulty:{text}", text)

    def draw(self, rng: np.random.Generator) -> Fault | None:
        """What befalls a call; None: nothing."""
        point, end = rng.random(), 0.0
        for name in get_args(Fault):
            end += getattr(self, name)
            if point < end:
                fault: Fault = name
                return fault
        return None


class FaultyRunner:
    """Runs calls by another runner and spoils some of what comes of them.

    A call that does not reach a tool, because its name or its arguments are wrong, is left alone. Where no generator
    is given, what befalls a call is a function of the seed, the call, the pictures, and how often the same call was
    made before in the episode: episodes stay functions of their task, seed and actions, and trying again may help.

    Args:
        runner: Runs the calls.
        faults: What goes wrong, and how often.
        rng: Draws one fault after the other, for servers, which see calls and no episodes.
    """

    def __init__(self, runner: Runner, faults: Faults, rng: np.random.Generator | None = None) -> None:
        self._runner, self._faults, self._rng = runner, faults, rng
        self.specs = runner.specs
        self._images: Mapping[str, Array] | None = None
        self._made: Counter[bytes] = Counter()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_images": None, "_made": Counter()}  # they belong to the episode that runs here

    def run(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> ToolResult:
        """Run one call, or let it go wrong.

        Raises:
            ToolTimeout: As a fault.
            ServerUnavailable: As a fault.
            InfraError: The tool itself broke.
        """
        result = self._runner.run(call, images, video)
        if not result.ok and result.error_code != ErrorCode.TOOL_RUN_FAILED:
            return result
        rng = self._generator(call, images) if self._rng is None else self._rng
        fault = self._faults.draw(rng)
        if fault == "drop":
            raise ServerUnavailable(f"The connection was lost during a call of `{result.tool}` (an injected fault).")
        if fault == "timeout":
            time.sleep(self._faults.seconds)
            raise ToolTimeout(f"A call of `{result.tool}` exceeded its time limit (an injected fault).")
        if fault == "garbage":
            return _garbage(result, rng)
        if fault == "fail" and result.ok:
            message = f"{result.tool} could not be run: internal error. Nothing was done."
            return ToolResult(result.tool, "failed", message, ErrorCode.TOOL_RUN_FAILED, check=result.check)
        if fault == "wrong" and result.ok:
            pictures = tuple(np.ascontiguousarray(image[:, ::-1]) for image in result.images)
            return replace(result, data=_other(dict(result.data), rng), images=pictures)
        return result

    def check(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> CallCheck:
        """See :meth:`adagym.tools.backends.base.Runner.check`: no fault befalls a call that is not made."""
        return self._runner.check(call, images, video)

    def cancel(self) -> None:
        """End the call that runs, from another thread."""
        self._runner.cancel()

    def _generator(self, call: ToolCall, images: Mapping[str, Array]) -> np.random.Generator:
        if images is not self._images:  # an environment keeps one mapping for as long as an episode runs
            self._images, self._made = images, Counter()
        key = _digest(call, images)
        self._made[key] += 1
        return np.random.default_rng([self._faults.seed, int.from_bytes(key, "big"), self._made[key]])


class FaultyBackend(Backend):
    """Another backend, with faults.

    Args:
        spec: ``faulty:SETTINGS/INNER``; the fields of :class:`Faults` are the settings.

    Raises:
        UsageError: A setting is unknown or out of range, or the inner backend cannot be made.
    """

    def __init__(self, spec: str) -> None:
        from adagym.tools.backends import open_backend  # which registers this class

        super().__init__(spec)
        settings, _, inner = spec.partition(":")[2].partition("/")
        self._faults = Faults.parse(settings)
        self._inner = open_backend(inner or "inline")

    def runner(self, names: Sequence[str]) -> Runner:
        """See :meth:`Backend.runner`."""
        return FaultyRunner(self._inner.runner(names), self._faults)

    def offered(self) -> tuple[str, ...]:
        """See :meth:`Backend.offered`."""
        return self._inner.offered()

    def close(self) -> None:
        """See :meth:`Backend.close`: the inner backend is closed by itself."""


def _digest(call: ToolCall, images: Mapping[str, Array]) -> bytes:
    """Tells calls and conversations apart; of the pictures the first and the last one count, and a grid of each."""
    text = json.dumps([call.name, dict(call.arguments), list(images)], sort_keys=True, default=repr)
    found = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16)
    pictures = list(images.values())
    for image in pictures[:1] + pictures[-1:]:
        rows, columns = (max(1, side // _SAMPLED) for side in image.shape[:2])
        found.update(repr(image.shape).encode() + np.ascontiguousarray(image[::rows, ::columns]).tobytes())
    return found.digest()


def _garbage(result: ToolResult, rng: np.random.Generator) -> ToolResult:
    """One of the things that broken tools return."""
    forms: list[dict[str, Any]] = [
        {"data": {"result": b"\x00\xff"}},
        {"data": {"value": float("nan")}},
        {"data": {1: "key"}},
        {"message": "\udcff"},
        {"message": None},
        {"status": "\x00"},
        {"images": (np.zeros((4, 4)),)},
        {"images": (np.zeros((0, 9, 3), np.uint8),)},
        {"images": (b"\x89PNG",)},
    ]
    return replace(result, **forms[int(rng.integers(len(forms)))])


def _other(value: Any, rng: np.random.Generator) -> Any:
    """A value of the same form that says something else."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return max(0, value + int(rng.choice([-1, 1])) * int(rng.integers(1, 65)))
    if isinstance(value, float):
        return value * float(rng.uniform(0.2, 0.8))
    if isinstance(value, str):
        return "".join(value[place] for place in rng.permutation(len(value)))
    if isinstance(value, list | tuple):
        return [_other(item, rng) for item in value]
    if isinstance(value, Mapping):
        return {key: _other(item, rng) for key, item in value.items()}
    return value
