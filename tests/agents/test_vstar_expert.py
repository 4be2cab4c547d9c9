"""The expert of visual search: succeeds with tools on a few small scenes, and sees little without."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from adagym.agents.experts.base import GIVE_UP, Scene
from adagym.agents.experts.vstar import (
    Search,
    around,
    below,
    compare,
    glance,
    nearest_colour,
    read,
    read_question,
    search,
)
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.envs.tasks import load_tasks
from adagym.types import Trajectory

OPTIONS = {"K47": "A", "M36": "B", "T99": "C", "X74": "D"}
PROMPT = "Which code is written on the tag below the tennis racket?\n(A) K47\n(B) M36\nAnswer with the letter."


def play(tasks: str, **kwargs: object) -> list[Trajectory]:
    collector = Collector(lambda: gym.make("adagym/VStar-v0", tasks=tasks, **kwargs), ExpertAgent(), 2)
    count = len(load_tasks(tasks, "vstar"))
    played = [rollout.trajectory for rollout in collector.collect(Job(index, seed=0) for index in range(count))]
    collector.close()
    return sorted(played, key=lambda trajectory: int(trajectory.task.id.rpartition("/")[2]))


def test_success_with_tools_and_the_calls_made() -> None:
    played = play("vstar:side=1280,difficulty=easy,n=5,clutter=0.1")
    calls = [[call.tool for call in trajectory.calls] for trajectory in played]
    looked = ["Point", "Crop"]
    wanted = [looked, ["Point", "Crop", "Crop", "OCR"], looked, looked, ["Point", "Point"]]
    assert all(made == plan or made == ["Point"] for made, plan in zip(calls, wanted, strict=True)), "or not found"
    assert sum(made == plan for made, plan in zip(calls, wanted, strict=True)) >= 4
    assert sum(trajectory.reward_parts["accuracy"] == 1 for trajectory in played) >= 4
    assert all(trajectory.reward_parts["format"] == 1 for trajectory in played)


def test_without_tools_a_thumbnail_does_not_show_it() -> None:
    tasks = load_tasks("vstar:n=2,kinds=text", "vstar")
    picture = tasks[1].images[0].load()
    asked = read_question(tasks[1].prompt)
    assert asked is not None
    assert glance(picture, asked) == asked.guess != tasks[1].answer
    (trajectory,) = play("vstar:side=1280,n=1", tools=())
    assert trajectory.answer in "ABCD"
    assert not trajectory.calls


def test_without_tools_large_things_are_seen() -> None:
    played = play("vstar:side=1280,difficulty=easy,n=2,clutter=0.1,kinds=colour", tools=())
    assert [trajectory.reward_parts["accuracy"] for trajectory in played] == [1, 1]


@pytest.mark.parametrize("kind", ["colour", "text", "kind", "material", "relation"])
def test_every_question_is_understood(kind: str) -> None:
    for task in load_tasks(f"vstar:n=20,kinds={kind}", "vstar"):
        asked = read_question(task.prompt)
        assert asked is not None
        assert asked.kind == kind
        assert set(asked.names) <= set(task.meta["boxes"])
        assert asked.options == dict(zip(task.choices, "ABCD", strict=False))


def test_what_it_does_not_know_or_find() -> None:
    picture = np.zeros((90, 160, 3), np.uint8)

    def scene(prompt: str, *results: dict[str, object]) -> Scene:
        return Scene(prompt, "img_1", picture, {"img_1": picture}, results, False, ("Point", "Crop", "OCR"))

    assert search(scene("How many dogs?\n(A) 1\n(B) 2")).answer == GIVE_UP
    first = search(scene(PROMPT)).call
    assert first is not None
    assert first.arguments == {"image": "img_1", "description": "tennis racket"}
    assert search(scene(PROMPT, {"points": []})).answer == "A", "a guess"
    assert search(scene(PROMPT, {})).answer == "A"
    second = search(scene(PROMPT, {"points": [[150, 5]]})).call
    assert second is not None
    assert second.arguments["coordinates"] == [137, 0, 160, 18]


def test_around_stays_inside() -> None:
    picture = np.zeros((600, 1200, 3), np.uint8)
    assert around([600, 300], picture) == [500, 200, 700, 400]
    assert around([1200, 0], picture) == [1099, 0, 1200, 100]


def test_below_holds_the_tag() -> None:
    picture = np.zeros((600, 1200, 3), np.uint8)
    assert below([600, 300], 50, picture) == [555, 300, 645, 380]
    assert below([1200, 600], 50, picture) == [1154, 599, 1200, 600]


def test_sides_are_those_of_the_first_point() -> None:
    assert compare([5, 0], [9, 0], {"on the right": "A", "on the left": "B"}) == "B"
    assert compare([50, 0], [9, 0], {"on the right": "A", "on the left": "B"}) == "A"
    assert compare([0, 5], [0, 9], {"below": "A", "above": "B"}) == "B"
    assert compare([0, 50], [0, 9], {"below": "A", "above": "B"}) == "A"


def test_the_nearest_text_below_is_read() -> None:
    asked = Search("text", ("key",), OPTIONS)
    texts = [("X74", [0, 60, 40, 80]), ("m-36", [80, 100, 120, 120]), ("T99", [80, 0, 120, 20])]
    assert read(texts, [100, 80], asked) == "B"
    assert read([("K4", [80, 100, 120, 120])], [100, 80], asked) == "A", "a guess"
    assert read([("K4", [80, 100, 120, 120]), ("X74", [80, 200, 120, 220])], [100, 80], asked) == "D"


def test_the_colour_of_most_vivid_pixels_wins() -> None:
    crop = np.full((60, 60, 3), 128, np.uint8)
    crop[20:40, 20:40] = (30, 60, 230)
    crop[20:26, 20:40] = (230, 30, 30)
    crop[:10] = (20, 220, 20)
    assert nearest_colour(crop, [30, 30], 30, ["green", "red", "blue"]) == "blue"
    assert nearest_colour(crop, [30, 30], 30, ["green", "red"]) in ("green", "red")
