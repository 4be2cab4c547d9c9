"""One small registry class for every noun: a name points to ``module:attribute`` and nothing is imported early."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from adagym.errors import DuplicateName, UnknownName

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One registered name."""

    name: str
    target: str
    """``package.module:attribute``."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    """One line for ``adagym list``."""


class Registry(Generic[T]):
    """Names of one kind of thing, loaded on demand.

    Args:
        kind: What it holds, in the singular (used in messages): ``"tool"``, ``"reward"``, ...

    Third parties add names through the entry-point group ``adagym.<kind>s``; the value is
    ``module:attribute``, as in :meth:`register`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}
        self._plugins: dict[str, Entry] | None = None

    def register(self, name: str, target: str, *, summary: str = "", **kwargs: Any) -> None:
        """Add a name.

        Raises:
            DuplicateName: The name is taken.
        """
        if name in self._entries:
            raise DuplicateName(
                f"The {self.kind} `{name}` is already registered as `{self._entries[name].target}`; "
                f"choose another name for `{target}`."
            )
        self._entries[name] = Entry(name, target, kwargs, summary)

    def entry(self, name: str) -> Entry:
        """Return what is registered under a name.

        Raises:
            UnknownName: Nothing is; the message suggests the nearest name.
        """
        entries = self._all()
        if name in entries:
            return entries[name]
        near = difflib.get_close_matches(name, entries, n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise UnknownName(f"There is no {self.kind} `{name}`.{hint} Registered: {', '.join(sorted(entries))}.")

    def load(self, name: str) -> T:
        """Import and return the attribute a name points to."""
        module, _, attribute = self.entry(name).target.partition(":")
        loaded: T = getattr(importlib.import_module(module), attribute)
        return loaded

    def names(self) -> list[str]:
        """All registered names, sorted."""
        return sorted(self._all())

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._all().values(), key=lambda entry: entry.name))

    def _all(self) -> dict[str, Entry]:
        if self._plugins is None:
            self._plugins = {
                point.name: Entry(point.name, point.value, {}, f"plugin {point.dist.name if point.dist else ''}")
                for point in entry_points(group=f"adagym.{self.kind}s")
            }
            for name in self._plugins.keys() & self._entries.keys():
                raise DuplicateName(
                    f"The {self.kind} `{name}` of a plugin ({self._plugins[name].target}) is already built in."
                )
        return {**self._plugins, **self._entries}
