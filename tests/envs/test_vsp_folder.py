"""Damage in the benchmark's folders: whatever is wrong with a file becomes an error that names it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adagym.envs.tasks import load_tasks
from adagym.envs.tiles import MapImage
from adagym.errors import DataError
from adagym.pictures import PictureFile
from adagym.testing import check_task_source

ROWS = ("SFF", "HHF", "FGF")
TABLE = """|  | Col 1 | Col 2 | Col 3 |
| Row 1 | @ | _ | _ |
| Row 2 | # | # | _ |
| Row 3 | _ | * | _ |
"""
"""The map above, as the benchmark writes it."""


@pytest.fixture
def level(tmp_path: Path) -> Path:
    """One navigation item, ``7``."""
    folder = tmp_path / "task-main" / "maps" / "level3"
    for part in ("img", "table"):
        (folder / part).mkdir(parents=True)
    Image.fromarray(MapImage(ROWS).load()).save(folder / "img" / "7.png")
    (folder / "table" / "7.txt").write_text(TABLE, "utf-8")
    return folder


def load(level: Path) -> list[str]:
    return [task.id for task in load_tasks(f"vsp:{level.parents[2]}", "vsp_navigation")]


def test_contract(level: Path) -> None:
    tasks = load_tasks(f"vsp:{level.parents[2]}", "vsp_navigation")
    check_task_source(tasks, "vsp_navigation")
    assert load(level) == ["vsp/task-main/level3/7"]
    assert tasks[0].meta["rows"] == list(ROWS)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "rows of one length"),
        (TABLE.replace("@", "_"), "exactly one start"),
        (TABLE.replace("*", "_"), "exactly one goal"),
        (TABLE.replace("#", "@"), "this one has 3"),
        (TABLE.replace("#", "O"), r"holds \['O'\]; a cell is one of @ _ # \*"),
        (TABLE.replace("| # | # | _ |", "| # | # |"), "rows of one length"),
        (TABLE.replace("| _ |", "| |"), r"holds \[''\]"),
    ],
)
def test_bad_tables(level: Path, table: str, message: str) -> None:
    (level / "table" / "7.txt").write_text(table, "utf-8")
    with pytest.raises(DataError, match=message) as caught:
        load(level)
    assert str(level / "table" / "7.txt") in str(caught.value)


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.1, 0.5, 0.95])
def test_truncated_pictures(level: Path, keep: float) -> None:
    picture = level / "img" / "7.png"
    data = picture.read_bytes()
    picture.write_bytes(data[: int(len(data) * keep)])
    assert load(level), "the picture is not read before it is needed"
    with pytest.raises(DataError, match=r"7\.png` cannot be read"):
        PictureFile(str(picture)).load()


def test_damaged_pictures_raise_nothing_else(level: Path) -> None:
    picture = level / "img" / "7.png"
    data = picture.read_bytes()
    rng = np.random.default_rng(0)
    refused = []
    for _ in range(200):
        spoiled = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            spoiled[place] = rng.integers(256)
        picture.write_bytes(spoiled)
        try:
            assert PictureFile(str(picture)).load().ndim == 3
        except DataError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert all(str(picture) in message for message in refused)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_pictures_become_rgb(tmp_path: Path, mode: str) -> None:
    Image.fromarray(MapImage(("SG",)).load()).convert(mode).save(tmp_path / "x.png")
    picture = PictureFile(str(tmp_path / "x.png")).load()
    assert (picture.shape, picture.dtype) == ((64, 128, 3), np.uint8)
