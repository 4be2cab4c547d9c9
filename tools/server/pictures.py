"""The pictures a server holds: decoded once, kept by content within a bound, and named in a client's session."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import OrderedDict
from threading import Lock

from adagym.digest import image_digest
from adagym.errors import DataError, ErrorCode, ToolError
from adagym.pictures import read_picture
from adagym.types import Array

HASH = "sha256:"
"""Begins a reference by content."""
MOST_NAMES = 64
"""Pictures that a session can name; the first ones are forgotten."""
_URL = re.compile(r"data:image/(png|jpeg|webp);base64,", re.IGNORECASE)
_BEGINNINGS = {
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}


def is_data_url(value: object) -> bool:
    """Whether a value is meant as the content of a picture."""
    return isinstance(value, str) and value[:5].lower() == "data:"


def file_in(url: str) -> bytes:
    """The file of a picture in a ``data:`` URL, not decoded yet.

    Raises:
        ToolError: It is no base64, or begins otherwise than pictures of the kind that the URL says.
    """
    start = _URL.match(url)
    if start is None:
        raise _refused(
            "must be a URL of the form data:image/png;base64,... (or jpeg, webp), the name of a picture, or "
            f"{HASH} and the hash of one."
        )
    try:
        content = base64.b64decode(url[start.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused(f"must hold base64 after the comma: {error}.") from error
    if not _BEGINNINGS[start[1].lower()].match(content):
        raise _refused(f"must hold a picture of the kind that the URL says, image/{start[1]}.")
    return content


def decode(file: bytes, max_pixels: int) -> Array:
    """Decode the file of a picture, ``(height, width, 3)`` ``uint8`` RGB.

    Raises:
        ToolError: It is damaged or too large.
    """
    try:
        return read_picture(file, max_pixels)
    except DataError as error:
        raise _refused(f"holds a picture that cannot be used. {error}") from error


def _refused(message: str) -> ToolError:
    return ToolError(message, ErrorCode.CANNOT_LOAD_IMAGE)


class Pictures:
    """Decoded pictures by content, the last used ones within a bound. Safe to use from several threads.

    A picture is found by the digest of its pixels (:func:`adagym.digest.image_digest`) and, if it was sent, by the
    SHA-256 of its file.

    Args:
        limit: Bytes of pixels that are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[str, Array] = OrderedDict()
        self._files: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()
        self.bytes = 0

    def take(self, url: str, max_pixels: int) -> tuple[Array, str]:
        """Keep the picture in a ``data:`` URL, which is decoded if it is not held already.

        Returns:
            The picture and its digest.

        Raises:
            ToolError: There is none that can be used; see :func:`file_in` and :func:`decode`.
        """
        content = file_in(url)
        file = hashlib.sha256(content).hexdigest()
        with self._lock:
            digest = self._files.get(file)
        image = None if digest is None else self.get(digest)
        if digest is None or image is None:
            image = decode(content, max_pixels)
            digest = self.add(image, file)
        return image, digest

    def add(self, image: Array, file: str | None = None) -> str:
        """Keep a picture and return its digest.

        Args:
            image: ``(height, width, 3)`` ``uint8`` RGB; nobody changes it.
            file: The SHA-256 of the file it came in.
        """
        if image.base is not None:  # a part of a larger picture would keep all of that in memory
            image = image.copy()
        digest = image_digest(image)
        with self._lock:
            if digest not in self._held:
                self._held[digest] = image
                self.bytes += image.nbytes
            self._held.move_to_end(digest)
            if file is not None:
                self._files[file] = digest
            while self.bytes > self._limit:
                self.bytes -= self._held.popitem(last=False)[1].nbytes
            while len(self._files) > 4 * len(self._held) + MOST_NAMES:
                self._files.popitem(last=False)
        return digest

    def get(self, digest: str) -> Array | None:
        """Return a picture by one of its hashes, or None if it is not held."""
        with self._lock:
            digest = self._files.get(digest, digest)
            if digest in self._held:
                self._held.move_to_end(digest)
            return self._held.get(digest)

    def __len__(self) -> int:
        return len(self._held)


class Session:
    """The names by which one client calls its pictures: ``img_1``, ``img_2`` in the order in which they came.

    Args:
        lasting: Whether the client can come back to it. If not, pictures are named by content.
    """

    def __init__(self, lasting: bool = True) -> None:
        self._lasting = lasting
        self._digests: OrderedDict[str, str] = OrderedDict()
        self._count = 0
        self._lock = Lock()

    def name(self, digest: str) -> str:
        """Name a picture. A picture that has a name keeps it."""
        if not self._lasting:
            self._digests[HASH + digest] = digest
            return HASH + digest
        with self._lock:
            for name, known in self._digests.items():
                if known == digest:
                    return name
            self._count += 1
            name = f"img_{self._count}"
            self._digests[name] = digest
            if len(self._digests) > MOST_NAMES:
                self._digests.popitem(last=False)
            return name

    def held(self, pictures: Pictures) -> dict[str, Array]:
        """Return the pictures that have names and are still held."""
        with self._lock:
            named = list(self._digests.items())
        found = ((name, pictures.get(digest)) for name, digest in named)
        return {name: image for name, image in found if image is not None}
