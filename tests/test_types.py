"""The few values with behaviour of their own."""

from __future__ import annotations

import pickle

import numpy as np

from adagym.types import ArrayImage, LazyImage, Task


def test_array_images_are_compared_by_identity() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    image = ArrayImage(picture)
    other = ArrayImage(picture.copy())
    assert image != other
    assert len({image, other, image}) == 2
    assert Task("t/0", "f", "?", (image,)) != Task("t/0", "f", "?", (other,))


def test_array_images_are_lazy_images() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    image = ArrayImage(picture)
    assert isinstance(image, LazyImage)
    assert image.load() is picture
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(image)).load(), picture)
