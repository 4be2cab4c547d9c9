"""Videos: find in the frames what is asked about, look closer at when it is there, read or follow it, and answer.

The expert recognises what moves in the small frames (``video_sight``). Where they are far apart it watches clips of
the time between them; where an object goes and when its tag is there it sees in a clip of its appearance; the tag is
read off a crop of the frame at full size. Without tools it answers from the frames that are shown. What it does not
find it guesses: the first option.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from adagym.agents.experts.base import GIVE_UP, Move, Scene
from adagym.agents.experts.video_sight import Look, Sighting, along, appearances, sightings
from adagym.envs.tasks.video_questions import CORNERS
from adagym.tools.ocr import read_text
from adagym.types import Array, ToolCall

MOST_CALLS = 8
"""Calls after which it answers."""
CLIP = 16
"""Frames of a clip."""
APART, CLOSE = 1.0, 0.28
"""Seconds between two looks, at most: while searching, and while something is followed."""
PAUSE = 2.0
"""Seconds after which the same object has come again."""
ENLARGED = 4
"""How much larger a crop is made to be read."""

_HEAD = re.compile(
    r"The video lasts ([\d.]+) s and has \d+ frames of (\d+)x(\d+) pixels\. img_(\d+).*?, made small, at ([\d., ]+) s\."
)
_FORMS: Mapping[str, re.Pattern[str]] = {
    "during": re.compile(r"objects is seen between ([\d.]+) s and ([\d.]+) s\?"),
    "time": re.compile(r"At what time does the (.+?) appear\?"),
    "end": re.compile(r"Which of these objects appears (first|last)\?"),
    "after": re.compile(r"the next one to appear after the (.+?)\?"),
    "often": re.compile(r"How often does the (.+?) appear\?"),
    "different": re.compile(r"How many different objects appear\?"),
    "path": re.compile(r"Which way does the (.+?) take\?"),
    "detail": re.compile(r"on the tag that is beside the (.+?) for a moment\?"),
}
_OPTION = re.compile(r"^\(([A-Z])\) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Asked:
    """What a prompt asks for."""

    form: str
    words: tuple[str, ...]
    """An object's name, first or last, or two times in seconds."""
    options: Mapping[str, str]
    """Text of each option to its letter."""
    duration: float
    """Of the video, in seconds."""
    size: tuple[int, int]
    """``(width, height)`` of its frames at full size."""
    first: int
    """Number of the picture that is the first frame shown."""
    times: tuple[float, ...]
    """Seconds of the frames shown."""

    @property
    def guess(self) -> str:
        """The letter of the first option."""
        return next(iter(self.options.values()))


def watch(scene: Scene) -> Move:
    """Play the next turn."""
    asked = read_question(scene.prompt)
    if asked is None:
        return Move("I do not know this kind of question.", answer=GIVE_UP)
    looks = looks_of(scene, asked)
    seen = sightings(looks)
    if may_look(scene):
        part = unwatched(asked, seen, [look.seconds for look in looks])
        if part is not None:
            arguments = {"start_time": part[0], "end_time": part[1], "count": CLIP}
            return Move("Watch more of the video.", ToolCall("VideoClip", arguments))
        if asked.form == "detail":
            return read_closely(scene, asked, seen)
        if asked.form == "path" and scene.draw and not any("points" in result for result in scene.results):
            return draw_way(scene, asked, seen)
    return Move("That is what I saw.", answer=conclude(asked, seen))


def read_question(prompt: str) -> Asked | None:
    """Understand a prompt of generated tasks; None if it is another one."""
    head = _HEAD.search(prompt)
    options = {text.strip(): letter for letter, text in _OPTION.findall(prompt)}
    if head is None or not options:
        return None
    size, times = (int(head[2]), int(head[3])), tuple(float(time) for time in head[5].split(","))
    for form, pattern in _FORMS.items():
        match = pattern.search(prompt)
        if match:
            return Asked(form, match.groups(), options, float(head[1]), size, int(head[4]), times)
    return None


def looks_of(scene: Scene, asked: Asked) -> list[Look]:
    """All pictures whose time is known: the frames shown at first, and those that tools returned."""
    names = [f"img_{asked.first + number}" for number in range(len(asked.times))]
    looks = [Look(time, scene.images[name]) for name, time in zip(names, asked.times, strict=True)]
    for result, made in zip(scene.results, scene.made, strict=True):
        frames = result.get("frames", ())
        looks += [
            Look(float(frame["seconds"]), scene.images[name])
            for frame, name in zip(frames, made, strict=False)
            if name in scene.images
        ]
    return looks


def may_look(scene: Scene) -> bool:
    """Whether there are tools, calls are left, and the last one showed something."""
    known = {"VideoClip", "FrameAt", "crop_image"} <= set(scene.offered)
    return known and scene.turn < MOST_CALLS and (scene.turn == 0 or any(n in scene.images for n in scene.made[-1]))


def unwatched(asked: Asked, seen: Sequence[Sighting], times: Sequence[float]) -> tuple[float, float] | None:
    """A part of the video, ``(start, end)`` in seconds, that has to be watched before the answer; None if none has."""
    if asked.form == "during":
        return gap(times, float(asked.words[0]), float(asked.words[1]), CLOSE)
    there = [sighting.seconds for sighting in seen if sighting.name in asked.words]
    if asked.form in ("path", "detail") and there:
        before = max((time for time in times if time < there[0]), default=0.0)
        after = min((time for time in times if time > there[-1]), default=asked.duration)
        return gap(times, before, after, CLOSE)
    return gap(times, 0.0, asked.duration, APART)


