"""JSON files that are read row by row."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from adagym.envs.tasks import json_rows
from adagym.envs.tasks.json_rows import JsonRows, first_row
from adagym.errors import DataError

ROWS: list[dict[str, Any]] = [
    {"text": 'a "quoted" } ] , [ {', "number": 1.5},
    {"text": "ü \N{SNOWMAN} \U0001f600 \\ \n", "list": [{"deep": {}}]},
    {},
    {"text": "x" * 50},
]


def test_rows_are_the_same_wherever_blocks_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.json"
    lines = "\n".join(json.dumps(row) for row in ROWS)
    for text in (json.dumps(ROWS, ensure_ascii=False), json.dumps(ROWS, indent=2), lines, f"\ufeff{lines}\r\n\n"):
        path.write_text(text, "utf-8")
        for block in (1, 2, 7, 1 << 20):
            monkeypatch.setattr(json_rows, "BLOCK", block)
            rows = JsonRows(path)
            assert list(rows) == ROWS
            assert (rows[-1], rows[1:3]) == (ROWS[-1], ROWS[1:3])
            assert list(pickle.loads(pickle.dumps(rows))) == ROWS
    with pytest.raises(IndexError):
        rows[len(ROWS)]


def test_only_some_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS))
    seen: list[Any] = []

    def keep(row: Any) -> bool:
        seen.append(row)
        return "list" in row

    rows = JsonRows(path, keep)
    assert seen == ROWS
    assert list(rows) == [ROWS[1]]


def test_the_rows_are_not_held(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps({"number": n, "text": "x" * 4000}) + "\n" for n in range(2500))
    tracemalloc.start()
    rows = JsonRows(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(rows) == 2500
    assert rows[2000]["number"] == 2000
    assert peak < 6_000_000 < path.stat().st_size  # the file has 10 MB


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1}', "ends in the middle of its list"),
        ('[{"a": 1}, {"b"', "is not JSON"),
        ('[{"a": 1}, 3]', r"something else than an object at byte 11: '3\]'"),
        ('"text"', "something else than an object at byte 0"),
        ('[[{"a": 1}]]', "something else than an object at byte 1"),
        ('{"a": 1', "is not JSON"),
        ("[" + '{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        JsonRows(path)


def test_what_is_not_there_not_text_or_changed(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    with pytest.raises(DataError, match="cannot be read: No such file"):
        JsonRows(path)
    path.write_bytes(b'[{"a": "\xff"}]')
    with pytest.raises(DataError, match="is not JSON: 'utf-8' codec"):
        JsonRows(path)
    assert first_row(path) is None
    path.write_text("[]")
    assert (len(JsonRows(path)), first_row(path)) == (0, None)
    path.write_text('[{"a": 1}, {"b": 2}]')
    rows = JsonRows(path)
    path.write_text("[]")
    with pytest.raises(DataError, match="has changed or is gone"):
        rows[1]
