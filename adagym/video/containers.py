"""What a video file says of itself before a decoder touches it: whether it is all there, and whether it is a list."""

from __future__ import annotations

import os
from typing import BinaryIO

ROOM = 64
"""Bytes that writers are known to miscount by."""

_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_LISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"<smil", b"v=0", b"[playlist]", b"rtsp:", b"rtspt:", b"http")
"""How playlists and descriptions of streams begin: HLS, FFmpeg's concat, DASH, SMIL, SDP, PLS, RTSP references."""
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def is_playlist(path: str) -> bool:
    """Whether a file is text that names other files or addresses, which FFmpeg would open in its place.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(1024)
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(tuple(begin.lower() for begin in _LISTS))


def missing_bytes(path: str) -> int:
    """Bytes that the container announces and the file lacks.

    Known are MP4 and MOV (ISO/IEC 14496-12, 4.2: boxes), AVI (RIFF chunks) and MKV and WebM (RFC 9559: EBML elements).

    Returns:
        0 if the file is whole, of another kind, or does not say.

    Raises:
        OSError: The file cannot be read.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        if head[4:8] in _BOXES:
            announced = _boxes(file, size)
        elif head[:4] == b"RIFF":
            length = int.from_bytes(head[4:8], "little")
            announced = 0 if length in (0, 2**32 - 1) else length + 8
        elif head[:4] == _EBML:
            announced = _segment(file)
        else:
            announced = 0
    return announced - size if announced > size + ROOM else 0


def _boxes(file: BinaryIO, size: int) -> int:
    """Where the last box ends."""
    at = 0
    while at < size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        # The last box may leave its length open, and what follows the boxes is none.
        if length < 8 or not head[4:8].isalnum():
            return at
        at += length
    return at


def _segment(file: BinaryIO) -> int:
    """Where the segment, which holds everything, ends; 0 if that is left open."""
    file.seek(4)
    file.seek(_varying(file), os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return 0
    length = _varying(file)
    return file.tell() + length if length else 0


def _varying(file: BinaryIO) -> int:
    """A number whose first bits say how many bytes it has (RFC 8794, 4); 0 if they say that it is not known."""
    first = int.from_bytes(file.read(1), "big")
    more = 8 - first.bit_length()
    if more > 7:
        return 0
    value = int.from_bytes(bytes([first & (0x7F >> more)]) + file.read(more), "big")
    return 0 if value == 2 ** (7 * (more + 1)) - 1 else value
