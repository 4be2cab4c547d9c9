"""A server for the length of a test: a process that is waited for until it is well, and ended."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(
    command: Sequence[str], log: Path, seconds: float = 280, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Start a server on a free port of this machine, and end it afterwards.

    Args:
        command: What starts it; ``--host`` and ``--port`` are added.
        log: File for what it prints.
        seconds: How long it may take until ``/health`` answers with 200.
        environment: Variables beside those of this process.

    Yields:
        Its address, ``http://127.0.0.1:PORT``.

    Raises:
        AssertionError: It ended or was not well in time; the message holds the end of the log.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as out:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=out,
            stderr=out,
            env={**os.environ, **(environment or {})},
        )
        try:
            deadline = time.monotonic() + seconds
            while not _well(port):
                if time.monotonic() > deadline or server.poll() is not None:
                    raise AssertionError(f"The server did not start:\n{log.read_text()[-3000:]}")
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(60)


def _well(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
