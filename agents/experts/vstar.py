"""Visual search: point at the object that is asked about, crop around it, read the answer off the crop.

Text is read by OCR. Colours, neighbours and what they are made of are what the expert sees in the crop: it counts
pixels, and knows the objects' pictures by heart (``adagym.tools.pointing.objects``). Without tools it does the same
on a thumbnail, 448 pixels wide, of the whole picture. What it cannot find it guesses: the first option.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from adagym.agents.experts.base import GIVE_UP, Move, Scene
from adagym.tools.objects import HUES, OBJECTS
from adagym.tools.ocr import read_text
from adagym.tools.pointing.choose import locate
from adagym.tools.pointing.objects import find_object
from adagym.types import Array, ToolCall

THUMBNAIL = 448
"""Width in pixels of what is seen of a whole picture without tools."""
REACH = 12
"""A crop reaches this part of the picture's width to each side of the point."""

_FORMS: Mapping[str, re.Pattern[str]] = {
    "colour": re.compile(r"the colour of the (.+?)\?"),
    "text": re.compile(r"the tag below the (.+?)\?"),
    "kind": re.compile(r"Which object is right next to the (.+?)\?"),
    "material": re.compile(r"right next to the (.+?) mostly made of\?"),
    "relation": re.compile(r"Is the (.+?) (?:on the left or on the right of|above or below) the (.+?)\?"),
}
_OPTION = re.compile(r"^\(([A-Z])\) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Search:
    """What a prompt asks for."""

    kind: str
    names: tuple[str, ...]
    """The objects to find."""
    options: Mapping[str, str]
    """Text of each option to its letter."""

    @property
    def guess(self) -> str:
        """The letter of the first option."""
        return next(iter(self.options.values()))


def search(scene: Scene) -> Move:
    """Play the next turn."""
    asked = read_question(scene.prompt)
    if asked is None:
        return Move("I do not know this kind of question.", answer=GIVE_UP)
    if not scene.offered:
        return Move("Without tools I look at the whole picture.", answer=glance(scene.image, asked))
    if scene.turn < len(asked.names):
        name = asked.names[scene.turn]
        call = ToolCall("Point", {"image": scene.image_name, "description": name})
        return Move(f"Find the {name}.", call)
    points = [scene.points(turn) for turn in range(len(asked.names))]
    if not all(points):
        return Move("I cannot find it, so I guess.", answer=asked.guess)
    if asked.kind == "relation":
        return Move("Compare where they are.", answer=compare(points[0][0], points[1][0], asked.options))
    point = points[0][0]
    box = around(point, scene.image)
    if scene.turn == 1:
        return Move("Look closely.", ToolCall("Crop", {"image": scene.image_name, "coordinates": box}))
    closer = crop_of(scene, box)
    if closer is None:
        return Move("There is no closer look, so I guess.", answer=asked.guess)
    crop, place = scene.images[closer], [point[0] - box[0], point[1] - box[1]]
    if asked.kind != "text":
        return Move("Now it can be seen.", answer=look(crop, place, asked))
    tag = below(point, size_of(asked.names[0], crop, place), scene.image)
    if scene.turn == 2:
        return Move("The tag is below it.", ToolCall("Crop", {"image": scene.image_name, "coordinates": tag}))
    if scene.turn == 3:
        return Move("Read the tag.", ToolCall("OCR", {"image": crop_of(scene, tag) or closer}))
    texts = [(item["text"], item["box"]) for item in scene.results[3].get("detections", [])]
    return Move("That is the code.", answer=read(texts, [point[0] - tag[0], point[1] - tag[1]], asked))


def crop_of(scene: Scene, box: Sequence[int]) -> str | None:
    """The name of the latest picture that is as large as a box; None if no tool made one, or it was not shown."""
    size = (box[3] - box[1], box[2] - box[0])
    return next((name for name, picture in reversed(list(scene.images.items())) if picture.shape[:2] == size), None)


def glance(image: Array, asked: Search) -> str:
    """Answer from a thumbnail, enlarged again, by the same rules."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (THUMBNAIL, max(1, round(height * THUMBNAIL / width))), interpolation=cv2.INTER_AREA)
    seen = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    return by_sight(seen, asked) or asked.guess


def by_sight(image: Array, asked: Search) -> str | None:
    """Answer from a picture without tools, by the same rules; None if what is asked about is not found."""
    points = [locate(image, name, "objects") for name in asked.names]
    if not all(points):
        return None
    if asked.kind == "relation":
        return compare(points[0][0], points[1][0], asked.options)
    point = points[0][0]
    box = around(point, image)
    crop, place = cut(image, box), [point[0] - box[0], point[1] - box[1]]
    if asked.kind != "text":
        return look(crop, place, asked)
    tag = below(point, size_of(asked.names[0], crop, place), image)
    texts = [(line.text, line.box) for line in read_text(cut(image, tag))]
    return read(texts, [point[0] - tag[0], point[1] - tag[1]], asked)


def read_question(prompt: str) -> Search | None:
    """Understand a prompt of generated tasks; None if it is another one."""
    options = {text.strip(): letter for letter, text in _OPTION.findall(prompt)}
    for kind, form in _FORMS.items():
        match = form.search(prompt)
        if match and options:
            return Search(kind, match.groups(), options)
    return None


def around(point: Sequence[int], image: Array) -> list[int]:
    """A box ``[x1, y1, x2, y2]`` about a point, inside the picture."""
    height, width = image.shape[:2]
    reach = max(1, width // REACH)
    x, y = min(point[0], width - 1), min(point[1], height - 1)
    return [max(0, x - reach), max(0, y - reach), min(width, x + reach), min(height, y + reach)]


def below(point: Sequence[int], side: float, image: Array) -> list[int]:
    """A box ``[x1, y1, x2, y2]`` from an object's middle to below its tag, inside the picture."""
    height, width = image.shape[:2]
    x, y = min(point[0], width - 1), min(point[1], height - 1)
    reach, deep = max(1, round(0.9 * side)), max(1, round(1.6 * side))
    return [max(0, x - reach), y, min(width, x + reach), min(height, y + deep)]


def cut(picture: Array, box: Sequence[int]) -> Array:
    """The part of a picture in a box."""
    x1, y1, x2, y2 = box
    return np.ascontiguousarray(picture[y1:y2, x1:x2])


def size_of(name: str, crop: Array, place: Sequence[int]) -> float:
    """The longer side of an object that stands at a place ``[x, y]`` of a crop, in pixels."""
    finds = find_object(crop, OBJECTS[name]) if name in OBJECTS else []
    return min(finds, key=lambda find: _distance((find.x, find.y), place)).side if finds else crop.shape[1] / 8


def compare(one: Sequence[int], other: Sequence[int], options: Mapping[str, str]) -> str:
    """The letter of the option that says where the first point is, seen from the second."""
    if "above" in options:
        return options["above" if one[1] < other[1] else "below"]
    return options["on the left" if one[0] < other[0] else "on the right"]


def look(crop: Array, place: Sequence[int], asked: Search) -> str:
    """See a colour, a neighbour or its material in a crop.

    Args:
        crop: The part of the picture.
        place: ``[x, y]`` in it of the object asked about.
        asked: The question.
    """
    side = size_of(asked.names[0], crop, place)
    if asked.kind == "colour":
        return asked.options[nearest_colour(crop, place, side, list(asked.options))]
    said = {name: name if asked.kind == "kind" else item.material for name, item in OBJECTS.items()}
    known = [name for name, word in said.items() if word in asked.options and name != asked.names[0]]
    beside = neighbour(crop, place, side, known)
    return asked.guess if beside is None else asked.options[str(said[beside])]


def nearest_colour(crop: Array, place: Sequence[int], side: float, colours: Iterable[str]) -> str:
    """Which colour most of the coloured pixels near a point have."""
    reach = max(1, round(side / 3))
    x, y = place
    part = crop[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
    hsv = np.array(Image.fromarray(np.ascontiguousarray(part)).convert("HSV")).astype(float)
    hue, vivid = hsv[..., 0] * 360 / 256, (hsv[..., 1] > 90) & (hsv[..., 2] > 70)
    votes = {colour: np.abs((hue[vivid] - HUES.get(colour, 0) + 180) % 360 - 180) for colour in colours}
    nearest = np.array(list(votes.values())).argmin(axis=0)
    return list(votes)[int(np.bincount(nearest, minlength=len(votes)).argmax())]


def neighbour(crop: Array, place: Sequence[int], side: float, names: Iterable[str]) -> str | None:
    """Which of some objects stands right beside a point; None if none does."""
    left, top = max(0, round(place[0] - 2 * side)), max(0, round(place[1] - side))
    part = cut(crop, (left, top, round(place[0] + 2 * side), round(place[1] + side)))
    found = [
        (find.score, name)
        for name in names
        for find in find_object(part, OBJECTS[name])
        if 0.5 * side < abs(left + find.x - place[0]) < 1.5 * side
    ]
    return max(found)[1] if found else None


def read(texts: Iterable[tuple[str, Sequence[int]]], place: Sequence[int], asked: Search) -> str:
    """The option that is written nearest below a point."""
    under = [
        (_distance(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), place), text)
        for text, box in texts
        if (box[1] + box[3]) / 2 > place[1]
    ]
    for _, text in sorted(under):
        said = re.sub(r"\W", "", text).casefold()
        for option, letter in asked.options.items():
            if option.casefold() == said:
                return letter
    return asked.guess


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))
