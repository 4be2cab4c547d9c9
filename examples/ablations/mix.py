"""AT-GRPO on a mixture of questions about one image, several images and a video (AdaTooler-V, section 3).

In which of four pictures is a thing, and is it seen at some second of a video? The embedded model sees neither pictures
nor frames; Point finds things in them, and FrameAt takes frames. Questions are about the few things whose names that
model carries from a prompt to a late call. In half of the tasks of each kind the prompt gives the answer away: there a
tool call is of no use. The Tool Benefit Score of every training task is measured with the cold-started policy itself,
less a small cost per call. Test tasks have other seeds, and for maps other sides.

Example: python examples/ablations/mix.py --json mix.json --figure docs/ablation-mix.png
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tyro
from benefit import KL, SPEED, TOLD, scored
from common import (
    NAVIGATION,
    TEST_SEED,
    WORLD,
    Options,
    Outcome,
    cold_start,
    curves,
    held_out,
    improve,
    lessons,
    measure,
    play,
    run,
    source,
)
from matplotlib.figure import Figure
from pictures import bars, save

from adagym.agents.apprentice import ApprenticeAgent, Mix
from adagym.agents.base import Agent, Conversation
from adagym.agents.experts.base import Move, Scene
from adagym.agents.scripted import read_scene, write_move
from adagym.algos.mixture import Source
from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.vstar_text import prompt_of
from adagym.policies.hf import HFPolicy
from adagym.policies.tiny import load_tiny
from adagym.types import Task, ToolCall, Trajectory

KINDS = {"one image": "one", "several images": "several", "video": "video"}
"""Label to name."""
ENVS = {"several": "adagym/ImageQA-v0", "video": "adagym/VideoQA-v0"}
WORLDS: dict[str, dict[str, Any]] = {
    "several": {**WORLD, "tools": ("Point",)},
    "video": {**WORLD, "tools": ("FrameAt", "Point"), "frames": "most=1,pixels=1024"},
}
TASKS = {"several": "images:kinds=where,side=480", "video": "video:kinds=when,seconds=60,difficulty=easy,side=640"}
ARMS = {"TC": "tc", "AT-GRPO": "at_grpo"}
HINT = "It is known that the answer is {}."
LETTERS = "ABCD"
KNOWN = ("cup", "key", "ring")
"""Things of the made-up errands with which the embedded model was trained; it does not carry other words for long. The
sources of pictures and videos have them in the half of their objects that is called ``split=test``."""
RARE = 100
"""Tasks to draw for one about such a thing."""
MIX = Mix(careful=0.75, hasty=0.0, guess=0.25)
"""Most demonstrations call tools: where a guess is right half of the time, few calls show little benefit."""
K = 8
"""Episodes per task and condition, as in the paper: a score of fewer is mostly luck where a guess is often right."""
COST = 0.02
"""What a call costs, in units of the score: looking through four pictures must not cost more than it gains."""
SCORED_PER_PROMPT = 5
"""Training tasks of each kind, per task of a step; each of them is scored."""

_HINT = re.compile(HINT.format("([A-D])"))
_WHERE = re.compile(r"In which picture is the (.+)\?")
_MOMENT = re.compile(r"Is the (.+) seen at ([\d.]+) s\?")
_OPTION = re.compile(r"^\(([A-D])\)", re.MULTILINE)


class Watcher(Agent):
    """Looks for the answer with tools, or else takes the hint, or without one guesses."""

    name = "watcher"

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """Write the next turn of each conversation."""
        return [self._write(conversation) for conversation in conversations]

    def _write(self, conversation: Conversation) -> str:
        scene = read_scene(conversation)
        # The episode's seed fixes the way for all of its turns.
        way, coin = np.random.default_rng(conversation.seed).random(2)
        if not conversation.tools or way >= MIX.careful:
            return write_move(_guess(scene, coin), conversation)
        moment = _MOMENT.search(scene.prompt)
        return write_move(_watch(scene, *moment.groups()) if moment else _search(scene), conversation)


def _watch(scene: Scene, what: str, moment: str) -> Move:
    """Look for a thing in the frame of the moment asked about."""
    if scene.turn == 0:
        return Move("Look at that time.", ToolCall("FrameAt", {"time": float(moment)}))
    if scene.turn == 1:
        return Move("Look for it.", ToolCall("Point", {"image": scene.made[0][0], "description": what}))
    return Move("There it is.", answer="A") if scene.results[-1].get("points") else Move("It is not there.", answer="B")


def _search(scene: Scene) -> Move:
    """Look for a thing in one picture after another."""
    letters = _OPTION.findall(scene.prompt)
    if scene.turn and scene.results[-1].get("points"):
        return Move("There it is.", answer=letters[scene.turn - 1])
    if scene.turn == len(letters):
        return Move("It is not there.", answer=letters[0])
    what = _WHERE.findall(scene.prompt)[0]
    return Move("Look for it.", ToolCall("Point", {"image": f"img_{scene.turn + 1}", "description": what}))


def _guess(scene: Scene, coin: float) -> Move:
    hint, letters = _HINT.search(scene.prompt), _OPTION.findall(scene.prompt)
    return Move("I am told.", answer=hint[1]) if hint else Move("I guess.", answer=letters[int(coin * len(letters))])


def tasks_of(kind: str, seed: int, n: int, told: float) -> list[Task]:
    """Tasks of a kind about known things, a share of which tell the answer."""
    restate, family = (_in_order, "image_qa") if kind == "several" else (_at_a_moment, "video_qa")
    rng = np.random.default_rng([seed, 7])
    drawn = load_tasks(f"{TASKS[kind]},split=test,seed={seed},n={RARE * n}", family)
    asked = (restate(task, rng) for task in drawn)
    found = list(itertools.islice((task for task in asked if task is not None), n))
    return [_told(task) if rng.random() < told else task for task in found]


def _in_order(task: Task, rng: np.random.Generator) -> Task | None:
    """The same with its options in the order of the pictures."""
    question = task.prompt.partition("\n")[0]
    if _WHERE.findall(question)[0] not in KNOWN:
        return None
    choices = tuple(sorted(task.choices))
    answer = LETTERS[choices.index(task.choices[LETTERS.index(task.answer)])]
    return replace(task, prompt=prompt_of(question, choices), choices=choices, answer=answer)


def _at_a_moment(task: Task, rng: np.random.Generator) -> Task | None:
    """Whether one of the things is seen in the middle of its own appearance, or of another one's."""
    events = list(rng.permutation(task.meta["events"]))
    asked = next((event for event in events if event["name"] in KNOWN), None)
    if asked is None:
        return None
    seen = rng.random() < 0.5
    shown = asked if seen else next(event for event in events if event is not asked)
    question = f"Is the {asked['name']} seen at {(shown['start'] + shown['stop']) / 2:.1f} s?"
    choices = ("yes", "no")
    return replace(task, prompt=prompt_of(question, choices), choices=choices, answer="A" if seen else "B")


