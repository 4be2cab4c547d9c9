"""AT-GRPO on a mixture of questions about one image, several images and a video (AdaTooler-V, section 3).

In half of the tasks of each kind the prompt gives the answer away: there a tool call is of no use. The Tool Benefit
Score of every training task is measured with the cold-started policy itself, less a small cost per call.

Example: python examples/ablations/mix.py --json mix.json --figure docs/ablation-mix.png
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tyro
from benefit import KL, MIX, SPEED, TOLD, scored
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

from adagym.agents.apprentice import ApprenticeAgent
from adagym.agents.base import Agent, Conversation
from adagym.agents.experts.base import Move, Scene
from adagym.agents.scripted import read_scene, write_move
from adagym.algos.mixture import Source
from adagym.envs.tasks import load_tasks
from adagym.policies.hf import HFPolicy
from adagym.policies.tiny import load_tiny
from adagym.types import Task, ToolCall

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
SCORED_PER_PROMPT = 8
"""Training tasks of each kind, per task of a step; each of them is scored."""

_HINT = re.compile(HINT.format("(.+)"))
_WHERE = re.compile(r"In which picture is the (.+)\?")
_MOMENT = re.compile(r"is seen at ([\d.]+) s\?")
_OPTION = re.compile(r"^\([A-Z]\) (.+)$", re.MULTILINE)


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
        careful = bool(conversation.tools) and way < MIX.careful
        return write_move(_look(scene) if careful else _guess(scene, coin), conversation)


def _look(scene: Scene) -> Move:
    """Point in one picture after another, or at one thing after another in the frame of the moment asked about."""
    options = _OPTION.findall(scene.prompt)
    moment, where = _MOMENT.search(scene.prompt), _WHERE.search(scene.prompt)
    if moment and scene.turn == 0:
        return Move(f"Look at {moment[1]} s.", ToolCall("FrameAt", {"time": float(moment[1])}))
    tried = scene.turn - (1 if moment else 0)
    if tried and scene.results[-1].get("points"):
        found = options[tried - 1] if moment else f"picture {tried}"
        return Move("There it is.", answer=found)
    if tried == len(options):
        return Move("It is not to be found.", answer=options[0])
    what = options[tried] if moment else "" if where is None else where[1]
    picture = scene.made[0][0] if moment else f"img_{tried + 1}"
    return Move(f"Look for the {what}.", ToolCall("Point", {"image": picture, "description": what}))


def _guess(scene: Scene, coin: float) -> Move:
    hint, options = _HINT.search(scene.prompt), _OPTION.findall(scene.prompt)
    return Move("I am told.", answer=hint[1]) if hint else Move("I guess.", answer=options[int(coin * len(options))])


def tasks_of(kind: str, split: str, seed: int, n: int, told: float) -> list[Task]:
    """Tasks of a kind, a share of which tell the answer."""
    family = "image_qa" if kind == "several" else "video_qa"
    rng = np.random.default_rng([seed, 7])
    found: list[Task] = []
    # Half of the questions about time ask for a time, and are left out.
    for task in load_tasks(f"{TASKS[kind]},split={split},seed={seed},n={4 * n}", family):
        asked = task if kind == "several" else _at_a_moment(task)
        if asked is not None and len(found) < n:
            found.append(_told(asked) if rng.random() < told else asked)
    return found


def _at_a_moment(task: Task) -> Task | None:
    """What is seen between two times, asked as what is seen in the middle of them."""
    between = re.search(r"between ([\d.]+) s and ([\d.]+) s", task.prompt)
    if between is None:
        return None
    middle = (float(between[1]) + float(between[2])) / 2
    return replace(task, prompt=task.prompt.replace(between[0], f"at {middle:.1f} s"))


def _told(task: Task) -> Task:
    right = task.choices["ABCD".index(task.answer)]
    return replace(task, prompt=f"{task.prompt}\n{HINT.format(right)}", meta={**task.meta, "told": True})


def arms(seed: int, options: Options) -> Outcome:
    """Train and test; the cold start is on all three kinds."""
    outcome = Outcome({}, {})
    policy = load_tiny()
    shown = [
        t
        for tools in (None, ())
        for t in lessons(source(NAVIGATION, seed, extra=TOLD, tools=tools), ApprenticeAgent(MIX), options, seed)
    ]
    origins = {"one": source(NAVIGATION, seed, n=options.prompts * SCORED_PER_PROMPT, extra=TOLD)}
    for kind, env in ENVS.items():
        for tools in (WORLDS[kind]["tools"], ()):
            tasks = tasks_of(kind, "train", seed, options.lessons, 0.5)
            origin = Source(env, {**WORLDS[kind], "tools": tools, "tasks": tasks})
            shown += lessons(origin, Watcher(), options, seed)
        few = tasks_of(kind, "train", seed + 1000, options.prompts * SCORED_PER_PROMPT, 0.5)
        origins[kind] = Source(env, {**WORLDS[kind], "tasks": few})
    cold_start(policy, shown, options, seed)
    _test("tc", policy, options, outcome)
    sources = [Source(o.env_id, {**o.env, "tasks": scored(policy, o, seed)}) for o in origins.values()]
    outcome.curves["at_grpo"] = curves(improve(policy, sources, options, seed, "at_grpo", SPEED, KL))
    _test("at_grpo", policy, options, outcome)
    return outcome


def _test(arm: str, policy: HFPolicy, options: Options, outcome: Outcome) -> None:
    for told, name in ((1, "told"), (0, "untold")):
        tested = {"one": held_out(NAVIGATION, options.n, extra=f",told={told}")}
        for kind, env in ENVS.items():
            tasks = tasks_of(kind, "train", TEST_SEED, options.n, told)
            tested[kind] = Source(env, {**WORLDS[kind], "tasks": tasks})
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
