"""Questions about videos that are drawn, in which objects come and go, and what matters is seen for a moment only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.photos import SPLITS, photos_of
from adagym.envs.tasks.records import check_family, one_of, some_of
from adagym.envs.tasks.video_questions import CORNERS, FEWEST, KINDS, Question, Span
from adagym.envs.tasks.video_scene import MAX_FRAMES, MAX_SIDE, MadeVideo, Track
from adagym.envs.tasks.vstar import Draw, names_of
from adagym.envs.tasks.vstar_text import prompt_of, shuffled
from adagym.errors import UsageError
from adagym.types import Task

VIDEO_QA = "video_qa"
"""The task family."""
FPS = 24
MIN_SIDE = 640
MIN_TAG = 10
"""Least height of a tag in pixels; smaller ones cannot be read."""
PAUSE = 0.4
"""Seconds without any object before and after each appearance, at least."""


@dataclass(frozen=True)
class Difficulty:
    """How short and how small things are."""

    seconds: float
    """Shortest appearance; the longest is half as long again."""
    size: int
    """How many times an object goes into the picture's width."""
    tag: int
    """How many times a tag's height goes into the picture's width."""
    moment: float
    """Seconds for which a tag is seen."""


DIFFICULTIES: Mapping[str, Difficulty] = {
    "easy": Difficulty(4.0, 10, 64, 1.0),
    "medium": Difficulty(2.0, 13, 90, 0.6),
    "hard": Difficulty(1.2, 16, 116, 0.35),
}
"""In a frame made small to 298 pixels in width, an object has 30, 23 or 19 pixels and a tag is 5, 3 or 3 high."""


@dataclass(frozen=True)
class _Options:
    split: str
    seed: int
    n: int
    seconds: float
    events: int
    side: int


