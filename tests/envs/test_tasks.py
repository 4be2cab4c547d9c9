"""Task sources: generated maps and the benchmark's folders."""

from __future__ import annotations

import pickle
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adagym.envs.lake import Lake
from adagym.envs.tasks import load_tasks
from adagym.envs.tiles import MapImage
from adagym.errors import AdagymError, DataError, UnknownName, UsageError
from adagym.types import Task

NAV, VER = "vsp_navigation", "vsp_verification"
FAMILIES = (NAV, VER)


def lake_of(task: Task) -> Lake:
    return Lake(tuple(task.meta["rows"]))


# --- generated maps


@pytest.mark.parametrize("family", FAMILIES)
def test_tasks_depend_on_seed_split_family_and_index_alone(family: str) -> None:
    few = load_tasks("vsp-generated:n=12,split=train,seed=3", family)
    many = load_tasks("vsp-generated", family, n=500, split="train", seed=3)
    assert (len(few), len(many)) == (12, 500)
    assert list(few) == [many[i] for i in range(12)] == list(many[:12])
    assert few[-1] == few[11]
    assert pickle.loads(pickle.dumps(few))[5] == few[5]
    with pytest.raises(IndexError):
        few[12]
    others = [load_tasks("vsp-generated:n=12,split=train,seed=4", family), load_tasks("vsp-generated:n=12", family)]
    assert all(other[i].meta["rows"] != few[i].meta["rows"] for other in others for i in range(12))


@pytest.mark.parametrize(("split", "sides"), [("train", (4, 6, 8)), ("test", (3, 5, 7, 9))])
@pytest.mark.parametrize("family", FAMILIES)
def test_sides_of_the_splits(family: str, split: str, sides: tuple[int, ...]) -> None:
    tasks = load_tasks(f"vsp-generated:split={split},n={3 * len(sides)}", family)
    assert [task.meta["side"] for task in tasks] == list(sides) * 3
    assert {task.split for task in tasks} == {split}


def test_navigation_tasks() -> None:
    tasks = load_tasks("vsp-generated:sides=4-6,n=40,cell=32,split=train", NAV)
    assert len({task.id for task in tasks}) == 40
    assert tasks[17].id == "vsp-generated/train/s6/17"
    for task in tasks:
        plan = lake_of(task).shortest_plan()
        assert plan is not None
        assert (task.family, task.answer, task.answer_type) == (NAV, "", "plan")
        assert task.meta["shortest"] == len(plan)
        assert task.images == (MapImage(tuple(task.meta["rows"]), 32),)
        assert task.images[0].load().shape == (task.meta["side"] * 32,) * 2 + (3,)
        assert "separated by commas" in task.prompt


def test_verification_tasks_are_balanced_and_labelled_by_simulation() -> None:
    tasks = load_tasks("vsp-generated:sides=4-6-8,n=300,split=train", VER)
    labels: Counter[tuple[int, str]] = Counter()
    lengths: dict[int, set[int]] = {}
    for task in tasks:
        plan = task.meta["plan"]
        walk = lake_of(task).simulate(plan, stop_at_goal=False)
        assert task.answer == ("No" if walk.fell else "Yes")
        assert task.answer_type == "yes_no"
        assert task.prompt.endswith(f"The action sequence is: {','.join(plan)}")
        assert all(one != other for one, other in pairwise(walk.cells)), "it stays on the map"
        labels[task.meta["side"], task.answer] += 1
        lengths.setdefault(task.meta["side"], set()).add(len(plan))
    assert set(labels.values()) == {50}
    assert lengths == {4: {1, 3, 5}, 6: {1, 3, 5, 7}, 8: {1, 3, 5, 7, 9, 11}}


@pytest.mark.parametrize("family", FAMILIES)
def test_splits_share_no_map(family: str) -> None:
    maps = {
        split: {lake_of(task).rows for task in load_tasks(f"vsp-generated:sides=3,n=400,split={split}", family)}
        for split in ("train", "test")
    }
    assert not maps["train"] & maps["test"]
    assert min(len(found) for found in maps.values()) > 200


def test_the_skin_changes_nothing_but_the_picture() -> None:
    ours = load_tasks("vsp-generated:n=8", NAV)
    theirs = load_tasks("vsp-generated:n=8,skin=gymnasium", NAV)
    assert [task.meta for task in ours] == [task.meta for task in theirs]
    assert (ours[0].images[0].load() != theirs[0].images[0].load()).any()


