"""What runs tool calls: a runner for one environment, from a backend that a whole process shares.

The same environment runs its tools in its own process, in worker processes with limits, or on servers, as the text of
a backend says (``adagym.tools.backends``). Whoever runs a tool, arguments are read where the pictures are: in the
process of the environment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol, TypeVar

from adagym.errors import UsageError
from adagym.types import Array, CallCheck, ToolCall, ToolResult, ToolSpec
from adagym.video import ShownVideo

S = TypeVar("S")


class Runner(Protocol):
    """Runs the calls of one environment. Safe to use from several threads, and picklable."""

    specs: tuple[ToolSpec, ...]
    """The tools it runs, in the order in which models see them."""

    def run(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> ToolResult:
        """Run one call. Nothing that a model wrote makes this raise.

        Args:
            call: The call, unchecked.
            images: The conversation's pictures by name; nobody changes them, now or later.
            video: The conversation's video, for tools that look at its frames.

        Raises:
            InfraError: The tool, or what runs it, broke. The episode is void.
            UsageError: The tool cannot work here: it lacks an extra, or its settings cannot be used.
        """
        ...

    def check(self, call: ToolCall, images: Mapping[str, Array], video: ShownVideo | None = None) -> CallCheck:
        """What :meth:`run` would find right in a call, without running its tool or reaching for what runs it.

        Args:
            call: The call, unchecked.
            images: The conversation's pictures by name.
            video: The conversation's video.
        """
        ...

    def cancel(self) -> None:
        """End the calls that run in other threads: nobody wants their results. Without one, nothing happens."""
        return


class Backend(ABC):
    """Where tools run. One per text and process; get it from :func:`adagym.tools.backends.open_backend`.

    Args:
        spec: The text that names it, with its settings.
    """

    names: tuple[str, ...] | None = None
    """Tools that an environment offers which is given the backend itself; None: those of its task or family."""

    def __init__(self, spec: str) -> None:
        self.spec = spec

    @abstractmethod
    def runner(self, names: Sequence[str]) -> Runner:
        """Return a new runner of tools; environments keep one for every set of names.

        Args:
            names: The tools, in the order in which models see them.

        Raises:
            UnknownName: There is no such tool.
            InfraError: What runs the tools cannot be reached.
        """

    def offered(self) -> tuple[str, ...]:
        """Names of all tools that the other side lists, for environments made with ``tools="SPEC#*"``.

        Raises:
            UsageError: There is no other side that has tools of its own.
            InfraError: It cannot be reached.
        """
        raise UsageError(
            f"`{self.spec}#*` offers all tools of a server, and `{self.spec}` is none; name the tools after the #, "
            "for example #Crop,OCR."
        )

    @abstractmethod
    def close(self) -> None:
        """End everything it started. Closing twice is allowed; a call after that starts anew or raises InfraError."""

    def forget(self) -> None:
        """Let go of what belongs to the parent, in a process that was just forked; take new locks."""
        return

    def __reduce__(self) -> tuple[Any, ...]:
        from adagym.tools.backends import open_backend

        return open_backend, (self.spec,)


def read_settings(kind: type[S], spec: str, text: str) -> S:
    """Read ``name=value,name=value`` into a dataclass whose fields have numbers as defaults.

    Args:
        kind: The dataclass. Its own ``__post_init__`` may refuse values with a UsageError.
        spec: What the text is a part of, for messages.
        text: The settings; empty for the defaults.

    Raises:
        UsageError: A setting is unknown, given twice, or not a number of its field's type.
    """
    known = fields(kind)  # type: ignore[arg-type]  # any dataclass
    defaults: dict[str, Any] = {field.name: field.default for field in known}
    values: dict[str, Any] = {}
    for item in filter(None, text.split(",")):
        name, equals, value = (part.strip() for part in item.partition("="))
        if name not in defaults or not equals or name in values:
            raise UsageError(
                f"`{spec}` has the setting {item!r}; write each once, as name=value, of: {', '.join(defaults)}."
            )
        number = type(defaults[name])
        try:
            values[name] = number(value)
        except ValueError:
            expected = "a whole number" if number is int else "a number"
            raise UsageError(f"`{spec}`: {name} must be {expected}, not {value!r}.") from None
    return kind(**values)
