"""HTTP requests with limits that hold against a hostile server: time as a whole, and size."""

from __future__ import annotations

import http.client
import io
import selectors
import socket
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

LONGEST_REPLY = 4 * 2**20
"""Bytes of a reply; ten thousand tokens are about 50,000."""

_CONNECT = 20.0
"""Seconds for connecting."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No answer came back whole.

    Args:
        kind: What went wrong in a word.
        sentence: What happened.
        passing: Whether it may go better later.
    """

    def __init__(self, kind: str, sentence: str, passing: bool = True) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.passing = passing


class Cancelled(Exception):
    """The transport was closed meanwhile."""


class Sender(Protocol):
    """Posts to one address; what :class:`Transport` is, and a client that somebody lends can be."""

    def post(self, body: bytes, timeout: float) -> Answer:
        """See :meth:`Transport.post`."""
        ...

    def close(self) -> None:
        """See :meth:`Transport.close`."""
        ...


class Transport:
    """Posts to one address from any number of threads; connections are kept and used again.

    ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` are heeded.

    Args:
        url: Where to.
        headers: Sent each time.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._target = parts.path
        self._headers = dict(headers)
        proxy = None if proxy_bypass(self._host) else getproxies().get(parts.scheme)
        self._proxy = urlsplit(proxy if "//" in proxy else f"//{proxy}") if proxy else None
        if self._proxy is not None and not self._secure:
            self._target = url
        self._busy: set[_Line] = set()
        self._idle: list[_Line] = []
        self._lock = threading.Lock()
        self._closed = False
        weakref.finalize(self, _hang_up, self._idle)  # for those who forget to close

    def post(self, body: bytes, timeout: float) -> Answer:
        """Send a body and read the whole answer.

        Args:
            body: What to send.
            timeout: Seconds from connecting to the last byte.

        Raises:
            TransportError: No answer, not all of it, or too much.
            Cancelled: :meth:`close` was called.
        """
        deadline = time.monotonic() + timeout
        kept = self._kept()
        try:
            if kept is not None:
                try:
                    return self._exchange(kept, body, deadline)
                except (ConnectionError, http.client.RemoteDisconnected):
                    if self._closed:
                        raise
                    # The server hung up on a connection at rest, just as it was taken up again.
            return self._exchange(self._fresh(min(timeout, _CONNECT)), body, deadline)
        except (OSError, http.client.HTTPException) as error:
            if self._closed:
                raise Cancelled("The client was closed during the request.") from error
            raise _named(error, timeout) from error

    def close(self) -> None:
        """Break off every request in flight."""
        with self._lock:
            self._closed = True
            for line in self._busy:
                try:
                    line.wire.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the other side was quicker
            _hang_up(self._idle)

    def _exchange(self, line: _Line, body: bytes, deadline: float) -> Answer:
        """One request over a connection, which is kept if the server leaves it open after a whole answer."""
        keep = False
        try:
            line.connection.sock = _Paced(line.wire, deadline)
            line.connection.request("POST", self._target, body, self._headers)
            response = line.connection.getresponse()
            answer = _read(response)
            keep = response.isclosed() and not response.will_close
            return answer
        finally:
            with self._lock:
                self._busy.discard(line)
                keep = keep and not self._closed
                if keep:
                    self._idle.append(line)
            if not keep:
                line.close()

    def _kept(self) -> _Line | None:
        """A connection at rest that is still open, from now on busy; the one used last, so that the others age."""
        with self._lock:
            while self._idle:
                line = self._idle.pop()
                if line.at_rest():
                    self._busy.add(line)
                    return line
                line.close()
        return None

    def _fresh(self, timeout: float) -> _Line:
        """A new connection, noted as busy unless the transport was closed meanwhile."""
        connection = self._connection(timeout)
        line = _Line(connection, _connected(connection))
        with self._lock:
            if self._closed:
                line.close()
                raise Cancelled("The client was closed.")
            self._busy.add(line)
        return line

    def _connection(self, timeout: float) -> Any:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        if self._proxy is None:
            return kind(self._host, self._port, timeout=timeout)
        connection = kind(self._proxy.hostname or "", self._proxy.port or 80, timeout=timeout)
        if self._secure:
            connection.set_tunnel(self._host, self._port)
        return connection


@dataclass(frozen=True, eq=False)
class _Line:
    """A connection and the socket beneath it."""

    connection: Any
    wire: socket.socket

    def at_rest(self) -> bool:
        """Whether nothing is to be read, which between two requests could only be the end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.wire, selectors.EVENT_READ)
            return not selector.select(0)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()
        self.wire.close()


def _hang_up(idle: list[_Line]) -> None:
    while idle:
        idle.pop().close()


class _Paced:
    """The part of a socket that ``http.client`` uses, with one deadline for everything."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire = wire
        self._deadline = deadline

    def left(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: None are.
        """
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        self._wire.settimeout(self.left())
        self._wire.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What the answer is read from."""
        return io.BufferedReader(_Reader(self._wire, self))

    def close(self) -> None:
        """Nothing: ``http.client`` calls this while the answer is still to be read."""


class _Reader(io.RawIOBase):
    def __init__(self, wire: socket.socket, paced: _Paced) -> None:
        self._wire = wire
        self._paced = paced

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wire.settimeout(self._paced.left())
        return self._wire.recv_into(buffer)


def _connected(connection: Any) -> socket.socket:
    """Connect, which fails under a name of its own: nobody there is another thing than somebody who hangs up.

    Raises:
        TransportError: There is no such host, or nobody listens.
    """
    try:
        connection.connect()
    except OSError as error:
        raise TransportError("unreachable", f"No connection ({type(error).__name__}: {error}).") from error
    wire: socket.socket = connection.sock
    return wire


def _read(response: http.client.HTTPResponse) -> Answer:
    """Read an answer up to the limit.

    Raises:
        TransportError: It is longer, or ends before it is complete.
    """
    if response.length is not None and response.length > LONGEST_REPLY:
        raise _too_large()
    body = response.read(LONGEST_REPLY + 1)
    if len(body) > LONGEST_REPLY:
        raise _too_large()
    if response.length:
        raise TransportError("cut_off", f"The reply ended {response.length} bytes too early.")
    return Answer(response.status, dict(response.getheaders()), body)


def _too_large() -> TransportError:
    return TransportError("too_large", f"The reply is longer than {LONGEST_REPLY} bytes.", passing=False)


def _named(error: Exception, timeout: float) -> TransportError:
    if isinstance(error, TimeoutError):
        return TransportError("timeout", f"No complete reply came within {timeout:g} seconds.")
    if isinstance(error, http.client.IncompleteRead):
        return TransportError("cut_off", "The reply ended too early.")
    if isinstance(error, OSError):
        return TransportError("connection", f"The connection failed ({type(error).__name__}: {error}).")
    return TransportError("bad_http", f"The reply is not HTTP ({type(error).__name__}).", passing=False)
