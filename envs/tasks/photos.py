"""Photographs: a few that come with adagym, and those of a folder, parted so that training and test share none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adagym.errors import DataError, UsageError
from adagym.pictures import PictureFile, read_picture
from adagym.types import Array, LazyImage

SPLITS = ("train", "test")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Names that a folder's photos may end in, in any case."""

_FOLDER = Path(__file__).parent / "assets" / "photos"
_COCO = {"train": "train2017", "test": "val2017"}
"""Folders of the COCO dataset by split."""


@dataclass(frozen=True)
class Photo:
    """A photograph that comes with adagym; THIRD_PARTY.md tells where it is from."""

    name: str

    def load(self) -> Array:
        """Decode it, ``(height, width, 3)`` ``uint8`` RGB."""
        return read_picture(_FOLDER / f"{self.name}.webp")


PHOTOS: Mapping[str, LazyImage] = {path.stem: Photo(path.stem) for path in sorted(_FOLDER.glob("*.webp"))}
"""Name to photograph; sides of 300 to 1000 pixels."""

SCENES: Mapping[str, tuple[str, ...]] = {
    "train": ("astronaut", "camera", "coffee", "flower"),
    "test": ("chelsea", "china", "rocket"),
}
"""Split to the names of its photographs. What looks alike all over (a wall, gravel, stars, a retina) is in neither."""


def photos_of(folder: str | Path | None, split: str, parted: bool = True) -> dict[str, LazyImage]:
    """The photographs of a split, by name, sorted.

    A folder in the layout of COCO (``train2017``, ``val2017``) is split as its makers did. In any other, a quarter of
    the photos are for testing: which ones depends on a photo's path below the folder alone, so that further photos
    move none. The same photo under two names can be in both splits.

    Args:
        folder: Holds photos, at any depth; None takes those of adagym.
        split: ``train`` or ``test``.
        parted: Whether the splits differ; if not, both have all the photos.

    Raises:
        UsageError: There is no such split.
        DataError: The folder is missing, or holds no photo of the split.
    """
    if split not in SPLITS:
        raise UsageError(f"There is no split {split!r}; choose one of {', '.join(SPLITS)}.")
    if folder is None:
        names = SCENES[split] if parted else sum(SCENES.values(), ())
        return {name: PHOTOS[name] for name in sorted(names)}
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"`{root}` is not a folder. Give one that holds photos ({', '.join(SUFFIXES)}).")
    coco = root / _COCO[split]
    if parted and coco.is_dir():
        found = _photos_below(root, coco)
    else:
        found = [name for name in _photos_below(root, root) if not parted or _split_of(name) == split]
    if not found:
        raise DataError(
            f"`{root}` holds no photo ({', '.join(SUFFIXES)}) for the split {split}. Add photos, or let both splits "
            "have all of them with parted=no."
        )
    return {name: PictureFile(str(root / name)) for name in found}


def _photos_below(root: Path, folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path.relative_to(root).as_posix() for path in paths)


def _split_of(name: str) -> str:
    return "test" if hashlib.sha256(name.encode()).digest()[0] % 4 == 0 else "train"
