"""Files that would fill the memory, or name what is not theirs to name, are refused before they do."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from adagym.envs.tasks import load_tasks, parquet
from adagym.envs.tasks.gui import pages
from adagym.envs.tasks.gui.pages import PACK, read_pages
from adagym.envs.tasks.json_rows import JsonRows
from adagym.envs.tasks.media import inside
from adagym.envs.tasks.parquet import ParquetRows
from adagym.envs.tasks.records import read_json
from adagym.errors import DataError
from adagym.pictures import read_picture
from adagym.store import read_trajectories
from adagym.video import open_video

DEEP = "[" * 200_000


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "FLOOR", 1 << 20)
    monkeypatch.setattr(pages, "MAX_BYTES", 1 << 20)


@pytest.mark.usefixtures("small_limits")
def test_a_column_that_says_it_is_out_of_proportion_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.table({"image": [bytes(4 << 20)], "index": [1]})
    pq.write_table(table, tmp_path / "x.parquet", compression="zstd", use_dictionary=False)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(DataError, match="makers publish"):
        ParquetRows(tmp_path / "x.parquet")[0]


@pytest.mark.usefixtures("small_limits")
def test_other_columns_do_not_count(tmp_path: Path) -> None:
    table = pa.table({"image": [bytes(4 << 20)], "index": [1]})
    pq.write_table(table, tmp_path / "x.parquet", compression="zstd", use_dictionary=False)
    assert ParquetRows(tmp_path / "x.parquet", ("index",))[0] == {"index": 1}


@pytest.mark.usefixtures("small_limits")
def test_a_dictionary_of_one_value_is_watched_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    indices = pa.array(np.zeros(20_000, np.int32))
    table = pa.table({"image": pa.DictionaryArray.from_arrays(indices, pa.array([bytes(10_000)]))})
    pq.write_table(table, path, store_schema=False, write_statistics=False)
    told = pq.ParquetFile(path).metadata.row_group(0).column(0).total_uncompressed_size
    assert told < 100_000, "the file does not say that it holds 200 MB"
    before = pa.total_allocated_bytes()
    with pytest.raises(DataError, match="makers publish"):
        ParquetRows(path)[0]
    assert pa.total_allocated_bytes() - before < 8 << 20


def test_rows_of_every_kind_come_through_unchanged(tmp_path: Path) -> None:
    rows = [
        {"n": n, "text": "a", "image": {"bytes": bytes([n]), "path": None}, "list": ["x"] * (n % 3)} for n in range(50)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet", row_group_size=20)
    assert list(ParquetRows(tmp_path / "x.parquet")) == rows
    pq.write_table(pa.Table.from_pylist(rows).slice(0, 0), tmp_path / "empty.parquet")
    assert len(ParquetRows(tmp_path / "empty.parquet")) == 0


@pytest.mark.usefixtures("small_limits")
def test_records_of_pages_that_unpack_to_too_much_are_refused(tmp_path: Path) -> None:
    (tmp_path / PACK).write_bytes(gzip.compress(bytes(5 << 20)))
    with pytest.raises(DataError, match="more than 1048576 bytes"):
        read_pages(tmp_path)


def test_damaged_packed_records_are_named(tmp_path: Path) -> None:
    packed = gzip.compress(b"[]" * 1000)
    for damaged in (packed[:-20], packed[:12] + b"\xff" * 20 + packed[32:], b"no gzip"):
        (tmp_path / PACK).write_bytes(damaged)
        with pytest.raises(DataError, match="Build the folder again"):
            read_pages(tmp_path)


def png_of(width: int, height: int) -> bytes:
    """A picture whose header announces a size, with no more than a few bytes of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(100_000, 100_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)])
def test_pictures_that_announce_too_much_are_not_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(png_of(*size))


def test_json_that_is_nested_too_deeply_is_data_not_a_crash(tmp_path: Path) -> None:
    deep = tmp_path / "deep.json"
    deep.write_text(DEEP)
    with pytest.raises(DataError, match=r"deep\.json"):
        read_json(deep)
    deep.write_text('{"a":' + DEEP)
    with pytest.raises(DataError, match=r"deep\.json"):
        JsonRows(deep)
    deep.write_text(DEEP + "\n")
    with pytest.raises(DataError, match=r"deep\.json"):
        next(read_trajectories(deep))
    (tmp_path / "frames.json").write_text(DEEP)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    assert len(open_video(str(tmp_path))) == 1, "an index that cannot be read is none"


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "a/../../x.png", "", "a\0.png", ".."])
def test_records_name_no_file_outside_of_their_folder(tmp_path: Path, path: str) -> None:
    media = tmp_path / "media"
    with pytest.raises(DataError, match="not inside of"):
        inside(media, path)


@pytest.mark.parametrize("path", ["frames:../x", "part:0-1:a.mp4", "http://127.0.0.1/a.mp4", "file:///etc/passwd"])
def test_records_speak_of_files_only(tmp_path: Path, path: str) -> None:
    """What would be a kind of video or an address elsewhere is the name of a file in a record."""
    assert Path(inside(tmp_path, path)).is_relative_to(tmp_path)


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/passwd", "a/b.jpg"])
def test_an_index_of_frames_names_files_of_its_folder_only(tmp_path: Path, name: str) -> None:
    (tmp_path / "frames.json").write_text(json.dumps({"files": [name], "times": [0.0]}))
    with pytest.raises(DataError, match="Build the frames again"):
        open_video(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n",
        "\ufeff\n#extm3u\n#EXTINF:1,\n/etc/passwd\n",
        "ffconcat version 1.0\nfile /etc/passwd\n",
        '<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:1/</BaseURL></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8"])
def test_a_video_that_is_a_list_of_addresses_is_not_opened(tmp_path: Path, content: str, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    path.write_text(content)
    with pytest.raises(DataError, match="list of other files or addresses"):
        open_video(str(path))


def test_no_task_source_unpickles(tmp_path: Path) -> None:
    """A pickle that would leave a file behind, under every name that a source might look for."""
    mark = tmp_path / "opened"
    bomb = f"cbuiltins\nopen\n(S'{mark}'\nS'w'\ntR.".encode()
    for name in ("data.json", "data.jsonl", "x.parquet", "test.tsv", "a.png"):
        (tmp_path / name).write_bytes(bomb)
        for source in ("images-of", "vstar-bench", "mmstar", "mmbench", "infovqa", "video-mme", "gui", "jigsaw"):
            with pytest.raises(Exception):  # noqa: B017, PT011  (which refusal it is does not matter here)
                list(load_tasks(f"{source}:{tmp_path / name}", "image_qa"))
    assert not mark.exists()
