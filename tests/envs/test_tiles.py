"""Pictures of maps, in our tiles and in Gymnasium's."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import cast

import gymnasium as gym
import numpy as np
import pytest

from adagym.envs import gymnasium_art
from adagym.envs.lake import Lake
from adagym.envs.tiles import MAX_CELL, MIN_CELL, MapImage, Skin
from adagym.errors import UsageError
from adagym.types import Array, LazyImage

ROWS = ("SFH", "FFF", "HFG")
SKINS: tuple[Skin, ...] = ("adagym", "gymnasium")


def cells_of(image: Array, cell: int) -> list[list[Array]]:
    return [
        [image[y : y + cell, x : x + cell] for x in range(0, image.shape[1], cell)]
        for y in range(0, image.shape[0], cell)
    ]


@pytest.mark.parametrize("skin", SKINS)
@pytest.mark.parametrize("cell", [MIN_CELL, 33, 64, MAX_CELL])
def test_shape_and_repeatability(skin: Skin, cell: int) -> None:
    image = MapImage(("SFG",), cell, skin)
    picture = image.load()
    assert (picture.shape, picture.dtype) == ((cell, 3 * cell, 3), np.uint8)
    assert isinstance(image, LazyImage)
    assert pickle.loads(pickle.dumps(image)) == image
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(image)).load(), picture)


@pytest.mark.parametrize("skin", SKINS)
def test_every_load_is_a_picture_of_its_own(skin: Skin) -> None:
    image = MapImage(ROWS, 64, skin)
    before = image.load()
    image.load()[:] = 0
    np.testing.assert_array_equal(image.load(), before)


def test_equal_letters_look_equal_and_others_do_not() -> None:
    grid = cells_of(MapImage(ROWS, 64).load(), 64)
    looks: dict[str, Array] = {}
    for row, pictures in zip(ROWS, grid, strict=True):
        for letter, picture in zip(row, pictures, strict=True):
            np.testing.assert_array_equal(looks.setdefault(letter, picture), picture)
    for one, other in itertools.combinations(looks.values(), 2):
        differs = np.abs(one.astype(int) - other.astype(int)).max(-1) > 40
        assert differs.mean() > 0.15


@pytest.mark.parametrize(
    ("cell", "skin", "message"),
    [
        (MIN_CELL - 1, "adagym", "12 to 256 pixels wide, not 11"),
        (MAX_CELL + 1, "adagym", "not 257"),
        (64, "lava", "no skin `lava`; choose `adagym` or `gymnasium`"),
    ],
)
def test_what_cannot_be_drawn_is_refused(cell: int, skin: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MapImage(ROWS, cell, cast(Skin, skin))


@pytest.mark.parametrize("side", [3, 5, 8])
def test_gymnasium_skin_is_gymnasiums_picture(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    lake = Lake.generate(np.random.default_rng(side), side)
    env = gym.make("FrozenLake-v1", desc=list(lake.rows), render_mode="rgb_array")
    env.reset(seed=0)
    theirs = np.asarray(env.render())
    env.close()
    ours = MapImage(lake.rows, 64, "gymnasium").load()
    assert ours.shape == theirs.shape
    # Before 1.4 the player's shadow, 20 pixels, is blended by pygame in its own way.
    assert (ours != theirs).any(-1).sum() <= 20


def test_missing_art_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gymnasium_art, "_FOLDER", tmp_path)
    gymnasium_art._compose.cache_clear()
    with pytest.raises(UsageError, match='Use `skin="adagym"`'):
        MapImage(ROWS, 64, "gymnasium").load()