def test_options_as_python_values_win() -> None:
    tasks = load_tasks("vsp-generated:n=5,sides=4", NAV, sides=(6, 7), density=0.0)
    assert [task.meta["side"] for task in tasks] == [6, 7, 6, 7, 6]
    assert all(not lake_of(task).holes for task in tasks)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("vsp-generated:colour=red", "no option 'colour'; it has: sides, split, seed, n, density, cell, skin"),
        ("vsp-generated:family=x", "no option 'family'"),
        ("vsp-generated:n", "`n` in the task source `vsp-generated:n` is not of the form key=value"),
        ("vsp-generated:n=0", "n of at least 1"),
        ("vsp-generated:n=many", "is not a number"),
        ("vsp-generated:seed=-1", "seed of at least 0"),
        ("vsp-generated:sides=4-x", "is not a number"),
        ("vsp-generated:sides=4-99", "A side of 99 cells"),
        ("vsp-generated:split=dev", "no split 'dev'; choose one of train, test"),
        ("vsp-generated:density=1", "hole density of 1.0"),
        ("vsp-generated:cell=3", "12 to 256 pixels wide, not 3"),
        ("vsp-generated:skin=lava", "no skin `lava`"),
    ],
)
def test_bad_options(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_tasks(spec, NAV)


def test_bad_python_values() -> None:
    with pytest.raises(UsageError, match="`sides` not a list"):
        load_tasks("vsp-generated", NAV, sides=5)
    with pytest.raises(UsageError, match="not of `maze`"):
        load_tasks("vsp-generated", "maze")
    with pytest.raises(UnknownName, match="Did you mean `vsp-generated`"):
        load_tasks("vsp-generate", NAV)


def test_labels_that_no_map_has_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adagym.envs.tasks.vsp_generated._MAX_DRAWS", 50)
    with pytest.raises(UsageError, match=r"No 4x4 map with an unsafe walk of \d moves was found; change `density`"):
        load_tasks("vsp-generated:sides=4,density=0", VER)


# --- the benchmark's folders

ROWS = {"0": ("FFFF", "FSFH", "FGHF", "HFFH"), "2": ("SFFF", "FFFF", "FFFF", "FFFG"), "10": ("GSFF", *["FFFF"] * 3)}
SIGNS = {"S": "@", "F": "_", "H": "#", "G": "*"}


def table_of(rows: tuple[str, ...]) -> str:
    head = "| | " + " | ".join(f"Col {i + 1}" for i in range(len(rows[0]))) + " |"
    return "\n".join([head, *(f"| Row {i + 1} | {' | '.join(SIGNS[c] for c in row)} |" for i, row in enumerate(rows))])


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def draw(path: Path, rows: tuple[str, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(MapImage(rows).load()).save(path)


@pytest.fixture
def maze(tmp_path: Path) -> Path:
    """A small benchmark: navigation on side 4 (three maps) and side 3 (one), two verification items."""
    level = tmp_path / "task-main/maps/level4"
    for stem, rows in ROWS.items():
        write(level, {f"table/{stem}.txt": table_of(rows)})
        draw(level / f"img/{stem}.png", rows)
    write(tmp_path, {"task-main/maps/level3/text/0.txt": "SFF\nFHF\nFFG\n"})
    draw(tmp_path / "task-main/maps/level3/img/0.png", ("SFF", "FHF", "FFG"))
    steps = tmp_path / "task4/maps/level_step3"
    for stem, plan, answer in (("0", "RDL", "N"), ("1", "LRL", "Y")):
        write(steps, {f"text/{stem}.txt": "HSF\nFHF\nFFG", f"question/{stem}.txt": plan, f"answer/{stem}.txt": answer})
        draw(steps / f"img/{stem}.png", ("HSF", "FHF", "FFG"))
    return tmp_path


def test_navigation_folder(maze: Path) -> None:
    tasks = load_tasks(f"vsp:{maze}", NAV)
    names = ["level3/0", "level4/0", "level4/2", "level4/10"]
    assert [task.id for task in tasks] == [f"vsp/task-main/{name}" for name in names]
    assert [task.meta["shortest"] for task in tasks] == [4, 1, 6, 1]
    assert lake_of(tasks[1]).rows == ROWS["0"]
    assert tasks[1].meta == {"rows": list(ROWS["0"]), "side": 4, "shortest": 1, "level": "level4"}
    np.testing.assert_array_equal(tasks[1].images[0].load(), MapImage(ROWS["0"]).load())
    assert pickle.loads(pickle.dumps(tasks))[2] == tasks[2]


def test_verification_folder(maze: Path) -> None:
    tasks = load_tasks(f"vsp:{maze}", VER)
    assert [(task.id, task.answer, task.meta["plan"]) for task in tasks] == [
        ("vsp/task4/level_step3/0", "No", "RDL"),
        ("vsp/task4/level_step3/1", "Yes", "LRL"),
    ]
    assert tasks[0].prompt.endswith("The action sequence is: R,D,L")
    assert tasks[0].meta["length"] == 3


@pytest.mark.parametrize("below", ["maze", "VSP-main/maze"])
def test_folders_above_are_searched(maze: Path, below: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("root")
    (root / below).parent.mkdir(parents=True, exist_ok=True)
    (root / below).symlink_to(maze)
    assert len(load_tasks(f"vsp:{root}", NAV)) == 4


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere` does not exist, so it has no task-main/maps"):
        load_tasks(f"vsp:{tmp_path / 'nowhere'}", NAV)
    with pytest.raises(DataError, match="has no task4/maps"):
        load_tasks(f"vsp:{tmp_path}", VER)
    (tmp_path / "task4/maps").mkdir(parents=True)
    with pytest.raises(DataError, match=r"holds no level\*/img"):
        load_tasks(f"vsp:{tmp_path}", VER)


@pytest.mark.parametrize(
    ("family", "file", "text", "message"),
    [
        (NAV, "task-main/maps/level4/table/2.txt", table_of(("FG", "FF")), "exactly one start"),
        (
            NAV,
            "task-main/maps/level4/table/2.txt",
            "| | Col 1 |\n| Row 1 | ? |",
            r"holds \['\?'\]; a cell is one of @ _ # \*",
        ),
        (NAV, "task-main/maps/level4/table/2.txt", "", "rows of one length"),
        (NAV, "task-main/maps/level3/text/0.txt", "SFF\nFG", "rows of one length"),
        (NAV, "task-main/maps/level3/text/0.txt", "SXG", "also holds"),
        (VER, "task4/maps/level_step3/question/0.txt", "RDX", "holds 'RDX'"),
        (VER, "task4/maps/level_step3/question/0.txt", "", "an action sequence consists of"),
        (VER, "task4/maps/level_step3/answer/0.txt", "maybe", "a label is Y or N"),
    ],
)
def test_bad_files_are_named(maze: Path, family: str, file: str, text: str, message: str) -> None:
    write(maze, {file: text})
    with pytest.raises(DataError, match=message) as caught:
        load_tasks(f"vsp:{maze}", family)
    assert str(maze / file) in str(caught.value)


def test_missing_and_undecodable_files_are_named(maze: Path) -> None:
    path = maze / "task4/maps/level_step3/answer/0.txt"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"answer/0\.txt` cannot be read"):
        load_tasks(f"vsp:{maze}", VER)
    (maze / "task-main/maps/level4/table/0.txt").unlink()
    with pytest.raises(DataError, match=r"level4/text/0\.txt` cannot be read"):
        load_tasks(f"vsp:{maze}", NAV)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "gone"])
def test_pictures_that_cannot_be_read(maze: Path, damage: str) -> None:
    picture = maze / "task-main/maps/level4/img/0.png"
    content = picture.read_bytes()
    tasks = load_tasks(f"vsp:{maze}", NAV)
    picture.unlink()
    spoilt: dict[str, Any] = {"cut": content[: len(content) // 2], "empty": b"", "text": b"no picture"}
    if damage in spoilt:
        picture.write_bytes(spoilt[damage])
    with pytest.raises(DataError, match=r"img/0\.png` cannot be read"):
        tasks[1].images[0].load()


def test_data_errors_are_usage_errors() -> None:
    assert issubclass(DataError, UsageError)
    assert issubclass(UsageError, AdagymError)
