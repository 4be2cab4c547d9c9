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
    SHA-256 of its file. Pixels of pictures that were sent are hashed when somebody asks for a digest that is not known:
    most clients never do, and it takes a good part of a call.

    Args:
        limit: Bytes of pixels that are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[str, Array] = OrderedDict()
        """By what they were first known by: the SHA-256 of the file, or the digest of the pixels."""
        self._pixels: OrderedDict[str, str] = OrderedDict()
        """Digest of the pixels to SHA-256 of the file, of pictures that were sent."""
        self._unhashed: dict[str, Array] = {}
        self._lock = Lock()
        self.bytes = 0

    def take(self, url: str, max_pixels: int) -> tuple[Array, str]:
        """Keep the picture in a ``data:`` URL, which is decoded if it is not held already.

        Returns:
            The picture and the SHA-256 of its file.

        Raises:
            ToolError: There is none that can be used; see :func:`file_in` and :func:`decode`.
        """
        content = file_in(url)
        file = hashlib.sha256(content).hexdigest()
        with self._lock:
            image = self._touched(file)
        if image is None:
            image = decode(content, max_pixels)
            self._keep(file, image, hashed=False)
        return image, file

    def add(self, image: Array) -> str:
        """Keep a picture that a tool made and return its digest.

        Args:
            image: ``(height, width, 3)`` ``uint8`` RGB; nobody changes it.
        """
        if image.base is not None:  # a part of a larger picture would keep all of that in memory
            image = image.copy()
        digest = image_digest(image)
        self._keep(digest, image, hashed=True)
        return digest

    def get(self, digest: str) -> Array | None:
        """Return a picture by one of its hashes, or None if it is not held."""
        with self._lock:
            image = self._touched(digest)
            waiting = dict(self._unhashed) if image is None else {}
        if not waiting:
            return image
        digests = {image_digest(picture): file for file, picture in waiting.items()}
        with self._lock:
            self._pixels.update(digests)
            for file in waiting:
                self._unhashed.pop(file, None)
            return self._touched(digest)

    def __len__(self) -> int:
        return len(self._held)

    def _touched(self, name: str) -> Array | None:
        name = name if name in self._held else self._pixels.get(name, name)
        if name in self._held:
            self._held.move_to_end(name)
        return self._held.get(name)

    def _keep(self, name: str, image: Array, hashed: bool) -> None:
        with self._lock:
            if name not in self._held:
                self._held[name] = image
                self.bytes += image.nbytes
                if not hashed:
                    self._unhashed[name] = image
            self._held.move_to_end(name)
            while self.bytes > self._limit:
                gone, picture = self._held.popitem(last=False)
                self._unhashed.pop(gone, None)
                self.bytes -= picture.nbytes
            while len(self._pixels) > 4 * len(self._held) + MOST_NAMES:
                self._pixels.popitem(last=False)


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
