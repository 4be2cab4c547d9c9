"""The command in a real terminal of 80 by 24 cells."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from threading import Thread

import pytest

from adagym.play.protocols import draws_placeholders

ROWS, COLUMNS = 24, 80
F10 = b"\x1b[21~"


def run_in_terminal(words: list[str], keys: bytes, until: bytes, environment: dict[str, str]) -> tuple[bytes, int]:
    """Run ``adagym``, press the keys once ``until`` was written, and return all output and the exit code."""
    terminal, other = os.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    code = "import sys; from adagym.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdin=other,
        stdout=other,
        stderr=other,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    os.close(other)
    output, pressed, began = b"", False, time.monotonic()
    while time.monotonic() - began < 120:
        if select.select([terminal], [], [], 1)[0]:
            try:
                output += os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
        if not pressed and until in output:
            os.write(terminal, keys)
            pressed = True
    os.close(terminal)
    return output, process.wait(timeout=60)


GAME = ["play", "adagym/VSPVerification-v0", "--tasks", "vsp-generated:sides=3,n=3", "--task", "0", "--hints", "none"]


def test_the_full_screen_without_colour_leaves_the_terminal_as_it_was() -> None:
    environment = {"TERM": "xterm-256color", "NO_COLOR": "1"}
    output, code = run_in_terminal(GAME, F10, b"Quit", environment)
    assert code == 0
    assert b"\x1b[?1049h" in output
    assert output.count(b"\x1b[?1049l") >= 1
    assert b"VSPVerification-v0" in output
    assert "▀".encode() not in output  # pictures are made of plain characters


def test_a_dumb_terminal_gets_lines() -> None:
    output, code = run_in_terminal(GAME, b":quit\n", b":help) > ", {"TERM": "dumb"})
    assert code == 0
    assert b"\x1b[?1049h" not in output
    assert b"img_1, " in output


@pytest.mark.parametrize(
    ("answer", "does"),
    [
        (b"\x1b_Gi=31;OK\x1b\\\x1b[?62;c", True),
        (b"x\x1b_Gi=31;OK\x1b\\\x1b[?62;52;c", True),
        (b"\x1b[?62;c", False),
        (b"\x1b_Gi=31;EINVAL:unknown key\x1b\\\x1b[?62;c", False),
        (b"", False),
    ],
)
def test_an_old_kitty_is_told_from_one_that_draws_at_placeholders(answer: bytes, does: bool) -> None:
    terminal, other = os.openpty()
    asked = []

    def reply() -> None:
        asked.append(os.read(terminal, 1024))
        os.write(terminal, answer)

    before = termios.tcgetattr(other)
    thread = Thread(target=reply)
    thread.start()
    assert draws_placeholders(other, other, seconds=0.3) is does
    thread.join()
    assert b"U=1" in asked[0]
    assert termios.tcgetattr(other) == before
    os.close(terminal)
    os.close(other)
