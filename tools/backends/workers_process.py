"""One tool worker, as its owner sees it: started, asked, and killed when it takes too long."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adagym.errors import ToolOutOfMemory, ToolTimeout
from adagym.tools.backends.workers_wire import SMALL, Packed, Ref, Shelf, Slot, read, receive, send
from adagym.tools.base import ToolOutput
from adagym.video import ShownVideo

START_SECONDS = 120.0
"""Within which a worker starts, and within which it imports what a tool needs."""
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3]); "
    "from adagym.tools.backends.workers_main import main; main(int(sys.argv[1]), int(sys.argv[2]))"
)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


class WorkerDied(Exception):
    """The worker ended in the middle of something. Another may do better: tools have no memory."""


@dataclass(frozen=True)
class Recipe:
    """The function of a tool, to be sent to workers."""

    key: str
    """Hash of the content."""
    content: bytes


class WorkerProcess:
    """A worker process.

    Args:
        memory: Bytes that it may hold.

    Raises:
        WorkerDied: It did not start.
        ToolTimeout: It did not start in time.
    """

    def __init__(self, memory: int) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            # In a session of its own: Ctrl-C is for the owner, who ends it. What it prints must not
            # end up in the standard output, which may be a protocol.
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, str(theirs.fileno()), str(memory), json.dumps([*map(str, sys.path)])],
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1")},
            )
        self._outbox = -1
        self._functions: set[str] = set()
        self.usable = True
        """Whether it waits for a message, and may get another."""
        self._pictures: set[int] = set()
        try:
            late = f"its worker did not start within {START_SECONDS:g} seconds"
            _, (self._outbox,) = self._receive(time.monotonic() + START_SECONDS, late)
        except BaseException:  # Ctrl-C too must leave no worker behind
            self.end()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs, as far as is known before asking it."""
        return self._process.poll() is None

    def call(self, recipe: Recipe, arguments: Mapping[str, Any], seconds: float, shelf: Shelf) -> ToolOutput:
        """Call a function.

        Args:
            recipe: The function.
            arguments: What it takes.
            seconds: Time limit, without the import of what the function needs.
            shelf: Where pictures are kept for all workers.

        Raises:
            WorkerDied: It is gone, and did not answer.
            ToolTimeout: It took too long. It still runs: kill it.
            Exception: Whatever the function raised that may be raised again.
        """
        if recipe.key not in self._functions:
            deadline = time.monotonic() + START_SECONDS
            late = f"its import took longer than {START_SECONDS:g} seconds"
            failure = self._exchange(("learn", recipe.key, recipe.content), (), deadline, late)
            if failure is not None:
                raise failure
            self._functions.add(recipe.key)
        slots: dict[int, Slot] = {}
        sent = {name: _sendable(value, shelf, slots) for name, value in arguments.items()}
        old = self._pictures - shelf.numbers() - slots.keys()
        new = [slot for number, slot in slots.items() if number not in self._pictures]
        message = ("call", [slot.ref for slot in new], list(old), variables(), recipe.key, sent, seconds)
        late = f"it took longer than {seconds:g} seconds"
        reply = self._exchange(message, [slot.file for slot in new], time.monotonic() + seconds, late)
        self._pictures = (self._pictures - old) | slots.keys()
        if isinstance(reply, Exception):
            self.usable = not isinstance(reply, ToolOutOfMemory)
            raise reply
        data, text, images = reply
        return ToolOutput(data, tuple(read(self._outbox, i) if isinstance(i, Ref) else i for i in images), text)

    def kill(self) -> None:
        """End it at once, from any thread; whoever waits for its answer gets :class:`WorkerDied`."""
        self._process.kill()

    def end(self) -> None:
        """Kill it and release everything. Nobody may be asking it."""
        self.kill()
        self._process.wait()
        self.let_go()

    def let_go(self) -> None:
        """Release what this process holds of it, and leave it alone: it is another process's child."""
        if self._process.returncode is None:  # as far as Popen knows it ended: no waiting, no warning
            self._process.returncode = 0
        self._line.close()
        if self._outbox >= 0:
            os.close(self._outbox)
            self._outbox = -1

    def _exchange(self, message: object, files: Sequence[int], deadline: float, late: str) -> Any:
        self.usable = False
        try:
            self._line.settimeout(max(0.001, deadline - time.monotonic()))
            send(self._line, message, files)
        except TimeoutError:
            raise ToolTimeout(late) from None
        except OSError as error:
            raise WorkerDied(str(error)) from error
        reply, _ = self._receive(deadline, late)
        self.usable = True
        return reply

    def _receive(self, deadline: float, late: str) -> tuple[Any, list[int]]:
        try:
            self._line.settimeout(max(0.001, deadline - time.monotonic()))
            return receive(self._line)
        except TimeoutError:
            raise ToolTimeout(late) from None
        except (EOFError, OSError) as error:
            raise WorkerDied(f"its process ended, {self._exit()}") from error

    def _exit(self) -> str:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "or closed its line"
        return f"with exit code {code}"


def variables() -> dict[str, str]:
    """The settings of adagym in the environment of this process, in the order of their names."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith("ADAGYM_")}


def _sendable(value: Any, shelf: Shelf, slots: dict[int, Slot]) -> Any:
    """An argument as it travels; large pictures are put on the shelf and noted."""
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.nbytes >= SMALL:
        slot = shelf.slot(value)
        slots[slot.ref.place] = slot
        return slot.ref
    if isinstance(value, ShownVideo):
        return Packed(pickle.dumps(value))
    return value
