"""The expert of questions over several pictures."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adagym.agents.experts.base import GIVE_UP, Scene
from adagym.agents.experts.image_qa import Asked, conclude, glance, next_look, read_question, seek
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.envs.tasks import load_tasks
from adagym.types import ToolCall, Trajectory

PICTURES = ["img_1", "img_2", "img_3", "img_4"]
PLACES = {f"picture {number}": letter for number, letter in zip((3, 1, 4, 2), "ABCD", strict=True)}
FOUND, NOT = [[5, 5]], ()


def play(tasks: str, **kwargs: Any) -> list[Trajectory]:
    collector = Collector(lambda: gym.make("adagym/ImageQA-v0", tasks=tasks, **kwargs), ExpertAgent(), 1)
    count = len(load_tasks(tasks, "image_qa"))
    played = [rollout.trajectory for rollout in collector.collect(Job(index, seed=0) for index in range(count))]
    collector.close()
    return sorted(played, key=lambda trajectory: int(trajectory.task.id.rpartition("/")[2]))


def test_success_with_tools_and_the_calls_made() -> None:
    played = play("images:side=640,n=3,clutter=0.1,kinds=where-count-text")
    assert [trajectory.reward_parts["accuracy"] for trajectory in played] == [1, 1, 1]
    assert all(trajectory.reward_parts["format"] == 1 for trajectory in played)
    calls = [[call.tool for call in trajectory.calls] for trajectory in played]
    assert set(calls[0]) == {"Point"}
    assert calls[1] == ["Point"] * 4, "counting needs every picture"
    assert calls[2][-4:] == ["Point", "crop_image", "crop_image", "OCR"]


def test_without_tools_it_looks_at_thumbnails() -> None:
    (trajectory,) = play("images:side=320,n=1,clutter=0.1", tools=())
    assert trajectory.answer in tuple("ABCD")
    assert not trajectory.calls
    task = load_tasks("images:side=640,n=1,kinds=text,difficulty=medium", "image_qa")[0]
    asked = read_question(task.prompt)
    assert asked is not None
    images = {name: image.load() for name, image in zip(PICTURES, task.images, strict=True)}
    assert glance(images, PICTURES, asked) == asked.guess, "too small to be found"


@pytest.mark.parametrize("kind", ["where", "count", "difference", "most", "text"])
def test_every_question_is_understood(kind: str) -> None:
    for task in load_tasks(f"images:n=20,kinds={kind}", "image_qa"):
        asked = read_question(task.prompt)
        assert asked is not None
        assert asked.kind == kind
        assert asked.options == dict(zip(task.choices, "ABCD", strict=True))
        held = set().union(*task.meta["boxes"])
        assert set(asked.options if kind == "difference" else asked.words) <= held


def test_it_looks_until_the_answer_is_clear() -> None:
    where = Asked("where", ("cup",), PLACES)
    assert next_look(where, PICTURES, {}) == ("img_1", "cup")
    assert next_look(where, PICTURES, {("img_1", "cup"): NOT}) == ("img_2", "cup")
    seen = {("img_1", "cup"): NOT, ("img_2", "cup"): FOUND}
    assert next_look(where, PICTURES, seen) is None
    assert conclude(where, PICTURES, seen) == "D"
    assert conclude(where, PICTURES, {(name, "cup"): NOT for name in PICTURES}) == "B", "the first of the best"
    count = Asked("count", ("cup",), {"1": "A", "3": "B", "2": "C"})
    assert next_look(count, PICTURES, seen) == ("img_3", "cup")
    seen |= {("img_3", "cup"): FOUND, ("img_4", "cup"): NOT}
    assert next_look(count, PICTURES, seen) is None
    assert conclude(count, PICTURES, seen) == "C"
    assert conclude(count, PICTURES, {}) == "A", "a guess"
    most = Asked("most", ("cup",), PLACES)
    seen["img_3", "cup"] = [[1, 1], [2, 2]]
    assert conclude(most, PICTURES, seen) == "A"


def test_a_difference_is_looked_for_object_by_object() -> None:
    asked = Asked("difference", ("2", "4"), {"cup": "A", "key": "B", "bus": "C"})
    seen: dict[tuple[str, str], object] = {}
    steps = []
    answers = {("img_2", "cup"): NOT, ("img_2", "key"): FOUND, ("img_4", "key"): FOUND, ("img_2", "bus"): FOUND}
    answers["img_4", "bus"] = NOT
    while (look := next_look(asked, PICTURES, seen)) is not None:
        steps.append(look)
        seen[look] = answers[look]
    assert steps == list(answers)
    assert conclude(asked, PICTURES, seen) == "C"
    assert conclude(asked, PICTURES, {}) == "A", "a guess"


def test_what_it_does_not_know_or_find() -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    prompt = "Which code is written on the tag below the cup?\n(A) K47\n(B) M36\n"

    def scene(prompt: str, *results: dict[str, object]) -> Scene:
        images = {"img_1": picture, "img_2": picture}
        return Scene(prompt, "img_1", picture, images, results, False, ("Point", "crop_image", "OCR"))

    assert seek(scene("How many dogs?\n(A) 1\n(B) 2")).answer == GIVE_UP
    assert seek(scene(prompt)).call == ToolCall("Point", {"image": "img_1", "description": "cup"})
    assert seek(scene(prompt, {"points": []})).call == ToolCall("Point", {"image": "img_2", "description": "cup"})
    assert seek(scene(prompt, {}, {})).answer == "A", "a guess"
    crop = seek(scene(prompt, {}, {"points": [[80, 40]]})).call
    assert crop == ToolCall("crop_image", {"bbox_2d": [67, 27, 93, 53], "target_image": "img_2"})
    assert seek(scene(prompt, {}, {"points": [[80, 40]]}, {})).answer == "A", "no crop was shown"


def test_pictures_made_by_tools_are_not_searched() -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    images = {"img_1": picture, "img_2": picture}
    prompt = "In which picture is the cup?\n(A) picture 1\n(B) picture 2\n"
    results = ({"points": [[5, 5]]},)
    move = seek(Scene(prompt, "img_1", picture, images, results, False, ("Point",), (("img_2",),)))
    assert (move.call, move.answer) == (None, "A")
