"""Videos: watch the part that matters more closely, read or follow what is asked about, answer; or watch the wrong one.

What the frames that are shown tell is enough for some questions, and only those are answered without tools.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from itertools import pairwise

from adagym.agents.blueprints.base import (
    Case,
    CountingDesk,
    Envelope,
    Part,
    Plan,
    Unfit,
    Variant,
    option_of,
    understood,
)
from adagym.agents.blueprints.variants import Way
from adagym.agents.blueprints.video_qa_words import WORDINGS
from adagym.agents.experts.base import Move
from adagym.agents.experts.video_qa import (
    CLIP,
    MOST_CALLS,
    around,
    conclude,
    draw_way,
    looks_of,
    read_code,
    read_question,
    unwatched,
)
from adagym.agents.experts.video_sight import Sighting, sightings
from adagym.types import ToolCall

STRETCH = 3.0
"""Seconds of a wrong part."""

_TRIES = 64
_FEW = 6
"""Frames of a wrong part."""
_NAMED = ("time", "after", "often", "path", "detail")
"""Forms of questions about an object by name; the others offer objects, or ask for a number."""
_CLOSELY = ("path", "detail")
"""Forms for which the frames that are shown never suffice."""


class VideoDesk(CountingDesk):
    """Makes the moves of a plan about a video.

    Args:
        case: What the plan has to work with.

    Raises:
        Unfit: The question is of no known form.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case, WORDINGS)
        self.asked = asked = understood(read_question(case.scene.prompt))
        self.name = asked.words[0] if asked.words else ""

    @property
    def times(self) -> list[float]:
        """When the frames are that were shown so far, in seconds, increasing."""
        return sorted(look.seconds for look in looks_of(self.scene, self.asked))

    @property
    def seen(self) -> list[Sighting]:
        """What is seen in these frames."""
        return sightings(looks_of(self.scene, self.asked))

    def clip(self, step: str, think: str, part: tuple[float, float], count: int = CLIP) -> Part:
        """Watch a part of the video, from and to so many seconds."""
        arguments = {"start_time": part[0], "end_time": part[1], "count": count}
        return self.make(step, think, ToolCall("VideoClip", arguments), MOST_CALLS)

    def found(self) -> list[Sighting]:
        """What is seen, if it holds anything to answer from.

        Raises:
            Unfit: It does not.
        """
        seen = self.seen
        names = self.asked.words if self.asked.form in _NAMED else tuple(self.asked.options)
        if not any(self.asked.form == "different" or sighting.name in names for sighting in seen):
            raise Unfit("what is asked about is not seen")
        return seen

    def decisive(self, seen: Sequence[Sighting]) -> list[Sighting]:
        """The sightings on which the answer rests; none where it rests on all."""
        if self.asked.form == "during":
            start, end = map(float, self.asked.words)
            return [sighting for sighting in seen if start <= sighting.seconds <= end]
        names = {self.name}
        if self.asked.form in ("end", "after"):
            letter = conclude(self.asked, seen)
            names |= {text for text, known in self.asked.options.items() if known == letter}
        return [sighting for sighting in seen if sighting.name in names]

    def answer(self, letter: str, purpose: str | None = None) -> Move:
        """Give an answer; a purpose puts its words around those that say what is seen."""
        said = option_of(letter, self.asked.options)
        seen = self.voice.say(self.asked.form, name=self.name, words=self.asked.words, said=said)
        return Move(seen if purpose is None else self.voice.say(purpose, seen=seen), answer=letter)


def _solve(desk: VideoDesk, wrong: int) -> Plan:
    verdict = yield from _wander(desk, wrong)
    part: tuple[float, float] | None = unwatched(desk.asked, desk.seen, desk.times) or _doubtful(desk)
    while part is not None:
        purpose = "watch_after" if verdict else "watch"
        yield from desk.clip("watch", desk.voice.say(purpose, verdict=verdict, start=part[0], end=part[1]), part)
        verdict, part = "", unwatched(desk.asked, desk.seen, desk.times)
    seen = desk.found()
    if desk.asked.form == "detail":
        yield from _read(desk, seen)
        return
    if desk.asked.form == "path":
        call = draw_way(desk.scene, desk.asked, seen).call
        if call is None:
            raise Unfit("nothing can be drawn")
        yield from desk.make("draw", desk.voice.say("draw", name=desk.name), call, MOST_CALLS)
    yield desk.answer(conclude(desk.asked, seen))


