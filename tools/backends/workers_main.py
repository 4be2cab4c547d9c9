"""The life of a tool worker: learn functions, call them within limits, answer. It sees no conversation."""

from __future__ import annotations

import mmap
import os
import pickle
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from adagym.errors import InfraError, ToolError, ToolOutOfMemory, UsageError
from adagym.tools.backends.workers_wire import SMALL, Packed, Ref, memory_file, receive, send, write
from adagym.tools.base import ToolOutput
from adagym.tools.executor import MAX_PIXELS
from adagym.types import Array

_OPENCV_NO_MEMORY = -4
_OUTBOX_KEPT = 2**26


def main(line: int, memory: int) -> None:
    """Answer until the owner is gone.

    Args:
        line: The socket to the owner, an open file of this process.
        memory: Bytes that this process may hold.
    """
    if sys.platform == "linux":  # elsewhere the limit counts other things, or nothing
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    worker = Worker(socket.socket(fileno=line), memory)
    try:
        worker.serve()
    except (EOFError, OSError):  # the owner is gone, or has given up on this worker
        os._exit(0)


class Worker:
    """What a worker knows."""

    def __init__(self, line: socket.socket, memory: int) -> None:
        self._line = line
        self._memory = memory
        self._outbox = memory_file()
        self._functions: dict[str, Callable[..., ToolOutput]] = {}
        self._pictures: dict[int, Array] = {}

    def serve(self) -> None:
        """Answer messages until the line breaks."""
        send(self._line, os.getpid(), [self._outbox])
        while True:
            (kind, *rest), files = receive(self._line)
            answer = self._learn(*rest) if kind == "learn" else self._call(files, *rest)
            send(self._line, answer)
            if isinstance(answer, ToolOutOfMemory):  # what it left behind would fail the next call too
                return

    def _learn(self, key: str, recipe: bytes) -> Exception | None:
        try:
            self._functions[key] = pickle.loads(recipe)
        except Exception as error:  # whatever importing a tool raises, the owner must learn why
            return InfraError(f"A worker cannot load the function of a tool: {type(error).__name__}: {error}")
        return None

    def _call(
        self,
        files: list[int],
        new: list[Ref],
        old: list[int],
        variables: Mapping[str, str],
        key: str,
        arguments: Mapping[str, Any],
        seconds: float,
    ) -> Exception | tuple[Mapping[str, Any], str, list[Array | Ref]]:
        self._keep(files, new, old)
        _adopt(variables)
        try:
            values = {name: self._value(value) for name, value in arguments.items()}
            # Should the owner die during the call, nobody else would end one that hangs.
            signal.setitimer(signal.ITIMER_REAL, 2 * seconds + 5)
            return self._pack(self._functions[key](**values))
        except (ToolError, UsageError, InfraError) as error:
            return error if _survives(error) else InfraError(f"{type(error).__name__}: {error}")
        except Exception as error:  # anything else is a bug of the tool, or a lack of memory
            if isinstance(error, MemoryError) or getattr(error, "code", None) == _OPENCV_NO_MEMORY:
                return ToolOutOfMemory(f"it needs more than the {self._memory >> 20} MiB of its worker ({error})")
            return InfraError(f"{type(error).__name__}: {error}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _keep(self, files: list[int], new: list[Ref], old: list[int]) -> None:
        for number in old:
            self._pictures.pop(number, None)
        for file, ref in zip(files, new, strict=True):
            size = int(np.prod(ref.shape))
            content = mmap.mmap(file, size, prot=mmap.PROT_READ)
            os.close(file)
            self._pictures[ref.place] = np.frombuffer(content, np.uint8).reshape(ref.shape)

    def _value(self, value: Any) -> Any:
        if isinstance(value, Ref):
            return self._pictures[value.place]
        return _unpacked(value.content) if isinstance(value, Packed) else value

    def _pack(self, output: ToolOutput) -> tuple[Mapping[str, Any], str, list[Array | Ref]]:
        images: list[Array | Ref] = []
        place = 0
        for image in output.images:
            if image.shape[0] * image.shape[1] > MAX_PIXELS:
                raise InfraError(f"it returned a picture of {image.shape} pixels.")
            if image.nbytes < SMALL or image.dtype != np.uint8:
                images.append(np.ascontiguousarray(image))
                continue
            write(self._outbox, image, place)
            images.append(Ref(place, image.shape))
            place += image.nbytes
        if place < _OUTBOX_KEPT < os.fstat(self._outbox).st_size:
            os.ftruncate(self._outbox, _OUTBOX_KEPT)
        return output.data, output.message, images


@lru_cache(maxsize=8)
def _unpacked(content: bytes) -> Any:
    """Videos are opened once, however many calls look at them."""
    return pickle.loads(content)


def _adopt(variables: Mapping[str, str]) -> None:
    """Settings that are read at every call follow those of the owner."""
    for name in [name for name in os.environ if name.startswith("ADAGYM_") and name not in variables]:
        del os.environ[name]
    os.environ.update(variables)


def _survives(error: Exception) -> bool:
    """Whether an error can be sent; some cannot be made again from their message."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever pickling raises means no
        return False
    return True
