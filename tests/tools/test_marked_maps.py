"""Pictures that the tools marked are read like clean ones: an agent may point again on what a tool returned."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from adagym.envs.lake import Lake
from adagym.envs.tiles import MapImage, Skin
from adagym.tools.drawing import COLOURS
from adagym.tools.executor import Executor
from adagym.tools.maps import MapReading, read_map
from adagym.types import Array, ToolCall

SKINS: tuple[Skin, ...] = ("adagym", "gymnasium")
EXECUTOR = Executor(["Point", "Draw2DPath"])


def run(name: str, picture: Array, **arguments: object) -> Array:
    result = EXECUTOR.run(ToolCall(name, {"image": "img_1", **arguments}), {"img_1": picture})
    assert result.ok, result.message
    return result.images[0] if result.images else picture


def starred(picture: Array) -> Array:
    for description in ("Elf", "Gift", "Ice Holes"):
        picture = run("Point", picture, description=description)
    return picture


def wander(rng: np.random.Generator, lake: Lake, length: int) -> str:
    """Moves that stay on the map, through holes and back and forth."""
    cell, plan = lake.start, ""
    for _ in range(length):
        plan += str(rng.choice([move for move in "LRUD" if lake.step(cell, move) != cell]))
        cell = lake.step(cell, plan[-1])
    return plan


@pytest.mark.parametrize("skin", SKINS)
@pytest.mark.parametrize("cell", [40, 56, 64, 96])
@pytest.mark.parametrize("side", [3, 6, 9])
def test_stars_and_paths_of_any_colour_hide_nothing(side: int, cell: int, skin: Skin) -> None:
    rng = np.random.default_rng(side)
    for colour in COLOURS:
        lake = Lake.generate(rng, side, 0.25)
        expected = MapReading(cell, lake.rows)
        clean = MapImage(lake.rows, cell, skin).load()
        start = expected.centres("S")[0]
        for plan in (lake.shortest_plan(), wander(rng, lake, 8)):
            for picture in (clean, starred(clean)):
                drawn = run("Draw2DPath", picture, start_point=start, directions=plan, line_color=colour)
                assert read_map(drawn) == expected
                assert read_map(starred(drawn)) == expected


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")
@pytest.mark.parametrize(("side", "cell"), [(4, 64), (9, 56), (10, 51)])
def test_stars_on_pictures_rendered_by_gymnasium(side: int, cell: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    lake = Lake.generate(np.random.default_rng(side), side)
    env = gymnasium.make("FrozenLake-v1", desc=list(lake.rows), render_mode="rgb_array")
    env.reset(seed=0)
    picture = np.ascontiguousarray(env.render())
    env.close()
    assert read_map(starred(picture)) == MapReading(cell, lake.rows)
