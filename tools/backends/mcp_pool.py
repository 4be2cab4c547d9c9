"""A pool of MCP servers: each call goes to a healthy one, and to another if that one fails it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, Generic, TypeVar

from adagym.errors import InfraError, ServerUnavailable, UsageError
from adagym.tools.backends.mcp_line import Line, Listed, Loop, Refused, Wire

R = TypeVar("R")
log = logging.getLogger(__name__)

FIRST_REST, LONGEST_REST = 0.02, 1.0
"""Seconds for which a server that is busy is spared; they double while it stays so."""
SILENCE = 3.0
"""Seconds without any server, after which the log says what is waited for."""
MOST_FAILURES = 4
"""A call is given up after so many broken lines; what takes a server long, or breaks a tool, counts double."""


@dataclass(frozen=True)
class Limits:
    """How long a pool tries."""

    seconds: float = 60.0
    """A server has to answer a call within."""
    patience: float = 60.0
    """A call waits so long in all for servers that are down or busy."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 86_400 or not 0 <= self.patience <= 86_400:
            raise UsageError(f"seconds must be above 0, patience at least 0, and both at most 86400, not {self}.")


class Again(Exception):
    """The server did not carry out the call, and may later.

    Args:
        rest: Whether it is to be spared for a while.
    """

    def __init__(self, rest: bool) -> None:
        super().__init__("The server has too much to do." if rest else "The server no longer has a picture.")
        self.rest = rest


@dataclass(frozen=True)
class Order(Generic[R]):
    """A call, as it is offered to one server after another."""

    name: str
    own: bool
    """Whether only ``adagym serve-tools`` will do."""
    arguments: Callable[[Line], Mapping[str, Any]]
    """What to send to a server."""
    read: Callable[[Line, Mapping[str, Any], Mapping[str, Any]], R]
    """Makes something of what was sent and the answer; raises Again or Garbled."""
    repeatable: bool = True
    """Whether a call that may have been carried out may be made again."""


@dataclass(eq=False)
class _State:
    """What the pool knows of a line; guarded by its condition."""

    line: Line
    running: int = 0
    rest: float = 0.0
    rests_until: float = 0.0


@dataclass(eq=False)
class Ticket:
    """A call under way, which another thread may end."""

    cancelled: bool = False
    future: Future[dict[str, Any]] | None = None


@dataclass(eq=False)
class _Attempts:
    """How a call fared so far."""

    deadline: float
    failures: int = 0
    last: _State | None = None
    reasons: list[str] = field(default_factory=list)