def gap(times: Sequence[float], start: float, end: float, apart: float) -> tuple[float, float] | None:
    """The first stretch without a look that is longer than ``apart`` seconds, and what follows, as long as a clip."""
    marks = sorted({start, end, *(time for time in times if start < time < end)})
    for one, other in pairwise(marks):
        if other - one > 1.2 * apart:  # frames are not at the very times that were asked for
            return round(one, 3), round(min(end, one + (CLIP - 1) * apart), 3)
    return None


def read_closely(scene: Scene, asked: Asked, seen: Sequence[Sighting]) -> Move:
    """Look at the frame with the tag at full size, cut the tag out, and read it."""
    tagged = [sighting for sighting in seen if sighting.name == asked.words[0] and sighting.tag is not None]
    if not tagged:
        return Move("I cannot find the tag, so I guess.", answer=asked.guess)
    best = tagged[len(tagged) // 2]
    last = scene.results[-1] if scene.results else {}
    if "size" in last:
        return Move("That is the code.", answer=read_code(scene.images[scene.made[-1][0]], asked))
    full = next((name for name, image in scene.images.items() if image.shape[1::-1] == asked.size), None)
    if full is None:
        return Move("The tag is there; look at that frame.", ToolCall("FrameAt", {"time": best.seconds}))
    arguments = {"bbox_2d": around(best, asked.size), "target_image": int(full.removeprefix("img_"))}
    return Move("Cut the tag out.", ToolCall("crop_image", arguments))


def around(sighting: Sighting, size: tuple[int, int]) -> list[int]:
    """A box ``[x1, y1, x2, y2]`` in pixels about a sighting's tag, half as large again on each side."""
    x1, y1, x2, y2 = sighting.tag or (0.0, 0.0, 1.0, 1.0)
    width, height = size
    wide, high = (x2 - x1) / 2, (y2 - y1) / 2
    return [
        max(0, round((x1 - wide) * width)),
        max(0, round((y1 - high) * height)),
        min(width, round((x2 + wide) * width)),
        min(height, round((y2 + high) * height)),
    ]


def draw_way(scene: Scene, asked: Asked, seen: Sequence[Sighting]) -> Move:
    """Draw a line from where the object came to where it went, on the last picture."""
    there = [sighting for sighting in seen if sighting.name == asked.words[0]]
    if not there or "PathTracer" not in scene.offered:
        return Move("That is what I saw.", answer=conclude(asked, seen))
    name, image = list(scene.images.items())[-1]
    height, width = image.shape[:2]
    start, end = ([round(spot.x * width), round(spot.y * height)] for spot in (there[0], there[-1]))
    arguments = {"start_point_2d": start, "end_point_2d": end, "target_image": int(name.removeprefix("img_"))}
    return Move("Draw where it came from and went.", ToolCall("PathTracer", arguments))


def conclude(asked: Asked, seen: Sequence[Sighting]) -> str:
    """The letter of the option that fits best what was seen."""
    if asked.form == "detail":
        tagged = [sighting for sighting in seen if sighting.name == asked.words[0] and sighting.tag is not None]
        return read_code(_cut(tagged[0]), asked) if tagged else asked.guess
    said = _fitting(asked, seen)
    return asked.options.get(said or "", asked.guess)


def _fitting(asked: Asked, seen: Sequence[Sighting]) -> str | None:
    """The text of the option that fits; None or no option's text if nothing that tells was seen."""
    there = [sighting for sighting in seen if sighting.name in asked.words]
    offered = [sighting for sighting in seen if sighting.name in asked.options]
    if asked.form == "during":
        start, end = map(float, asked.words)
        return next((sighting.name for sighting in offered if start <= sighting.seconds <= end), None)
    if asked.form == "time":
        return _begun(there[0].seconds, asked.options) if there else None
    if asked.form == "end":
        return offered[0 if asked.words[0] == "first" else -1].name if offered else None
    if asked.form == "after":
        return next((sighting.name for sighting in offered if there and sighting.seconds > there[-1].seconds), None)
    if asked.form == "often":
        return _nearest(len(appearances(there, PAUSE)), asked.options)
    if asked.form == "different":
        return _nearest(len({sighting.name for sighting in seen}), asked.options)
    ways = {text: [CORNERS[corner] for corner in text.split(", then ")] for text in asked.options}
    return min(ways, key=lambda text: along(there, ways[text])) if there else None


def _begun(seconds: float, options: Mapping[str, str]) -> str:
    """The latest of the times such as ``3.4 s`` that is not after a moment; the first one if all are."""
    starts = sorted((float(text.split()[0]), text) for text in options)
    return next((text for start, text in reversed(starts) if start <= seconds + 0.1), starts[0][1])


def _nearest(number: int, options: Mapping[str, str]) -> str:
    return min(options, key=lambda text: abs(int(text) - number))


def _cut(sighting: Sighting) -> Array:
    """What is around a tag in the picture in which it was seen."""
    image = sighting.look.image
    x1, y1, x2, y2 = around(sighting, (image.shape[1], image.shape[0]))
    return np.ascontiguousarray(image[y1:y2, x1:x2])


def read_code(crop: Array, asked: Asked) -> str:
    """The letter of the option that is most like what is written on a crop."""
    larger = cv2.resize(crop, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    said = re.sub(r"\W", "", "".join(line.text for line in read_text(np.asarray(larger, np.uint8)))).upper()
    likeness = {text: difflib.SequenceMatcher(None, said, text).ratio() for text in asked.options}
    best = max(likeness, key=lambda text: likeness[text])
    return asked.options[best] if likeness[best] > 0.5 else asked.guess