def _told(task: Task) -> Task:
    return replace(task, prompt=f"{task.prompt}\n{HINT.format(task.answer)}", meta={**task.meta, "told": True})


def arms(seed: int, options: Options) -> Outcome:
    """Train and test; the cold start is on all three kinds."""
    outcome = Outcome({}, {})
    policy = load_tiny()
    cold_start(policy, [t for kind in KINDS.values() for t in _shown(kind, options, seed)], options, seed)
    _test("tc", policy, options, outcome)
    sources = []
    for kind in KINDS.values():
        origin = _source(kind, seed + 1000, options.prompts * SCORED_PER_PROMPT)
        sources.append(Source(origin.env_id, {**origin.env, "tasks": scored(policy, origin, seed, K, COST)}))
    outcome.curves["at_grpo"] = curves(improve(policy, sources, options, seed, "at_grpo", SPEED, KL))
    _test("at_grpo", policy, options, outcome)
    return outcome


def _shown(kind: str, options: Options, seed: int) -> Iterator[Trajectory]:
    """Demonstrations of a kind with tools, and a third as many without."""
    agent = ApprenticeAgent(MIX) if kind == "one" else Watcher()
    origin = _source(kind, seed, options.lessons)
    fewer = replace(options, lessons=options.lessons // 3)
    yield from lessons(origin, agent, options, seed)
    yield from lessons(Source(origin.env_id, {**origin.env, "tools": ()}), agent, fewer, seed)


def _source(kind: str, seed: int, n: int) -> Source:
    """So many training tasks of a kind, half of which tell the answer."""
    return source(NAVIGATION, seed, n, extra=TOLD) if kind == "one" else _asked(kind, seed, n, 0.5)


def _asked(kind: str, seed: int, n: int, told: float) -> Source:
    return Source(ENVS[kind], {**WORLDS[kind], "tasks": tasks_of(kind, seed, n, told)})


def _test(arm: str, policy: HFPolicy, options: Options, outcome: Outcome) -> None:
    for told, name in ((1, "told"), (0, "untold")):
        tested = {"one": held_out(NAVIGATION, options.n, extra=f",told={told}")}
        tested |= {kind: _asked(kind, TEST_SEED, options.n, told) for kind in ENVS}
        for kind, origin in tested.items():
            outcome.figures.update(measure(f"{arm}_{kind}_{name}", play(policy, origin)))


def main(options: Options) -> None:
    """Run, print, draw."""
    # Looking for text too, where there is no such object, takes four times as long.
    os.environ["ADAGYM_POINT"] = "map,objects"
    figures = run("mix", "AT-GRPO on one image, several images and videos", arms, options)
    figure = Figure(figsize=(10, 9), layout="constrained")
    left, right = figure.subplots(2, 1)
    labels = {
        f"{label}, {said}": f"{kind}_{name}"
        for label, kind in KINDS.items()
        for said, name in (("told", "told"), ("not told", "untold"))
    }
    bars(left, figures, ARMS, {label: f"{name}_success" for label, name in labels.items()})
    left.set_title(f"Unseen tasks: {options.seeds} seeds, 95 % intervals")
    bars(right, figures, ARMS, {label: f"{name}_calls" for label, name in labels.items()}, scale=1.0)
    right.set_ylabel("tool calls per sample")
    right.set_title("Calls where tools are of no use, and where they help")
    save(figure, options.figure)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