class Pool:
    """Lines to servers, shared by all threads of a process.

    Args:
        wires: How to reach the servers.
        limits: How long to try.
    """

    def __init__(self, wires: Sequence[Wire], limits: Limits) -> None:
        self._limits = limits
        self._turn = Condition()
        self._closed = False
        self._loop = Loop()
        self._states = [_State(Line(wire, self._wake)) for wire in wires]
        for state in self._states:
            self._loop.keep(state.line)

    @property
    def lines(self) -> list[Line]:
        """The lines, in the order of their wires."""
        return [state.line for state in self._states]

    def listed(self, name: str | None = None) -> dict[str, tuple[Listed, bool]]:
        """All tools that the servers list now, each with whether ``adagym serve-tools`` lists it.

        Waits for the first server to answer; where a name is given, for the first that lists it, or for all servers.

        Raises:
            ServerUnavailable: No server answered.
        """
        began, told = time.monotonic(), False
        while True:
            with self._turn:
                self._check(Ticket())
                up = [state.line for state in self._states if state.line.up]
                found: dict[str, tuple[Listed, bool]] = {}
                for line in sorted(up, key=lambda line: not line.own):
                    for listed in line.listed.values():
                        found.setdefault(listed.name, (listed, line.own))
                waiting = len(up) < len(self._states) if name is not None and name not in found else not up
                waited = time.monotonic() - began
                left = self._limits.patience - waited
                if waiting and left > 0:
                    if not up and waited >= SILENCE and not told:
                        log.warning("No tool server yet; waiting %.0f more seconds. %s", left, self._reasons())
                        told = True
                    self._turn.wait(min(left, SILENCE))
                    continue
            if not up:
                raise ServerUnavailable(f"No tool server can be reached. {self._reasons()}")
            return found

    def call(self, order: Order[R], ticket: Ticket) -> R:
        """Carry out a call on whichever server can.

        Args:
            order: What to call.
            ticket: By which :meth:`cancel` ends it.

        Raises:
            ServerUnavailable: No server could be reached or was free in time, or too many lines broke.
            ToolTimeout: The servers took too long.
            Refused: A server says that the arguments do not fit.
            InfraError: The tool broke, or the call was cancelled.
        """
        attempts = _Attempts(time.monotonic() + self._limits.patience)
        while True:
            state = self._take(order, ticket, attempts)
            rest = False
            try:
                return self._attempt(state.line, order, ticket)
            except Again as again:
                rest = again.rest
            except Refused:
                raise
            except InfraError as error:
                attempts.failures += 1 if isinstance(error, ServerUnavailable) else 2
                attempts.last = state
                attempts.reasons.append(str(error))
                if attempts.failures >= MOST_FAILURES or not order.repeatable or ticket.cancelled:
                    raise
            finally:
                self._give_back(state, rest)

    def cancel(self, ticket: Ticket) -> None:
        """End a call from another thread."""
        with self._turn:
            ticket.cancelled = True
            self._turn.notify_all()
        if ticket.future is not None:
            ticket.future.cancel()

    def close(self) -> None:
        """Close the lines. Calls that run, and later ones, raise InfraError."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            self._turn.notify_all()
        self._loop.close()

    def _attempt(self, line: Line, order: Order[R], ticket: Ticket) -> R:
        arguments = order.arguments(line)
        future = self._loop.call(line, order.name, arguments, self._limits.seconds)
        ticket.future = future
        if ticket.cancelled:  # between the choice of the line and now
            future.cancel()
        try:
            return order.read(line, arguments, future.result())
        except CancelledError:
            raise InfraError("The call was cancelled: its episode ended, or the tool servers were closed.") from None
        finally:
            ticket.future = None
            future.cancel()  # after Ctrl-C nobody waits for it; otherwise it is done

    def _take(self, order: Order[R], ticket: Ticket, attempts: _Attempts) -> _State:
        """The line for the next attempt: the one with the least to do, and another than the last if there is one."""
        with self._turn:
            while True:
                self._check(ticket)
                now = time.monotonic()
                able = [state for state in self._states if _can(state.line, order)]
                free = [state for state in able if state.rests_until <= now]
                if free:
                    chosen = min(free, key=lambda state: (state is attempts.last, state.running))
                    chosen.running += 1
                    return chosen
                if now >= attempts.deadline:
                    raise self._given_up(order, attempts, busy=bool(able))
                until = min([attempts.deadline, *(state.rests_until for state in able)])
                self._turn.wait(until - now)

    def _give_back(self, state: _State, rest: bool) -> None:
        with self._turn:
            state.running -= 1
            if rest:
                state.rest = min(max(2 * state.rest, FIRST_REST), LONGEST_REST)
                state.rests_until = time.monotonic() + state.rest
            elif state.line.up:
                state.rest = 0.0

    def _given_up(self, order: Order[R], attempts: _Attempts, busy: bool) -> ServerUnavailable:
        waited = f"within {self._limits.patience:g} seconds"
        state = f"All tool servers stayed busy {waited}." if busy else f"No tool server for `{order.name}` {waited}."
        return ServerUnavailable(f"{state} {self._reasons()} {' '.join(attempts.reasons)}".strip())

    def _reasons(self) -> str:
        down = [f"{state.line.name}: {state.line.reason}." for state in self._states if not state.line.up]
        return " ".join(down)

    def _check(self, ticket: Ticket) -> None:
        if self._closed:
            raise InfraError("The connection to the tool servers is closed; make a new environment.")
        if ticket.cancelled:
            raise InfraError("The call was cancelled: its episode ended.")

    def _wake(self) -> None:
        with self._turn:
            self._turn.notify_all()


def _can(line: Line, order: Order[Any]) -> bool:
    return line.up and order.name in line.listed and (line.own or not order.own)
