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
