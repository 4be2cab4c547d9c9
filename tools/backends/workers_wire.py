"""How a process and its tool workers talk: pickled messages over a socket, pictures in files that live in memory.

A picture is written once, and every worker that needs it maps the same memory. Unix only.
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from adagym.types import Array

SMALL = 2**16
"""Pictures below so many bytes travel in the message: a file would cost more than the copy."""
_HEADER = struct.Struct("<Q")
_MOST_FILES = 64  # of one message; the system's own limit is 253


@dataclass(frozen=True)
class Ref:
    """A picture that lies in a file: its number or its place there, and its shape."""

    place: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Packed:
    """Something pickled by itself, so that the other side can tell that it knows it already."""

    content: bytes


def send(line: socket.socket, body: object, files: Sequence[int] = ()) -> None:
    """Send one message and open files with it.

    Raises:
        OSError: The other side is gone, or did not read in time.
    """
    content = pickle.dumps(body, protocol=pickle.HIGHEST_PROTOCOL)
    header = _HEADER.pack(len(content))
    if files:
        socket.send_fds(line, [header], list(files))
        line.sendall(content)
    else:
        line.sendall(header + content)


def receive(line: socket.socket) -> tuple[Any, list[int]]:
    """Wait for one message; the files that came with it are the caller's to close.

    Raises:
        EOFError: The other side is gone.
        OSError: Likewise, or nothing came in time.
    """
    header, files, _, _ = socket.recv_fds(line, _HEADER.size, _MOST_FILES)
    if not header:
        raise EOFError
    header += _exactly(line, _HEADER.size - len(header))
    return pickle.loads(_exactly(line, _HEADER.unpack(header)[0])), files


def _exactly(line: socket.socket, size: int) -> bytearray:
    content = bytearray(size)
    view = memoryview(content)
    while view:
        count = line.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return content


def memory_file() -> int:
    """A new file that has no name and lives in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("adagym")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write(file: int, picture: Array, place: int) -> None:
    """Write a picture into a file, from a place in bytes on."""
    view = np.ascontiguousarray(picture).data.cast("B")
    while view:
        count = os.pwrite(file, view, place)
        view, place = view[count:], place + count


def read(file: int, ref: Ref) -> Array:
    """Read a picture from the place of a file.

    Raises:
        EOFError: The file ends before the picture does.
    """
    picture: Array = np.empty(ref.shape, np.uint8)
    view, place = picture.data.cast("B"), ref.place
    while view:
        count = os.preadv(file, [view], place)
        if not count:
            raise EOFError
        view, place = view[count:], place + count
    return picture


class Slot:
    """A picture in a file of its own, which is closed when nobody holds the slot any more."""

    def __init__(self, number: int, picture: Array) -> None:
        self.ref = Ref(number, picture.shape)
        self.size = picture.nbytes
        self.picture = picture
        """Held, so that its identity stays its own."""
        self.file = memory_file()
        weakref.finalize(self, os.close, self.file)
        write(self.file, picture, 0)


class Shelf:
    """The pictures that calls used last, in files. Safe to use from several threads.

    Args:
        limit: Bytes of pictures kept.
        most: Most pictures kept.
    """

    def __init__(self, limit: int = 2**28, most: int = 64) -> None:
        self._limit, self._most = limit, most
        self._slots: OrderedDict[int, Slot] = OrderedDict()
        self._held = 0
        self._count = 0
        self._lock = Lock()

    def slot(self, picture: Array) -> Slot:
        """Return the slot of a picture. It is known by its identity: pictures do not change."""
        with self._lock:
            slot = self._slots.get(id(picture))
            if slot is None:
                self._count += 1
                slot = self._slots[id(picture)] = Slot(self._count, picture)
                self._held += slot.size
            self._slots.move_to_end(id(picture))
            while len(self._slots) > self._most or (self._held > self._limit and len(self._slots) > 1):
                self._held -= self._slots.popitem(last=False)[1].size
            return slot

    def numbers(self) -> set[int]:
        """Numbers of the pictures that are kept."""
        with self._lock:
            return {slot.ref.place for slot in self._slots.values()}
