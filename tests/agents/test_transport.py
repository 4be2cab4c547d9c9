"""Connections that are kept, and what happens when the server does not keep them."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from adagym.agents.transport import Cancelled, Transport, TransportError

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@contextmanager
def server(serve: Callable[[int, socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """Hands each connection to ``serve`` with its number; gives the address and the numbers so far."""
    came: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    wire, _ = listening.accept()
                except OSError:
                    return
                came.append(len(came))
                with wire:
                    serve(came[-1], wire)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1", came
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def asked(wire: socket.socket) -> bool:
    """Read one request of the body ``x``; false at the end."""
    got = b""
    while not got.endswith(b"\r\n\r\nx"):
        piece = wire.recv(4096)
        if not piece:
            return False
        got += piece
    return True


def patient(number: int, wire: socket.socket) -> None:
    while asked(wire):
        wire.sendall(REPLY)


def test_a_connection_is_used_again() -> None:
    with server(patient) as (url, came):
        transport = Transport(url, {})
        assert [transport.post(b"x", 5).body for _ in range(5)] == [b"hi"] * 5
        assert came == [0]
        transport.close()


def test_one_that_the_server_closed_at_rest_is_not_used_again() -> None:
    def once(number: int, wire: socket.socket) -> None:
        asked(wire)
        wire.sendall(REPLY)

    with server(once) as (url, came):
        transport = Transport(url, {})
        assert [transport.post(b"x", 5).body for _ in range(3)] == [b"hi"] * 3
        assert came == [0, 1, 2]
        transport.close()


def test_one_that_the_server_closes_as_it_is_taken_up_is_replaced_once() -> None:
    def rude(number: int, wire: socket.socket) -> None:
        asked(wire)
        if number < 2:
            wire.sendall(REPLY)
            asked(wire)  # takes the next request, and hangs up

    with server(rude) as (url, came):
        transport = Transport(url, {})
        assert transport.post(b"x", 5).body == b"hi"
        assert transport.post(b"x", 5).body == b"hi"
        assert came == [0, 1]
        with pytest.raises(TransportError, match=r"ConnectionReset|RemoteDisconnected"):
            transport.post(b"x", 5)
        assert came == [0, 1, 2]


def test_a_server_that_wants_to_close_is_heeded() -> None:
    def closing(number: int, wire: socket.socket) -> None:
        while asked(wire):
            wire.sendall(REPLY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    with server(closing) as (url, came):
        transport = Transport(url, {})
        assert [transport.post(b"x", 5).status for _ in range(2)] == [200, 200]
        assert came == [0, 1]


def test_closing_lets_go_of_kept_connections() -> None:
    with server(patient) as (url, _):  # its thread ends with the last connection
        transport = Transport(url, {})
        transport.post(b"x", 5)
        transport.close()
        with pytest.raises(Cancelled):
            transport.post(b"x", 5)


def test_a_forgotten_transport_lets_go_too() -> None:
    with server(patient) as (url, _):  # its thread ends with the last connection, and a leak would be a warning
        transport = Transport(url, {})
        transport.post(b"x", 5)
        del transport
        gc.collect()
