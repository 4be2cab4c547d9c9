"""The look of our tiles is part of what the embedded model was trained on, so it must not drift."""

from __future__ import annotations

import numpy as np
import pytest

from adagym.envs.tiles import MapImage

FRAME = (180, 202, 222)


@pytest.mark.parametrize(
    ("kind", "spot", "colour"),
    [
        ("F", (32, 32), (226, 238, 247)),
        ("H", (32, 40), (21, 52, 98)),
        ("S", (32, 15), (34, 139, 69)),
        ("S", (32, 22), (246, 205, 165)),
        ("S", (32, 41), (204, 50, 46)),
        ("S", (32, 46), (90, 50, 30)),
        ("G", (20, 45), (142, 82, 184)),
        ("G", (20, 25), (168, 104, 212)),
        ("G", (32, 45), (250, 202, 64)),
    ],
)
def test_colours_at_64_pixels(kind: str, spot: tuple[int, int], colour: tuple[int, int, int]) -> None:
    x, y = spot
    pixel = MapImage((kind,)).load()[y, x].astype(int)
    # Pillow's releases may round a smoothed pixel differently.
    assert np.abs(pixel - colour).max() <= 2


@pytest.mark.parametrize("cell", [12, 56, 64, 256])
def test_every_cell_has_a_frame_of_one_pixel(cell: int) -> None:
    picture = MapImage(("SFH", "FGF"), cell).load()
    assert picture.flags.c_contiguous
    for line in (0, cell - 1, cell, 2 * cell - 1):
        assert (picture[line] == FRAME).all()
    for line in (0, cell - 1, cell, 3 * cell - 1):
        assert (picture[:, line] == FRAME).all()
    assert not (picture[1] == FRAME).all(-1).all()
