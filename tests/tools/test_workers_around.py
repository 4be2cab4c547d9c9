"""The worker backend around its calls: settings, forked processes, and what is kept of pictures."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from adagym.errors import UsageError
from adagym.tools.backends import open_backend
from adagym.tools.backends.workers_wire import Shelf


@pytest.mark.parametrize(
    "settings", ["count=0", "seconds=0", "seconds=nan", "memory_mb=1", "each=-1", "count=x", "speed=1"]
)
def test_settings_out_of_range(settings: str) -> None:
    with pytest.raises(UsageError, match=settings.partition("=")[0]):
        open_backend(f"workers:{settings}")


FORK = """
import os, sys, time
from adagym.tools.backends import open_backend
from adagym.types import ToolCall
import numpy as np

backend = open_backend("workers:count=1")
runner = backend.runner(["Crop"])
def crop():
    call = ToolCall("Crop", {"image": "a", "coordinates": [0, 0, 50, 50]})
    assert runner.run(call, {"a": np.zeros((200, 200, 3), np.uint8)}).ok
    return backend.pids
parents = crop()
child = os.fork()
if child == 0:
    mine = crop()
    backend.close()
    os._exit(0 if mine and not set(mine) & set(parents) else 1)
assert os.waitpid(child, 0)[1] == 0
assert crop() == parents
print(*parents)
"""


def test_a_forked_process_has_workers_of_its_own_and_none_stays() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", FORK], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for pid in map(int, done.stdout.split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_shelf_keeps_what_was_used_last() -> None:
    shelf = Shelf(limit=100, most=3)
    pictures = [np.full((3, 4, 3), value, np.uint8) for value in range(4)]
    first = [shelf.slot(picture).ref.place for picture in pictures[:2]]
    assert shelf.slot(pictures[0]).ref.place == first[0]
    numbers = [shelf.slot(picture).ref.place for picture in pictures[2:]]
    assert shelf.numbers() == {numbers[0], numbers[1]}  # 36 bytes each
    assert shelf.slot(pictures[1]).ref.place not in first
