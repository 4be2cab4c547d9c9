"""Maps are read back from their pixels, whatever the art, the size and the marks on them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.envs.lake import Lake
from adagym.envs.tiles import MapImage, Skin
from adagym.tools import maps
from adagym.tools.drawing import COLOURS, draw_arrows, draw_stars
from adagym.tools.maps import MapReading, read_map
from adagym.types import Array

SKINS: tuple[Skin, ...] = ("adagym", "gymnasium")


def lake_of(seed: int, side: int, density: float = 0.2) -> Lake:
    return Lake.generate(np.random.default_rng(seed), side, density)


@pytest.mark.parametrize("skin", SKINS)
@pytest.mark.parametrize("cell", [12, 17, 24, 32, 48, 51, 56, 64, 80, 128])
@pytest.mark.parametrize("side", [3, 4, 5, 6, 7, 8, 9])
def test_generated_maps_are_read(skin: Skin, cell: int, side: int) -> None:
    for density in (0.0, 0.2, 0.4):
        lake = lake_of(cell * side, side, density)
        assert read_map(MapImage(lake.rows, cell, skin).load()) == MapReading(cell, lake.rows)


def test_maps_need_not_be_square() -> None:
    rows = ("SFFHF", "FFGFF")
    reading = read_map(MapImage(rows, 40).load())
    assert reading is not None
    assert (reading.rows, reading.cols, reading.kinds) == (2, 5, rows)


@pytest.mark.parametrize(("side", "cell"), [(3, 64), (8, 64), (9, 56), (10, 51), (11, 46)])
def test_gymnasiums_own_pictures_are_read(side: int, cell: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From side 9 on, Gymnasium shrinks the cells and leaves a black strip at the right and bottom."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    lake = lake_of(side, side)
    env = gym.make("FrozenLake-v1", desc=list(lake.rows), render_mode="rgb_array")
    env.reset(seed=0)
    picture = np.asarray(env.render())
    env.close()
    assert read_map(picture) == MapReading(cell, lake.rows)


@pytest.mark.parametrize("skin", SKINS)
@pytest.mark.parametrize("cell", [32, 64])
@pytest.mark.parametrize("kind", ["S", "G", "H"])
def test_stars_hide_nothing(skin: Skin, cell: int, kind: str) -> None:
    lake = lake_of(5, 6)
    clean = MapReading(cell, lake.rows)
    marked = draw_stars(MapImage(lake.rows, cell, skin).load(), clean.centres(kind))
    assert read_map(marked) == clean


@pytest.mark.parametrize("skin", SKINS)
@pytest.mark.parametrize("colour", list(COLOURS))
def test_paths_hide_nothing(skin: Skin, colour: str) -> None:
    for seed in range(5):
        lake = lake_of(seed, 7)
        walk = lake.simulate(lake.shortest_plan() or "")
        points = [(x * 48 + 24, y * 48 + 24) for y, x in walk.cells]
        drawn = draw_arrows(MapImage(lake.rows, 48, skin).load(), points, COLOURS[colour], 3)
        assert read_map(drawn) == MapReading(48, lake.rows)


def test_centres_are_row_by_row() -> None:
    assert MapReading(64, ("SFH", "HFG")).centres("H") == [[160, 32], [32, 96]]
    assert MapReading(56, ("SFH", "HFG")).centres("S") == [[28, 28]]
    assert MapReading(51, ("FG", "SF")).centres("G") == [[76, 25]]
    assert MapReading(64, ("SG",)).centres("H") == []


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    fill=st.sampled_from([None, 0, 255, (180, 201, 226)]),
    seed=st.integers(0, 99),
)
def test_other_pictures_never_break_it(height: int, width: int, fill: object, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    if fill is None:
        assert read_map(picture) is None
        return
    picture[:] = fill
    reading = read_map(picture)
    assert reading is None or "S" not in "".join(reading.kinds)


def test_a_map_without_its_frames_is_none() -> None:
    picture = MapImage(("SFG", "FHF", "FFF")).load()
    assert read_map(picture[5:-5, 5:-5]) is None


def test_the_memory_is_bounded_and_safe_to_share() -> None:
    pictures: list[Array] = [MapImage(lake_of(seed, 3).rows, 12 + seed % 8).load() for seed in range(3 * maps._KEPT)]
    expected = [maps._read(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(read_map, pictures)) == expected
    assert len(maps._readings) <= maps._KEPT
