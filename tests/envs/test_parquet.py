"""Rows of Parquet files are read lazily, a row group at a time, and a bad file is named."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adagym.envs.tasks import parquet
from adagym.envs.tasks.parquet import ParquetRows
from adagym.errors import DataError, MissingExtra


def write(path: Path, numbers: range, group: int) -> Path:
    table = pa.table(
        {
            "index": list(numbers),
            "image": [{"bytes": bytes([n]), "path": f"{n}.png"} for n in numbers],
            "options": [["a", str(n)] for n in numbers],
        }
    )
    pq.write_table(table, path, row_group_size=group)
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The row groups read, in order."""
    done: list[tuple[str, int]] = []
    read = parquet._read_group

    def counted(file: str, number: int, columns: object) -> object:
        done.append((Path(file).name, number))
        return read(file, number, columns)

    monkeypatch.setattr(parquet, "_read_group", counted)
    return done


def test_one_group_at_a_time(tmp_path: Path, reads: list[tuple[str, int]]) -> None:
    rows = ParquetRows(write(tmp_path / "x.parquet", range(7), group=3))
    assert len(rows) == 7
    assert reads == [], "counting the rows reads none"
    assert rows[4] == {"index": 4, "image": {"bytes": b"\x04", "path": "4.png"}, "options": ["a", "4"]}
    assert reads == [("x.parquet", 1)]
    assert [row["index"] for row in rows] == list(range(7))
    assert reads == [("x.parquet", 1), ("x.parquet", 0), ("x.parquet", 1), ("x.parquet", 2)]
    assert rows._held is not None
    assert rows._held[1].num_rows == 1, "the last group alone is kept"


def test_several_files_in_the_order_of_their_names(tmp_path: Path, reads: list[tuple[str, int]]) -> None:
    write(tmp_path / "b.parquet", range(5, 9), group=10)
    write(tmp_path / "a.parquet", range(5), group=2)
    (tmp_path / "notes.txt").write_text("not a table")
    rows = ParquetRows(tmp_path)
    assert [row["index"] for row in rows] == list(range(9))
    assert [name for name, _ in reads] == ["a.parquet"] * 3 + ["b.parquet"]
    assert rows[-1]["index"] == 8
    assert [row["index"] for row in rows[3:6]] == [3, 4, 5]
    with pytest.raises(IndexError):
        rows[9]


def test_only_the_columns_wanted(tmp_path: Path) -> None:
    rows = ParquetRows(write(tmp_path / "x.parquet", range(2), group=2), columns=("options", "index"))
    assert rows[1] == {"options": ["a", "1"], "index": 1}
    assert list(rows.columns()) == ["index", "image", "options"]
    assert rows.columns()["index"] == "int64"


def test_pickling_leaves_the_rows_behind(tmp_path: Path, reads: list[tuple[str, int]]) -> None:
    rows = ParquetRows(write(tmp_path / "x.parquet", range(4), group=2))
    assert rows[3]["index"] == 3
    copy = pickle.loads(pickle.dumps(rows))
    assert copy._held is None
    assert copy[0] == rows[0]
    assert reads == [("x.parquet", 1), ("x.parquet", 0), ("x.parquet", 0)]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "x.parquet", range(2), group=2)
    with pytest.raises(DataError, match=r"no column 'label', 'text'; its columns are index \(int64\), image") as caught:
        ParquetRows(file, columns=("index", "label", "text"))
    assert str(file) in str(caught.value)


def test_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        ParquetRows(tmp_path / "missing")
    with pytest.raises(DataError, match=r"holds no \*.parquet"):
        ParquetRows(tmp_path)
    text = tmp_path / "x.parquet"
    text.write_text("index,label\n" * 10)
    with pytest.raises(DataError, match=r"x\.parquet` cannot be read as Parquet"):
        ParquetRows(text)


def test_a_damaged_group_is_found_when_it_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "x.parquet", range(200), group=100)
    data = bytearray(file.read_bytes())
    data[4:60] = b"\xff" * 56
    file.write_bytes(data)
    rows = ParquetRows(file)
    assert rows[150]["index"] == 150
    with pytest.raises(DataError, match=r"Row group 0 of .*x\.parquet` is damaged"):
        rows[0]


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "x.parquet", range(2), group=2)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"pip install 'adagym\[export\]'"):
        ParquetRows(file)
