"""Every kind of picture is read as RGB, and what cannot be read is refused in plain words."""

from __future__ import annotations

import pickle
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adagym.errors import DataError
from adagym.pictures import PictureBytes, PictureFile, read_picture, to_png
from adagym.types import LazyImage

RED = (255, 0, 0)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header announces a size and whose pixels are missing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (header, b"IDAT" + zlib.compress(b""))
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_rgb_png_comes_back_as_it_is() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    read = read_picture(encoded(Image.fromarray(pixels), "PNG"))
    assert read.dtype == np.uint8
    assert np.array_equal(read, pixels)


def test_cmyk_jpeg() -> None:
    read = read_picture(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
    assert read.shape == (8, 8, 3)
    assert np.abs(read[4, 4].astype(int) - RED).max() <= 4


def test_grey_and_black_and_white() -> None:
    assert read_picture(encoded(Image.new("L", (2, 1), 77), "PNG")).tolist() == [[[77] * 3] * 2]
    assert read_picture(encoded(Image.new("1", (1, 1), 1), "PNG")).tolist() == [[[255] * 3]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    deep = Image.fromarray(np.array([[0, 256, 32_768, 65_535]], np.uint16))
    assert read_picture(encoded(deep, kind))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_alpha_lies_over_white() -> None:
    half = Image.new("RGBA", (1, 1), (*RED, 0))
    assert read_picture(encoded(half, "PNG")).tolist() == [[[255, 255, 255]]]
    assert read_picture(encoded(Image.new("LA", (1, 1), (0, 128)), "PNG")).tolist() == [[[127] * 3]]


def test_palette_with_alpha() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, 0, 0, 255])
    image.putdata([0, 1])
    read = read_picture(encoded(image, "PNG", transparency=bytes([255, 0])))
    assert read.tolist() == [[[255, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), RED), Image.new("RGB", (4, 4), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert read_picture(data).reshape(-1, 3).tolist() == [list(RED)] * 16


def test_orientation_of_the_camera_is_applied() -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise: the left side comes to the top
    read = read_picture(encoded(Image.fromarray(pixels), "JPEG", quality=95, exif=exif))
    assert read.shape == (32, 16, 3)
    assert read[4].min() > 250
    assert read[28].max() < 5


def test_one_pixel_wide(tmp_path: Path) -> None:
    path = tmp_path / "thin.png"
    Image.new("RGB", (1, 50), RED).save(path)
    assert read_picture(path).shape == (50, 1, 3)


def test_lazy_pictures_can_be_pickled(tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (2, 2), RED), "PNG")
    (tmp_path / "red.png").write_bytes(data)
    for lazy in (PictureFile(str(tmp_path / "red.png")), PictureBytes(data)):
        copy = pickle.loads(pickle.dumps(lazy))
        assert copy == lazy
        assert isinstance(copy, LazyImage)
        assert copy.load().tolist() == [[list(RED)] * 2] * 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read: it is empty"),
        (b"<html>404</html>", "it has none of the known formats"),
        (encoded(Image.effect_noise((64, 64), 50), "PNG")[:900], "cannot be read"),
        (encoded(Image.effect_noise((64, 64), 50), "JPEG")[:900], "cannot be read"),
        (bomb(40_000, 40_000), "too large"),
        (bomb(9_700, 10_400), "9700x10400 pixels, and 1 to 100000000"),
        (encoded(Image.new("F", (2, 2), 0.5), "TIFF"), "it holds fractions"),
    ],
)
def test_refused(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        read_picture(data)
    path = tmp_path / "picture"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as caught:
        PictureFile(str(path)).load()
    assert str(path) in str(caught.value)


def test_the_limit_can_be_set() -> None:
    data = encoded(Image.new("RGB", (10, 10)), "PNG")
    assert read_picture(data, max_pixels=100).shape == (10, 10, 3)
    with pytest.raises(DataError, match="10x10 pixels, and 1 to 99 in all"):
        read_picture(data, max_pixels=99)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(tmp_path)


def test_bytes_tell_where_they_come_from() -> None:
    with pytest.raises(DataError, match=r"^row 3 of a\.parquet: The picture of 1 bytes cannot be read"):
        PictureBytes(b"x", "row 3 of a.parquet").load()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (64, 5, 3), (65, 7, 3), (300, 40, 3)])
def test_what_is_written_as_png_is_read_back(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(read_picture(to_png(picture)), picture)
    # Rows and columns that do not lie next to each other in memory.
    assert np.array_equal(read_picture(to_png(picture[::-1, ::-1])), picture[::-1, ::-1])
    with Image.open(BytesIO(to_png(picture))) as opened:
        opened.verify()  # checks the checksums, which decoding does not
