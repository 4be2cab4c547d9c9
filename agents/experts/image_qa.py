"""Questions over several pictures: point at the object in one picture after another, until the answer is clear.

A code is read from a crop of the picture that shows the object. Without tools the expert does the same on a thumbnail,
448 pixels wide, of every picture. What it cannot find it guesses: the first option.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from adagym.agents.experts.base import GIVE_UP, Move, Scene
from adagym.agents.experts.vstar import THUMBNAIL, Search, around, below, crop_of, cut, read, size_of
from adagym.tools.ocr import read_text
from adagym.tools.pointing.choose import locate
from adagym.types import Array, ToolCall

Look = tuple[str, str]
"""A picture and an object to find in it."""
Seen = Mapping[Look, Sequence[Sequence[int]]]
"""Where each object was found; nowhere if empty."""

_FORMS: Mapping[str, re.Pattern[str]] = {
    "where": re.compile(r"In which picture is the (.+?)\?"),
    "count": re.compile(r"How many of the pictures show this object: (.+?)\?"),
    "difference": re.compile(r"is in picture (\d) but not in picture (\d)\?"),
    "most": re.compile(r"the largest number of this object: (.+?)\?"),
    "text": re.compile(r"the tag below the (.+?)\?"),
}
_OPTION = re.compile(r"^\(([A-Z])\) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Asked:
    """What a prompt asks for."""

    kind: str
    words: tuple[str, ...]
    """The object; for a difference the numbers of the two pictures."""
    options: Mapping[str, str]
    """Text of each option to its letter."""

    @property
    def guess(self) -> str:
        """The letter of the first option."""
        return next(iter(self.options.values()))


def seek(scene: Scene) -> Move:
    """Play the next turn."""
    asked = read_question(scene.prompt)
    if asked is None:
        return Move("I do not know this kind of question.", answer=GIVE_UP)
    made = {name for names in scene.made for name in names}
    pictures = [name for name in scene.images if name not in made]
    if not scene.offered:
        return Move("Without tools I look at every picture as a whole.", answer=glance(scene.images, pictures, asked))
    seen: dict[Look, Sequence[Sequence[int]]] = {}
    for turn in range(scene.turn):
        look = next_look(asked, pictures, seen)
        if look is None:
            break
        seen[look] = scene.points(turn)
    look = next_look(asked, pictures, seen)
    if look is not None:
        picture, name = look
        return Move(f"Is there the {name} in {picture}?", ToolCall("Point", {"image": picture, "description": name}))
    if asked.kind != "text":
        return Move("Now I can compare the pictures.", answer=conclude(asked, pictures, seen))
    return _read_tag(scene, asked, seen)


def _read_tag(scene: Scene, asked: Asked, seen: Seen) -> Move:
    """Crop around the object, then its tag; read."""
    holder = next((picture for (picture, _), points in seen.items() if points), None)
    if holder is None:
        return Move("I cannot find it, so I guess.", answer=asked.guess)
    point = seen[holder, asked.words[0]][0]
    box = around(point, scene.images[holder])
    done = scene.turn - len(seen)
    if done == 0:
        return Move("Look closely.", ToolCall("crop_image", {"bbox_2d": box, "target_image": holder}))
    closer = crop_of(scene, box)
    if closer is None:
        return Move("There is no closer look, so I guess.", answer=asked.guess)
    place = [point[0] - box[0], point[1] - box[1]]
    tag = below(point, size_of(asked.words[0], scene.images[closer], place), scene.images[holder])
    if done == 1:
        return Move("The tag is below it.", ToolCall("crop_image", {"bbox_2d": tag, "target_image": holder}))
    if done == 2:
        return Move("Read the tag.", ToolCall("OCR", {"image": crop_of(scene, tag) or closer}))
    texts = [(item["text"], item["box"]) for item in scene.results[-1].get("detections", [])]
    return Move("That is the code.", answer=_code(texts, point, tag, asked))


def _code(texts: Iterable[tuple[str, Sequence[int]]], point: Sequence[int], tag: Sequence[int], asked: Asked) -> str:
    """The option that is written in a crop below a point of the whole picture."""
    return read(texts, [point[0] - tag[0], point[1] - tag[1]], Search(asked.kind, asked.words, asked.options))


def read_question(prompt: str) -> Asked | None:
    """Understand a prompt of generated tasks; None if it is another one."""
    options = {text.strip(): letter for letter, text in _OPTION.findall(prompt)}
    for kind, form in _FORMS.items():
        match = form.search(prompt)
        if match and options:
            return Asked(kind, match.groups(), options)
    return None


def next_look(asked: Asked, pictures: Sequence[str], seen: Seen) -> Look | None:
    """The next picture to look at, and what for; None once the answer is clear."""
    if asked.kind == "difference":
        one, other = _pair(asked)
        for name in asked.options:
            here, there = (one, name), (other, name)
            if here not in seen:
                return here
            if seen[here] and there not in seen:
                return there
            if seen[here] and not seen[there]:
                return None
        return None
    looks = [(picture, asked.words[0]) for picture in pictures]
    if asked.kind in ("where", "text") and any(seen.values()):
        return None
    return next((look for look in looks if look not in seen), None)


def conclude(asked: Asked, pictures: Sequence[str], seen: Seen) -> str:
    """The letter of the option that fits what was seen."""
    found: str | None
    if asked.kind == "difference":
        one, other = _pair(asked)
        found = next((name for name in asked.options if seen.get((one, name)) and not seen.get((other, name))), None)
    else:
        numbers = [len(seen.get((picture, asked.words[0]), ())) for picture in pictures]
        if asked.kind == "count":
            found = str(sum(number > 0 for number in numbers))
        else:
            found = f"picture {numbers.index(max(numbers)) + 1}"
    return asked.options.get(found or "", asked.guess)


def glance(images: Mapping[str, Array], pictures: Sequence[str], asked: Asked) -> str:
    """Answer from thumbnails, enlarged again, by the same rules."""
    return by_sight({picture: thumbnail(images[picture]) for picture in pictures}, asked) or asked.guess


def by_sight(images: Mapping[str, Array], asked: Asked) -> str | None:
    """Answer from pictures without tools, by the same rules; None if what is asked about is not found."""
    seen: dict[Look, Sequence[Sequence[int]]] = {}
    pictures = list(images)
    while (look := next_look(asked, pictures, seen)) is not None:
        seen[look] = locate(images[look[0]], look[1], "objects")
    if asked.kind != "text":
        return conclude(asked, pictures, seen) if any(seen.values()) else None
    for (picture, _), points in seen.items():
        if points:
            box = around(points[0], images[picture])
            place = [points[0][0] - box[0], points[0][1] - box[1]]
            side = size_of(asked.words[0], cut(images[picture], box), place)
            tag = below(points[0], side, images[picture])
            texts = [(line.text, line.box) for line in read_text(cut(images[picture], tag))]
            return _code(texts, points[0], tag, asked)
    return None


def thumbnail(image: Array) -> Array:
    """A picture as it looks after it was made 448 pixels wide, at its own size."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (THUMBNAIL, max(1, round(height * THUMBNAIL / width))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _pair(asked: Asked) -> tuple[str, str]:
    """The names of the two pictures that are compared."""
    return f"img_{asked.words[0]}", f"img_{asked.words[1]}"
