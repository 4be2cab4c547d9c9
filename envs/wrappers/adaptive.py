"""Tool definitions that change with every episode: the draw, and the executor that keeps it up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from adagym.envs.wrappers.config import AdaptiveConfig
from adagym.envs.wrappers.disguise import Disguise, draw
from adagym.tools.backends import Runner
from adagym.types import Array, CallCheck, ToolCall, ToolResult, ToolSpec
from adagym.video import ShownVideo


def draw_for(seed: int, task_id: str, specs: Sequence[ToolSpec], config: AdaptiveConfig) -> Disguise:
    """The disguise of an episode: a function of its arguments alone.

    Raises:
        UsageError: The alphabet and length allow too few names.
    """
    digest = hashlib.blake2b(f"{seed} {task_id}".encode(errors="surrogatepass"), digest_size=16).digest()
    return draw(np.random.default_rng(int.from_bytes(digest, "big")), specs, config)


class AdaptiveExecutor:
    """Runs calls that are written in the names of a disguise.

    Results have original names and fields, as rewards and metrics need them; their messages are as the agent sees
    them. :meth:`Disguise.observe` shows them. Calls in original names fail as unknown.

    Args:
        runner: Runs the calls.
        disguise: Drawn for the runner's tools.
    """

    def __init__(self, runner: Runner, disguise: Disguise) -> None:
        self._runner = runner
        self.disguise = disguise
        self.specs: tuple[ToolSpec, ...] = disguise.mask_specs(runner.specs)

    def run(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> ToolResult:
        """Run one call. Nothing that a model wrote makes this raise.

        Args:
            call: The call, unchecked, in current names.
            images: The conversation's pictures by name; they are not changed.
            video: The conversation's video.

        Raises:
            InfraError: The tool itself broke.
        """
        result = self._runner.run(self.disguise.unmask_call(call), images, video)
        return replace(result, message=self.disguise.mask_text(result.message)) if result.message else result

    def check(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> CallCheck:
        """See :meth:`adagym.tools.backends.base.Runner.check`; the parameters have original names."""
        return self._runner.check(self.disguise.unmask_call(call), images, video)

    def cancel(self) -> None:
        """End the call that runs, from another thread."""
        self._runner.cancel()