def _wander(desk: VideoDesk, wrong: int) -> Generator[Move, Envelope, str]:
    """Watch parts that do not show what is asked about; returns what is said of the last one."""
    verdict = ""
    before: list[tuple[float, float]] = []
    for _ in range(wrong):
        start, end = _wrong_part(desk, before)
        before.append((start, end))
        purpose = "wander_again" if verdict else "wander"
        think = desk.voice.say(purpose, verdict=verdict, start=start, end=end)
        yield from desk.clip("wander", think, (start, end), _FEW)
        seen = desk.seen
        if _within(desk.decisive(seen), start, end):
            raise Unfit("a part that should be wrong is right")
        names = dict.fromkeys(f"the {sighting.name}" for sighting in _within(seen, start, end))
        verdict = desk.voice.say("elsewhere", start=start, end=end, things=" and ".join(names) or "nothing that moves")
    return verdict


def _wrong_part(desk: VideoDesk, before: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """A part, from and to so many seconds, around which nothing is seen on which the answer rests; none watched before.

    Raises:
        Unfit: None was found.
    """
    decisive = desk.decisive(desk.seen)
    for _ in range(_TRIES):
        start = round(float(desk.case.rng.uniform(0, max(0.0, desk.asked.duration - STRETCH))), 1)
        end = round(min(start + STRETCH, desk.asked.duration), 1)
        known = any(one <= end and start <= other for one, other in before)
        if not known and not _within(decisive, start - STRETCH / 2, end + STRETCH / 2):
            return start, end
    raise Unfit("every part of the video matters")


def _doubtful(desk: VideoDesk) -> tuple[float, float]:
    """What is watched where the frames shown are enough: around what decides, or the longest part without a look."""
    times, decisive = desk.times, desk.decisive(desk.found())
    marks = sorted({0.0, *times, desk.asked.duration})
    if desk.asked.form in ("often", "different") or not decisive:
        start, end = max(pairwise(marks), key=lambda pair: pair[1] - pair[0])
    else:
        moment = decisive[-1 if desk.name == "last" else 0].seconds
        start = max((mark for mark in marks if mark < moment), default=0.0)
        end = min((mark for mark in marks if mark > moment), default=desk.asked.duration)
    return round(start, 2), round(min(end, desk.asked.duration), 2)


def _read(desk: VideoDesk, seen: Sequence[Sighting]) -> Plan:
    """Open the frame with the tag, cut the tag out, and read it."""
    tagged = [sighting for sighting in seen if sighting.name == desk.name and sighting.tag is not None]
    if not tagged:
        raise Unfit("the tag is not seen")
    best = tagged[len(tagged) // 2]
    think = desk.voice.say("frame", moment=round(best.seconds, 2), name=desk.name)
    yield from desk.make("frame", think, ToolCall("FrameAt", {"time": best.seconds}), MOST_CALLS)
    number = int(desk.latest().removeprefix("img_"))
    arguments = {"bbox_2d": around(best, desk.asked.size), "target_image": number}
    yield from desk.make("crop", desk.voice.say("crop"), ToolCall("crop_image", arguments), MOST_CALLS)
    yield desk.answer(read_code(desk.case.scene.images[desk.latest()], desk.asked))


def _answer_by_sight(desk: VideoDesk, purpose: str) -> Move:
    if desk.asked.form in _CLOSELY:
        raise Unfit("the frames that are shown do not tell")
    return desk.answer(conclude(desk.asked, desk.found()), purpose)


def _within(seen: Sequence[Sighting], start: float, end: float) -> list[Sighting]:
    return [sighting for sighting in seen if start <= sighting.seconds <= end]


def _steps(desk: VideoDesk) -> Sequence[str]:
    return {"detail": ("watch", "frame", "crop"), "path": ("watch", "draw")}.get(desk.asked.form, ("watch",))


VARIANTS: Mapping[str, Variant] = Way(VideoDesk, _solve, _answer_by_sight, _steps).variants(
    "the part that matters is watched, then answered", "calls fail, answered from the frames shown"
)
