"""Which packets lead to which frames, what the cache keeps, and how long containers say they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adagym.video.cache import FrameCache
from adagym.video.containers import missing_bytes
from adagym.video.stamps import Stamps

# Shown: I0 B1 P2 B3 I4 B5 P6. Decoded: I0 P2 B1 I4 B3 P6 B5; B3 refers to P2 and I4.
STAMPS = Stamps.of([0, 0.2, 0.1, 0.4, 0.3, 0.6, 0.5], [True, False, False, True, False, False, False])


@pytest.mark.parametrize(
    ("wanted", "packets"),
    [([0], [0]), ([1], [0, 1, 2]), ([2], [0, 1]), ([3], [0, 1, 2, 3, 4]), ([4], [3]), ([5], [3, 4, 5, 6]), ([], [])],
)
def test_packets_that_lead_to_a_frame(wanted: list[int], packets: list[int]) -> None:
    assert np.flatnonzero(STAMPS.needed(wanted)).tolist() == packets


def test_packets_of_several_frames_are_put_together() -> None:
    assert np.flatnonzero(STAMPS.needed([0, 6])).tolist() == [0, 3, 4, 5]


def test_stamps_are_sorted_and_found() -> None:
    np.testing.assert_allclose(STAMPS.seconds, np.arange(7) / 10)
    assert STAMPS.order.tolist() == [0, 2, 1, 4, 3, 6, 5]
    assert STAMPS.usual == pytest.approx(0.1)
    assert [STAMPS.nearest(seconds) for seconds in (-1, 0.04, 0.06, 0.3, 9)] == [0, 0, 1, 3, 6]
    assert [STAMPS.key_before(index) for index in (0, 3, 4, 6)] == [0, 0, 4, 4]


def test_equal_stamps_are_one_frame_and_one_frame_lasts_as_the_rate_says() -> None:
    assert len(Stamps.of([0, 1, 1, 2], [True] * 4).seconds) == 3
    assert Stamps.of([5], [True], fps=4).usual == 0.25
    assert Stamps.of([5], [True]).usual == 1.0


def test_the_cache_keeps_what_was_used_last_within_its_bound() -> None:
    cache, owner = FrameCache(limit=30), FrameCache.owner()
    frames = [np.zeros((1, 10), np.uint8) for _ in range(4)]
    for index in range(3):
        cache.put(owner, index, frames[index])
    assert cache.get(owner, 0) is frames[0]
    cache.put(owner, 3, frames[3])
    assert [cache.get(owner, index) is not None for index in range(4)] == [True, False, True, True]
    assert cache.get(FrameCache.owner(), 0) is None
    assert cache.held == 30


def test_the_cache_counts_a_frame_that_is_put_twice_once_and_keeps_none_above_its_bound() -> None:
    cache = FrameCache(limit=30)
    for _ in range(5):
        cache.put(1, 1, np.zeros((1, 20), np.uint8))
    assert cache.held == 20
    cache.put(1, 2, np.zeros((1, 31), np.uint8))
    assert (cache.held, cache.get(1, 2)) == (20, None)


def box(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    return (len(content) + 8 if length is None else length).to_bytes(4, "big") + kind + content


FTYP = box(b"ftyp", b"isom")
SEGMENT = b"\x1a\x45\xdf\xa3\x81\x00\x18\x53\x80\x67"


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (FTYP + box(b"mdat", bytes(100)), 0),
        (FTYP + box(b"mdat", bytes(100), 1108), 1000),
        (FTYP + box(b"mdat", bytes(100), 0), 0),  # until the end of the file
        (FTYP + (1).to_bytes(4, "big") + b"mdat" + (5000).to_bytes(8, "big") + bytes(84), 4900),
        (FTYP + box(b"mdat", b"") + b"\xff\xff\xff\xff\x00\x01\x02\x03" + bytes(20), 0),  # no box
        (b"RIFF" + (1000).to_bytes(4, "little") + b"AVI " + bytes(88), 908),
        (b"RIFF" + (92).to_bytes(4, "little") + b"AVI " + bytes(88), 0),
        (b"RIFF" + b"\xff\xff\xff\xff" + b"AVI ", 0),
        (SEGMENT + b"\x43\xe8" + bytes(100), 900),
        (SEGMENT + b"\xe4" + bytes(100), 0),
        (SEGMENT + b"\x01\xff\xff\xff\xff\xff\xff\xff" + bytes(9), 0),  # not known
        (b"\x1a\x45\xdf\xa3", 0),
        (b"GIF89a", 0),
        (b"", 0),
    ],
)
def test_bytes_that_are_missing(tmp_path: Path, content: bytes, missing: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert missing_bytes(str(path)) == missing
