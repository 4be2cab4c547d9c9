"""The shipped objects: every picture is there, small, and can be told by its name; dyeing keeps the brightness."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adagym.errors import UsageError
from adagym.tools import objects
from adagym.tools.objects import HUES, OBJECTS, dye

FOLDER = Path(objects.__file__).parent / "assets" / "objects"


def test_every_file_has_an_entry_and_the_set_is_small() -> None:
    files = sorted(path.name for path in FOLDER.glob("*.webp"))
    assert files == sorted(item.file for item in OBJECTS.values())
    assert len(files) >= 100
    assert sum((FOLDER / name).stat().st_size for name in files) < 1_100_000
    assert list(OBJECTS) == sorted(OBJECTS)


def test_pictures_are_cut_to_their_outline() -> None:
    for name in list(OBJECTS)[::10]:
        picture = OBJECTS[name].load()
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 4
        assert max(picture.shape[:2]) == 160
        seen = picture[..., 3] > 8
        assert seen.any(0)[[0, -1]].all(), name
        assert seen.any(1)[[0, -1]].all(), name


def test_names_are_plain_words() -> None:
    for name, item in OBJECTS.items():
        assert name == name.lower() == item.name
        assert name.replace(" ", "").replace("-", "").isalpha()
    assert OBJECTS["apple"].colour == "red"
    assert OBJECTS["key"].material == "metal"
    assert pickle.loads(pickle.dumps(OBJECTS["key"])) == OBJECTS["key"]


@pytest.mark.parametrize("colour", HUES)
def test_dyeing_turns_the_hue_and_keeps_the_largest_channel(colour: str) -> None:
    bucket = OBJECTS["bucket"]
    plain, dyed = bucket.load().astype(int), dye(bucket, colour).astype(int)
    assert (dyed[..., 3] == plain[..., 3]).all()
    assert abs(dyed[..., :3].max(-1) - plain[..., :3].max(-1)).max() <= 1
    hsv = np.array(Image.fromarray(dyed[..., :3].astype(np.uint8)).convert("HSV")).astype(float)
    body = (plain[..., 3] > 200) & (hsv[..., 1] > 120)
    off = (hsv[..., 0][body] * 360 / 256 - HUES[colour] + 180) % 360 - 180
    assert abs(np.median(off)) < 12


def test_what_cannot_be_dyed() -> None:
    with pytest.raises(UsageError, match="`spoon` cannot be dyed 'red'"):
        dye(OBJECTS["spoon"], "red")
    with pytest.raises(UsageError, match="colours are red, orange"):
        dye(OBJECTS["bucket"], "beige")
