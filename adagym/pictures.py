"""Pictures from files and bytes, and into PNG. Every common kind is read as RGB ``uint8``, others are refused in words.

Reading applies the orientation that a camera noted, lays transparency over white, takes the first frame of an
animation, and looks at the header for the size before it decodes a pixel.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from adagym.errors import DataError
from adagym.types import Array

MAX_PIXELS = 100_000_000
"""Largest picture that is read unless more is asked for (8K is a third of it)."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Formats that are read. Pillow knows more, some of which call other programs."""

_MAGIC = b"\x89PNG\r\n\x1a\n"
_UP = 2
"""The PNG filter that keeps differences to the row above."""
_BLOCK = 64
"""Rows compressed at a time."""


def read_picture(source: str | Path | bytes, max_pixels: int = MAX_PIXELS) -> Array:
    """Decode a picture.

    Args:
        source: A file, or the content of one.
        max_pixels: Refuse a picture whose header announces more.

    Returns:
        ``(height, width, 3)`` ``uint8`` RGB, a new array.

    Raises:
        DataError: The file is missing, empty, truncated, too large or not a picture of a known format.
    """
    name = f"picture of {len(source)} bytes" if isinstance(source, bytes) else f"picture `{source}`"
    if isinstance(source, bytes):
        return _decode(BytesIO(source), name, max_pixels)
    try:
        with open(source, "rb") as file:
            return _decode(file, name, max_pixels)
    except OSError as error:
        raise DataError(f"The {name} cannot be read: {error.strerror or error}. Check the path.") from error


def to_png(image: Array) -> bytes:
    """Encode a picture as PNG, fast rather than small: two to three times as fast as Pillow's fastest, of equal size.

    Of the format's five filters it takes one for all rows, the difference to the row above; Pillow tries them all.

    Args:
        image: ``(height, width, 3)`` ``uint8`` RGB.
    """
    height, width, _ = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB, not interlaced
    return b"".join((_MAGIC, _chunk(b"IHDR", header), _chunk(b"IDAT", _deflated(image)), _chunk(b"IEND", b"")))


def _deflated(image: Array) -> bytes:
    """The filtered rows, compressed in blocks so that a large picture is not held twice."""
    compressor = zlib.compressobj(1)
    rows = image.reshape(len(image), -1)
    above = np.zeros_like(rows[:1])
    parts: list[bytes] = []
    for top in range(0, len(rows), _BLOCK):
        block = rows[top : top + _BLOCK]
        lines = np.empty((len(block), 1 + rows.shape[1]), np.uint8)
        lines[:, 0] = _UP
        np.subtract(block[:1], above, out=lines[:1, 1:])
        np.subtract(block[1:], block[:-1], out=lines[1:, 1:])
        parts.append(compressor.compress(lines.data))
        above = block[-1:]
    return b"".join((*parts, compressor.flush()))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


@dataclass(frozen=True)
class PictureFile:
    """A picture on disk, read when it is loaded."""

    path: str

    def load(self) -> Array:
        """Decode the file, ``(height, width, 3)`` ``uint8`` RGB.

        Raises:
            DataError: See :func:`read_picture`.
        """
        return read_picture(self.path)


@dataclass(frozen=True)
class PictureBytes:
    """A picture in memory as the bytes of a file, decoded when it is loaded."""

    data: bytes = field(repr=False)
    name: str = ""
    """Where the bytes come from, for messages; for example ``row 3 of test.parquet``."""

    def load(self) -> Array:
        """Decode the bytes, ``(height, width, 3)`` ``uint8`` RGB.

        Raises:
            DataError: See :func:`read_picture`.
        """
        try:
            return read_picture(self.data)
        except DataError as error:
            raise DataError(f"{self.name}: {error}" if self.name else str(error)) from error


def _decode(file: BinaryIO, name: str, max_pixels: int) -> Array:
    with warnings.catch_warnings():
        # Pillow warns of large pictures, which are measured here, and of odd metadata, which do not matter here.
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=FORMATS) as image:
                width, height = image.size
                if 0 < width * height <= max_pixels:
                    return _to_rgb(image)
        except UnidentifiedImageError as error:
            empty = not file.seek(0, 2)
            state = "it is empty" if empty else f"it has none of the known formats ({', '.join(FORMATS)})"
            raise DataError(f"The {name} cannot be read: {state}. Fetch it again, or save it as PNG.") from error
        except Image.DecompressionBombError as error:
            raise DataError(f"The {name} cannot be read, it is too large: {error} Scale it down first.") from error
        except DataError as error:
            raise DataError(f"The {name} cannot be read: {error}") from error
        except Exception as error:  # decoders raise whatever a damaged file makes them stumble over
            raise DataError(f"The {name} cannot be read: {str(error) or 'it is damaged'}. Fetch it again.") from error
    raise DataError(
        f"The {name} cannot be read: it says it has {width}x{height} pixels, and 1 to {max_pixels} in all are allowed. "
        "Scale it first."
    )


def _to_rgb(image: Image.Image) -> Array:
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F":
        raise DataError("it holds fractions, whose range is not known. Save it with 8 bits per channel.")
    if image.mode.startswith("I"):  # 16 bits: Pillow's own conversion would clip them to 8
        grey = (np.clip(np.asarray(image), 0, 65_535) >> 8).astype(np.uint8)
        return np.stack([grey, grey, grey], axis=-1)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return np.array(image.convert("RGB"))
