"""Tools in the process of the environment: the fastest, and without limits."""

from __future__ import annotations

from collections.abc import Sequence

from adagym.errors import UsageError
from adagym.tools.backends.base import Backend, Runner
from adagym.tools.executor import Executor


class InlineBackend(Backend):
    """Runs tools in the calling thread.

    Raises:
        UsageError: The text has settings; there are none.
    """

    def __init__(self, spec: str) -> None:
        super().__init__(spec)
        if spec != "inline":
            raise UsageError(f"The tool backend `inline` has no settings; write `inline`, not {spec!r}.")

    def runner(self, names: Sequence[str]) -> Runner:
        """See :meth:`Backend.runner`."""
        return Executor(names)

    def close(self) -> None:
        """See :meth:`Backend.close`: there is nothing to end."""
