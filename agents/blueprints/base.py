"""What a blueprint is: a plan of thoughts, calls and an answer that reacts to what the calls return.

A plan is a generator. It yields a move and is sent the result envelope of the move's call; the move with an answer
ends it. It is started anew at every turn and fed the results so far, so that the agent that plays it keeps no state;
whatever it draws comes from one generator seeded by the episode.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from adagym.agents.blueprints.words import FAILURES
from adagym.agents.experts.base import Move, Scene
from adagym.types import ToolCall

Envelope = Mapping[str, Any]
"""A call's result as the agent reads it; empty where the turn returned none."""

Plan = Generator[Move, Envelope, None]
Part = Generator[Move, Envelope, Envelope]
"""A stretch of a plan that returns the result of its last call."""


class Unfit(Exception):
    """A task on which a plan cannot be shown, for example a map on which no wrong path can be drawn."""


T = TypeVar("T")


def understood(question: T | None) -> T:
    """A question, if it was understood.

    Raises:
        Unfit: It was not.
    """
    if question is None:
        raise Unfit("the question is of no known form")
    return question


def option_of(letter: str, options: Mapping[str, str]) -> str:
    """The text of an option; ``options`` holds text to letter."""
    return next(text for text, known in options.items() if known == letter)


@dataclass(frozen=True)
class Voice:
    """Words thoughts by drawing among several wordings for each purpose."""

    wordings: Mapping[str, Sequence[str]]
    """Purpose to templates. They name no tool and no parameter, so that they hold under any names."""
    rng: np.random.Generator

    def say(self, purpose: str, **facts: object) -> str:
        """A thought for a purpose, with the facts filled in."""
        choices = self.wordings[purpose]
        return choices[int(self.rng.integers(len(choices)))].format(**facts)


@dataclass(frozen=True)
class Case:
    """What a plan has to work with."""

    scene: Scene
    rng: np.random.Generator
    planner: bool
    """Whether paths are planned by AStar, or else by thought alone."""


Blueprint = Callable[[Case], Plan]


@dataclass(frozen=True)
class Variant:
    """One way of going about a task."""

    plan: Blueprint
    summary: str
    failures: int = 0
    """So many calls fail, no more and no fewer."""
    equipped: bool = True
    """Whether tools are offered."""


class ToolsFailed(Exception):
    """The calls of a step failed for good; the plan falls back on its own sight."""


class Desk:
    """Makes the calls of a plan.

    Args:
        case: What the plan has to work with.
        wordings: How thoughts are worded; has the purposes of ``words.COMMON``.
        stumble: The step at which calls fail; None where all succeed.
        fallback: Whether the second try at that step fails too.
    """

    def __init__(
        self, case: Case, wordings: Mapping[str, Sequence[str]], stumble: str | None = None, fallback: bool = False
    ) -> None:
        self.case = case
        self.stumble = stumble
        self.fallback = fallback
        self.voice = Voice(wordings, case.rng)

    def call(self, step: str, think: str, call: ToolCall) -> Part:
        """Make a call; at the step of the stumble, first make it wrongly.

        Raises:
            ToolsFailed: It failed twice, as planned.
            Unfit: A call failed that should not, or the other way round.
        """
        if step == self.stumble:
            names = self.case.rng.permutation(sorted(call.arguments))
            for name in names[: 2 if self.fallback else 1]:
                result = yield Move(think, spoil(call, str(name), self.case.scene.image.shape[:2]))
                if not failed(result):
                    raise Unfit("a call that should fail did not")
                reason = FAILURES.get(int(result.get("error_code", 0)), FAILURES[0])
                think = self.voice.say("mend", reason=reason)
            if self.fallback:
                raise ToolsFailed
        result = yield Move(think, call)
        if failed(result):
            raise Unfit("a call failed that should not")
        return result


class CountingDesk(Desk):
    """A desk that counts its calls, for plans that look at what they have been shown so far.

    Plans start anew at every turn, when the conversation already holds what their later calls gave.
    """

    def __init__(
        self, case: Case, wordings: Mapping[str, Sequence[str]], stumble: str | None = None, fallback: bool = False
    ) -> None:
        super().__init__(case, wordings, stumble, fallback)
        self.calls = 0
        """Calls made so far, failed ones included."""

    @property
    def scene(self) -> Scene:
        """The conversation up to the latest call."""
        scene = self.case.scene
        later = {name for names in scene.made[self.calls :] for name in names}
        images = {name: image for name, image in scene.images.items() if name not in later}
        return replace(scene, images=images, results=scene.results[: self.calls], made=scene.made[: self.calls])

    def make(self, step: str, think: str, call: ToolCall, most: int) -> Part:
        """Make a call; the first one of the step of the stumble fails before it succeeds.

        Raises:
            ToolsFailed: It failed twice, as planned.
            Unfit: There were ``most`` calls already, or a call failed that should not, or the other way round.
        """
        if self.calls >= most:
            raise Unfit("it takes too many calls")
        result = yield from self.call(step, think, call)
        self.calls += 1
        if step == self.stumble:
            self.calls += 1
            self.stumble = None
        return result

    def latest(self) -> str:
        """The name of the first picture that the latest call made.

        Raises:
            Unfit: It was not shown.
        """
        made = self.scene.made[-1]
        if not made or made[0] not in self.case.scene.images:
            raise Unfit("pictures of tools are not shown")
        return made[0]


def spoil(call: ToolCall, name: str, extent: Sequence[int]) -> ToolCall:
    """The same call with one argument wrong: a picture that is not there, a place or number outside, or nothing at all.

    Args:
        call: A call that would succeed.
        name: The argument.
        extent: Height and width of the picture, pixels.
    """
    arguments = dict(call.arguments)
    value = arguments[name]
    if isinstance(value, str) and value.startswith("img_"):
        arguments[name] = "img_9"
    elif isinstance(value, list) and len(value) in (2, 4) and all(isinstance(item, int) for item in value):
        # A point or a box, whose second number and fourth number count from the top.
        arguments[name] = [item + extent[0] * (place % 2) for place, item in enumerate(value)]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        arguments[name] = -1
    else:
        del arguments[name]
    return ToolCall(call.name, arguments)


def failed(result: Envelope) -> bool:
    """Whether a call failed."""
    return result.get("status") != "success"
