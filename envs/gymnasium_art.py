"""FrozenLake tiles of the installed Gymnasium package, composed with Pillow instead of pygame.

Gymnasium changed its art in 1.4; the older art is what the Visual-Spatial-Planning benchmark shows.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import gymnasium
import numpy as np
from PIL import Image

from adagym.errors import UsageError
from adagym.types import Array

_FOLDER = Path(gymnasium.__file__).parent / "envs" / "toy_text" / "img"
_BORDER = (180, 200, 230)
_OLD = {"H": ("hole.png",), "G": ("goal.png",), "S": ("stool.png", "elf_down.png"), "F": ()}
_CORNER, _FLAG, _CENTRE = "corner", "flag", "centre"
_NEW = {
    "S": (("letter_s.png", (12, 20), _CORNER), ("agent.png", (40, 36), _CENTRE)),
    "G": (("goal_flag.png", (24, 32), _FLAG), ("letter_g.png", (12, 20), _CORNER)),
}
"""Overlays of the newer art: file, size at 64 pixels, and where it stands."""


def gymnasium_tile(kind: str, cell: int, place: tuple[int, int]) -> Array:
    """One cell, ``(cell, cell, 3)``, as Gymnasium's renderer draws it.

    Args:
        kind: S, F, H or G.
        cell: Pixels per side.
        place: Row and column; the newer art varies the ice with them.

    Raises:
        UsageError: The installed Gymnasium has neither the older nor the newer art.
    """
    crack = (place[1] * 3 + place[0] * 5) % 7 if kind == "F" else 2
    return _compose(kind, cell, crack if crack < 2 else None)


@lru_cache(maxsize=64)
def _compose(kind: str, cell: int, crack: int | None) -> Array:
    if (_FOLDER / "ice.png").is_file():
        tile = _load("ice.png", (cell, cell))
        for name in _OLD[kind]:
            tile.alpha_composite(_load(name, (cell, cell)))
    elif (_FOLDER / "tile_ice.png").is_file():
        tile = _load("tile_hole.png" if kind == "H" else "tile_ice.png", (cell, cell))
        if crack is not None:
            tile.alpha_composite(_load(f"tile_ice_crack_{'ab'[crack]}.png", (cell, cell)))
        for name, size, anchor in _NEW.get(kind, ()):
            overlay = _load(name, (max(1, round(size[0] * cell / 64)), max(1, round(size[1] * cell / 64))))
            tile.alpha_composite(overlay, _corner(anchor, cell, overlay.size))
    else:
        raise UsageError(
            f'`skin="gymnasium"` needs FrozenLake\'s pictures in `{_FOLDER}`, and gymnasium {gymnasium.__version__} '
            'has none that adagym knows. Use `skin="adagym"`, or install gymnasium between 1.2.2 and 1.4.'
        )
    picture = np.array(tile.convert("RGB"))
    picture[[0, -1], :] = _BORDER
    picture[:, [0, -1]] = _BORDER
    return picture


def _load(name: str, size: tuple[int, int]) -> Image.Image:
    with Image.open(_FOLDER / name) as image:
        scaled: Image.Image = image.convert("RGBA").resize(size, Image.Resampling.NEAREST)
    return scaled


def _corner(anchor: str, cell: int, size: tuple[int, int]) -> tuple[int, int]:
    if anchor == _CORNER:
        return (round(cell * 0.06), round(cell * 0.06))
    x = (cell - size[0]) // 2
    return (x, cell - size[1] - round(cell * 0.12)) if anchor == _FLAG else (x, (cell - size[1]) // 2)
