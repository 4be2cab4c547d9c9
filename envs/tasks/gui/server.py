"""Serves a UI kit's files on the loopback interface; every photo and portrait is replaced by a drawn picture."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from adagym.pictures import to_png

PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg")
"""Endings of files that are replaced: a kit's licence does not always cover its photos and portraits."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder while the context lasts; gives the address, such as ``http://127.0.0.1:40123``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if not path.lower().endswith(PICTURES):
            super().do_GET()
            return
        body = drawn_picture(path)
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; a page asks for dozens of files."""


def drawn_picture(path: str, width: int = 160, height: int = 120) -> bytes:
    """A PNG that fades between two colours; which ones depends on the path alone."""
    digest = hashlib.sha256(path.encode()).digest()
    first, second = np.array(list(digest[:3]), np.float32), np.array(list(digest[3:6]), np.float32)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    share = ((x + y) / 2)[..., None]
    return to_png((first * (1 - share) + second * share).astype(np.uint8))
