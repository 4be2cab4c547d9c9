"""The photographs that come with adagym, and those of folders."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adagym.envs.tasks.photos import PHOTOS, SCENES, photos_of
from adagym.errors import DataError, UsageError


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((120, 120), 60).save(path)
    return folder


def test_every_photo_of_adagym_can_be_read() -> None:
    assert len(PHOTOS) == 11
    for photo in PHOTOS.values():
        picture = pickle.loads(pickle.dumps(photo)).load()
        assert picture.dtype == np.uint8
        assert 300 <= min(picture.shape[:2]) <= max(picture.shape[:2]) <= 1000
    assert PHOTOS["chelsea"].load().shape == (300, 451, 3)


def test_the_splits_share_no_photo() -> None:
    train, test = photos_of(None, "train"), photos_of(None, "test")
    assert not set(train) & set(test)
    assert set(photos_of(None, "train", parted=False)) == set(photos_of(None, "test", parted=False))
    assert {*train, *test} == set(photos_of(None, "test", parted=False)) == {*SCENES["train"], *SCENES["test"]}


def test_a_folder_is_split_by_name(tmp_path: Path) -> None:
    names = [f"{letter}/{number}.png" for letter in "ab" for number in range(20)]
    fill(tmp_path, *names)
    (tmp_path / "notes.txt").write_text("no photo")
    train, test = photos_of(tmp_path, "train"), photos_of(tmp_path, "test")
    assert sorted({*train, *test}) == sorted(names)
    assert not set(train) & set(test)
    assert 3 <= len(test) <= 17
    assert list(photos_of(tmp_path, "test", parted=False)) == sorted(names)
    assert train[next(iter(train))].load().shape == (120, 120, 3)
    fill(tmp_path, "c/later.png")
    assert set(test) <= set(photos_of(tmp_path, "test")), "further photos move none"


def test_coco_is_split_by_its_folders(tmp_path: Path) -> None:
    fill(tmp_path, "train2017/000000000009.jpg", "train2017/000000000025.JPG", "val2017/000000000139.jpg")
    assert list(photos_of(tmp_path, "train")) == ["train2017/000000000009.jpg", "train2017/000000000025.JPG"]
    assert list(photos_of(tmp_path, "test")) == ["val2017/000000000139.jpg"]
    assert len(photos_of(tmp_path, "test", parted=False)) == 3


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no split 'val'; choose one of train, test"):
        photos_of(None, "val")
    with pytest.raises(DataError, match="is not a folder"):
        photos_of(tmp_path / "none", "test")
    with pytest.raises(DataError, match="holds no photo"):
        photos_of(tmp_path, "test")
