"""Pointing backends on photos and screens, and which of them answers."""

from __future__ import annotations

import importlib
from types import ModuleType

import cv2
import numpy as np
import pytest

from adagym.envs.tiles import MapImage
from adagym.errors import MissingExtra, UnknownName, UsageError
from adagym.tools.executor import Executor
from adagym.tools.objects import OBJECTS, dye
from adagym.tools.pointing import choose
from adagym.tools.pointing.base import centre
from adagym.tools.pointing.choose import locate
from adagym.tools.pointing.objects import ObjectPointer, find_object
from adagym.tools.pointing.text import TextPointer
from adagym.tools.reading import Line
from adagym.types import Array, ToolCall

POINT = Executor(["Point"]).run


def photo(width: int, height: int, seed: int = 0) -> Array:
    """Coloured clouds with some grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(2, height // 60), max(2, width // 60), 3), np.uint8)
    clouds = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return (clouds + rng.integers(-12, 13, clouds.shape)).clip(0, 255).astype(np.uint8)


def paste(image: Array, rgba: Array, side: int, x: int, y: int) -> tuple[int, int, int, int]:
    """Put an object of that longer side on the picture; return its box."""
    ratio = side / max(rgba.shape[:2])
    width, height = round(rgba.shape[1] * ratio), round(rgba.shape[0] * ratio)
    weighed = rgba.astype(np.float32)
    weighed[..., :3] *= weighed[..., 3:] / 255
    small = cv2.resize(weighed, (width, height), interpolation=cv2.INTER_AREA)
    part = image[y : y + height, x : x + width]
    part[...] = np.rint(part * (1 - small[..., 3:] / 255) + small[..., :3])
    return x, y, x + width, y + height


def inside(point: list[int], box: tuple[int, int, int, int]) -> bool:
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


@pytest.mark.parametrize("side", [48, 90, 160, 300, 470])
def test_an_object_is_found_at_many_scales(side: int) -> None:
    image = photo(900, 700)
    box = paste(image, OBJECTS["hamburger"].load(), side, 310, 150)
    before = image.copy()
    result = POINT(ToolCall("Point", {"image": "img_1", "description": "the hamburger"}), {"img_1": image})
    (found,) = result.data["points"]
    middle = centre(box, image)
    assert max(abs(found[0] - middle[0]), abs(found[1] - middle[1])) <= max(3, side // 20)
    assert tuple(result.images[0][found[1], found[0]]) == (0, 255, 0)
    np.testing.assert_array_equal(image, before)


def test_all_of_a_kind_are_found_and_colours_told_apart() -> None:
    name = next(name for name, item in OBJECTS.items() if item.hue is not None)
    image = photo(1000, 500, seed=1)
    boxes = {
        colour: paste(image, dye(OBJECTS[name], colour), 110, x, 200)
        for colour, x in (("red", 60), ("green", 400), ("blue", 800))
    }
    pointer = ObjectPointer()
    for colour, box in boxes.items():
        found = pointer.locate(image, f"The {colour} {name}")
        assert found is not None
        assert [inside(point, box) for point in found] == [True]
    everything = pointer.locate(image, f"every {name}")
    assert everything is not None
    assert sorted(inside(point, box) for point in everything for box in boxes.values()) == [False] * 6 + [True] * 3
    assert pointer.locate(image, f"purple {name}") is None


@pytest.mark.parametrize(
    "image", [photo(640, 480, seed=2), np.full((480, 640, 3), 128, np.uint8)], ids=["photo", "grey"]
)
def test_an_empty_background_holds_nothing(image: Array) -> None:
    for name in ("hamburger", "key", "banana", "umbrella"):
        assert find_object(image, OBJECTS[name]) == []


def test_another_object_is_not_taken_for_it() -> None:
    image = photo(640, 480, seed=3)
    paste(image, OBJECTS["banana"].load(), 160, 200, 150)
    assert ObjectPointer().locate(image, "hamburger") is None


def test_tiny_pictures_hold_nothing() -> None:
    for shape in ((1, 1, 3), (1, 300, 3), (15, 15, 3)):
        assert ObjectPointer().locate(np.zeros(shape, np.uint8), "hamburger") is None


@pytest.mark.parametrize("description", ["the dog", "", 'the button "hamburger"', "hamburgers and"])
def test_names_are_whole_words_and_not_quoted(description: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "adagym.tools.pointing.objects.find_object", lambda image, item, colour: asked.append(item.name) or []
    )
    assert ObjectPointer().locate(np.zeros((9, 9, 3), np.uint8), description) is None
    assert asked == (["hamburger"] if description == "hamburgers and" else [])


def test_the_longest_name_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    def find(image: Array, item: object, colour: str | None) -> list[object]:
        asked.append((getattr(item, "name", ""), colour))
        return []

    monkeypatch.setattr("adagym.tools.pointing.objects.find_object", find)
    for description in ("The blue baseball cap", "a baseball, not orange"):
        ObjectPointer().locate(np.zeros((9, 9, 3), np.uint8), description)
    assert asked == [("baseball cap", "blue"), ("baseball", "orange")]


SCREEN = tuple(
    Line.shared(text, box, 0.9)
    for text, box in (
        ("Sign in", (500, 10, 570, 30)),
        ("Save", (10, 100, 50, 120)),
        ("Save as draft", (100, 100, 230, 120)),
        ("Ernail address", (10, 200, 150, 220)),  # misread
        ("Total: 42.50", (10, 300, 130, 320)),
        ("Save", (10, 400, 50, 420)),
    )
)


@pytest.mark.parametrize(
    ("description", "points"),
    [
        ("the 'Save' button", [[30, 110], [30, 410]]),
        ("Save", [[30, 110], [30, 410]]),
        ("the button “Save as draft”", [[165, 110]]),
        ("draft", [[205, 110]]),
        ("the Sign in button", [[535, 20]]),
        ("text field Email address", [[80, 210]]),
        ("total", [[40, 310]]),
        ("42.50", [[105, 310]]),
        ("SAVE AS  draft!", [[165, 110]]),
        ("Cancel", None),
        ("'Cancel' below 'Save'", [[30, 110], [30, 410]]),
        ("''", None),
        ("…", None),
    ],
)
def test_text_is_found_by_what_it_says(
    description: str, points: list[list[int]] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adagym.tools.pointing.text.read_text", lambda image, backend: SCREEN)
    assert TextPointer().locate(np.zeros((500, 640, 3), np.uint8), description) == points


def test_the_text_backend_passes_its_engine_on(monkeypatch: pytest.MonkeyPatch) -> None:
    engines: list[str | None] = []
    monkeypatch.setattr(
        "adagym.tools.pointing.text.read_text", lambda image, backend: engines.append(backend) or SCREEN
    )
    for name in ("text", "text:tesseract:deu"):
        locate(np.zeros((500, 640, 3), np.uint8), "draft", name)
    assert engines == [None, "tesseract:deu"]


def test_a_map_is_never_taken_for_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "DEFAULT", ("map", "owlv2"))  # which would complain about its missing model
    assert locate(MapImage(("SF", "HG")).load(), "hamburger") == []


def test_backends_are_asked_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adagym.tools.pointing.text.read_text", lambda image, backend: SCREEN)
    image = np.zeros((500, 640, 3), np.uint8)
    assert locate(image, "Save as draft") == [[165, 110]]
    monkeypatch.setenv("ADAGYM_POINT", "map, objects")
    assert locate(image, "Save as draft") == []
    assert locate(image, "Save as draft", "text") == [[165, 110]]


def test_without_the_extra_text_is_left_out_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def absent(name: str, package: str | None = None) -> ModuleType:
        if name == "onnxruntime":
            raise ModuleNotFoundError("No module named 'onnxruntime'", name=name)
        return real(name, package)

    monkeypatch.setattr("adagym.errors.importlib.import_module", absent)
    importlib.import_module("adagym.tools.ocr")._engine.cache_clear()
    image = np.full((41, 61, 3), 90, np.uint8)
    assert locate(image, "Save") == []
    with pytest.raises(MissingExtra, match=r"pip install 'adagym\[ocr\]'"):
        locate(image, "Save", "text")


@pytest.mark.parametrize(
    ("backend", "error", "message"),
    [
        ("objcts", UnknownName, "no pointer `objcts`. Did you mean `objects`"),
        ("map:x", UsageError, "`map` takes no option, and got 'x'"),
        ("objects:x", UsageError, "`objects` takes no option, and got 'x'"),
        ("owlv2", UsageError, "`owlv2` needs a model; write `owlv2:FOLDER`"),
    ],
)
def test_wrong_backends_are_the_callers_mistake(backend: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        locate(np.zeros((40, 40, 3), np.uint8), "Save", backend)


def test_the_middle_of_a_box_stays_inside() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    assert centre([10.0, 4.0, 21.0, 9.0], image) == [15, 6]
    assert centre([20, 30, 60, 50], image) == [29, 19]
    assert centre([-9, -9, 3, 3], image) == [0, 0]