class VideoGenerated(LazyTasks):
    """``n`` tasks; task ``i`` depends on the options and ``i`` alone. The splits share no object and no photograph.

    All questions have four options: a guess is right one time in four.

    Args:
        family: ``video_qa``.
        n: Number of tasks.
        seed: Source of everything random.
        split: ``train`` or ``test``.
        kinds: Kinds of questions, taken in turn, of :data:`~adagym.envs.tasks.video_questions.KINDS`;
            ``"when-order"`` or a sequence.
        seconds: Length of a video.
        events: Number of appearances, at least 5.
        difficulty: ``easy``, ``medium`` or ``hard``: how short and how small things are, see :data:`DIFFICULTIES`.
        side: Width of a frame in pixels, 640 to 7680; the height is 9/16 of it.

    Raises:
        UsageError: An option is out of range.
    """

    def __init__(
        self,
        family: str,
        n: int | str = 1000,
        seed: int | str = 0,
        split: str = "test",
        kinds: str | Sequence[str] | None = None,
        seconds: float | str = 60,
        events: int | str = 8,
        difficulty: str = "hard",
        side: int | str = 1280,
    ) -> None:
        check_family(family, VIDEO_QA, "video")
        self._photos = sorted(photos_of(None, split))
        self._kinds = some_of(kinds, tuple(KINDS), "kinds")
        self._difficulty = DIFFICULTIES[one_of(difficulty, tuple(DIFFICULTIES), "difficulty")]
        try:
            self._options = _Options(split, int(seed), int(n), float(seconds), int(events), int(side))
        except (TypeError, ValueError) as error:
            raise UsageError(f"An option of `video` is not a number: {error}.") from None
        self._check(difficulty)

    def _check(self, difficulty: str) -> None:
        options = self._options
        most = len(names_of(options.split))
        if options.n < 1 or options.seed < 0 or not FEWEST <= options.events <= most:
            raise UsageError(
                f"`video` needs n of at least 1, a seed of at least 0, and {FEWEST} to {most} events: {options}."
            )
        if not MIN_SIDE <= options.side <= MAX_SIDE:
            raise UsageError(f"`side` is from {MIN_SIDE} to {MAX_SIDE} pixels, not {options.side}.")
        least = options.events * (1.5 * self._difficulty.seconds + 2 * PAUSE)
        longest = MAX_FRAMES / FPS
        if not least <= options.seconds <= longest:
            raise UsageError(
                f"{options.events} events ({difficulty}) need {least:g} to {longest:g} seconds, not "
                f"{options.seconds:g}. Make the video longer, take fewer events, or choose a harder difficulty."
            )

    def __len__(self) -> int:
        return self._options.n

    def _at(self, index: int) -> Task:
        options = self._options
        kind = self._kinds[index % len(self._kinds)]
        rng = np.random.default_rng([options.seed, SPLITS.index(options.split), index])
        frames = _spans(rng, options.events, options.seconds, self._difficulty.seconds)
        spans = [Span(start / FPS, stop / FPS) for start, stop in frames]
        draw = Draw(rng, names_of(options.split), (0, 0))
        ways = [tuple(draw.pick(tuple(CORNERS), 3)) for _ in spans]
        question = KINDS[kind](draw, spans, ways)
        video = self._video(rng, question, frames, ways)
        choices, answer = shuffled(rng, question.right, question.wrong)
        meta: dict[str, Any] = {
            "kind": kind,
            "seconds": options.seconds,
            "events": [
                {"name": name, "start": round(span.start, 3), "stop": round(span.stop, 3)}
                for name, span in zip(question.names, spans, strict=True)
            ],
            "asked": question.asked,
            "ground": video.ground,
            "split": options.split,
        }
        return Task(
            id=f"video/{options.split}/{kind}/{index}",
            family=VIDEO_QA,
            prompt=prompt_of(question.text, choices),
            video=video.reference,
            choices=choices,
            answer=answer,
            answer_type="choice",
            split=options.split,
            meta=meta,
        )

    def _video(
        self,
        rng: np.random.Generator,
        question: Question,
        frames: Sequence[tuple[int, int]],
        ways: Sequence[tuple[str, ...]],
    ) -> MadeVideo:
        options, level = self._options, self._difficulty
        width, height = options.side, options.side * 9 // 16
        size, high, moment = (
            round(width / level.size),
            max(MIN_TAG, round(width / level.tag)),
            round(level.moment * FPS),
        )
        codes = question.codes or ("",) * len(frames)
        tracks = []
        for name, (start, stop), way, code in zip(question.names, frames, ways, codes, strict=True):
            points = tuple(_near(rng, corner, width, height) for corner in way)
            first = int(rng.integers(start + 2, stop - moment - 1))  # never from the first to the last frame
            tag = (first, first + moment, high) if code else (0, 0, 0)
            tracks.append(Track(name, start, stop, round(size * rng.uniform(0.9, 1.1)), points, code, tag))
        photo = self._photos[int(rng.integers(len(self._photos)))]
        plain = "#" + bytes(rng.integers(60, 200, 3, dtype=np.uint8)).hex()
        ground = photo if rng.random() < 0.75 else plain
        return MadeVideo(
            width, height, FPS, round(options.seconds * FPS), ground, bool(rng.random() < 0.5), tuple(tracks)
        )


def _spans(rng: np.random.Generator, count: int, seconds: float, shortest: float) -> list[tuple[int, int]]:
    """First frame and first frame after, for each of ``count`` appearances, one in each equal part of the video."""
    room = seconds / count
    spans = []
    for place in range(count):
        length = shortest * rng.uniform(1.0, 1.5)
        start = place * room + rng.uniform(PAUSE, room - length - PAUSE)
        spans.append((round(start * FPS), round((start + length) * FPS)))
    return spans


def _near(rng: np.random.Generator, corner: str, width: int, height: int) -> tuple[int, int]:
    """A point near a corner, ``[x, y]`` in pixels."""
    x, y = CORNERS[corner]
    return round((x + rng.uniform(-0.04, 0.04)) * width), round((y + rng.uniform(-0.05, 0.05)) * height)
