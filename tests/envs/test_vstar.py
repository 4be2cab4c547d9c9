"""Scenes of visual search: what is asked is there, once, where the boxes say, and too small for a thumbnail."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_gymnasium
from PIL import Image

from adagym.agents.random import RandomAgent
from adagym.algos.collect import Collector, Job
from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.photos import SCENES
from adagym.envs.tasks.scene_options import DIFFICULTIES
from adagym.envs.tasks.vstar import KINDS, VStarGenerated, names_of
from adagym.envs.tasks.vstar_scene import Place, SceneImage, Thing
from adagym.errors import UsageError
from adagym.testing import check_task_source
from adagym.tools.objects import HUES, OBJECTS
from adagym.types import Task

SMALL = "vstar:side=640,difficulty=medium,clutter=0.3"


def scene_of(task: Task) -> SceneImage:
    image = task.images[0]
    assert isinstance(image, SceneImage)
    return image


def things(task: Task) -> list[Thing]:
    return [thing for place in scene_of(task).places for thing in (place.thing, place.companion) if thing is not None]


def place_of(task: Task, name: str) -> Place:
    (found,) = [place for place in scene_of(task).places if place.thing.name == name]
    return found


def right(task: Task) -> str:
    return task.choices["ABCD".index(task.answer)]


def asked(task: Task) -> list[str]:
    """The objects that the question names."""
    question = task.prompt.splitlines()[0]
    names = sorted((name for name in OBJECTS if re.search(rf"the {re.escape(name)}\b", question)), key=len)
    return [name for name in names if not any(name != other and name in other for other in names)]


@pytest.mark.parametrize("split", ["train", "test"])
def test_contract_and_determinism(split: str) -> None:
    tasks = load_tasks(f"{SMALL},split={split},n=5", "vstar")
    check_task_source(tasks, "vstar")
    many = load_tasks(f"{SMALL},split={split},n=99", "vstar")
    assert list(tasks) == [many[index] for index in range(5)]
    assert (tasks[3].images[0].load() == pickle.loads(pickle.dumps(many))[3].images[0].load()).all()
    assert tasks[3] != load_tasks(f"{SMALL},split={split},n=10,seed=1", "vstar")[3]


def test_every_answer_is_what_stands_there() -> None:
    for task in load_tasks(f"{SMALL},n=150", "vstar"):
        kind, name = task.meta["kind"], asked(task)[0]
        place = place_of(task, name)
        if kind == "colour":
            truth = place.thing.colour
        elif kind == "text":
            truth = place.tag.code if place.tag else None
        elif kind == "kind":
            truth = place.companion.name if place.companion else None
        elif kind == "material":
            truth = OBJECTS[place.companion.name].material if place.companion else None
        else:
            one, other = sorted(asked(task), key=task.prompt.index)
            a, b = place_of(task, one).thing.box, place_of(task, other).thing.box
            if "above" in task.choices:
                truth = "above" if a[3] < b[1] else "below"
            else:
                truth = "on the left" if a[2] < b[0] else "on the right"
        assert right(task) == truth, task.id
        assert len(set(task.choices)) == len(task.choices) == (2 if kind == "relation" else 4)


def test_what_is_asked_about_is_there_once_and_wrong_options_are_there_too() -> None:
    for task in load_tasks(f"{SMALL},n=100", "vstar"):
        count = Counter(thing.name for thing in things(task))
        assert all(count[name] == 1 for name in asked(task))
        codes = {place.tag.code for place in scene_of(task).places if place.tag}
        beside = {place.companion.name for place in scene_of(task).places if place.companion}
        shown = {
            "text": codes,
            "kind": beside,
            "material": {OBJECTS[name].material for name in beside},
            "colour": {*HUES},
            "relation": {*task.choices},
        }
        assert {*task.choices} <= shown[task.meta["kind"]]


def test_the_boxes_hold_the_objects_and_nothing_overlaps() -> None:
    for task in load_tasks("vstar:side=1280,difficulty=medium,n=4,clutter=1", "vstar"):
        picture, taken = scene_of(task).load(), np.zeros((720, 1280), bool)
        for place in scene_of(task).places:
            boxes = [part.box for part in (place.thing, place.tag, place.companion) if part is not None]
            for x1, y1, x2, y2 in boxes:
                assert 0 <= x1 < x2 <= 1280
                assert 0 <= y1 < y2 <= 720
                assert not taken[y1:y2, x1:x2].any()
                taken[y1:y2, x1:x2] = True
        for name, (x1, y1, x2, y2) in task.meta["boxes"].items():
            if name == "tag":
                assert np.median(picture[y1:y2, x1:x2]) > 240, "a tag is white"
                continue
            (thing,) = [thing for thing in things(task) if thing.name == name]
            assert list(thing.box) == [x1, y1, x2, y2]
            look = OBJECTS[name] if thing.colour is None else None
            if look is None:
                continue
            rgba = np.array(Image.fromarray(look.load()).resize((x2 - x1, y2 - y1)))
            solid = rgba[..., 3] > 250
            assert np.abs(picture[y1:y2, x1:x2][solid].astype(int) - rgba[..., :3][solid]).mean() < 12
        bare = SceneImage(scene_of(task).photo, 1280, 720, scene_of(task).flipped, ()).load()
        assert (picture[~taken] == bare[~taken]).all(), "nothing is drawn outside of the boxes"


def test_colours_are_those_named() -> None:
    for task in load_tasks("vstar:side=1280,difficulty=easy,n=8,clutter=0.1,kinds=colour", "vstar"):
        x1, y1, x2, y2 = next(iter(task.meta["boxes"].values()))
        part = task.images[0].load()[y1:y2, x1:x2]
        hsv = np.array(Image.fromarray(np.ascontiguousarray(part)).convert("HSV")).astype(float)
        vivid = (hsv[..., 1] > 110) & (hsv[..., 2] > 80)
        hue = hsv[..., 0][vivid] * 360 / 256
        near = {name: (np.abs((hue - value + 180) % 360 - 180) < 20).mean() for name, value in HUES.items()}
        assert max(near, key=lambda name: near[name]) == right(task), task.id


def test_the_splits_share_nothing() -> None:
    train, test = set(names_of("train")), set(names_of("test"))
    assert train.isdisjoint(test)
    assert train | test == set(OBJECTS)
    for split, names in (("train", train), ("test", test)):
        for task in load_tasks(f"{SMALL},split={split},n=25", "vstar"):
            assert {thing.name for thing in things(task)} <= names
            assert task.meta["photo"] in SCENES[split]


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_difficulty_is_the_size_in_a_thumbnail(difficulty: str) -> None:
    task = load_tasks(f"vstar:side=7680,difficulty={difficulty},kinds=colour,n=1", "vstar")[0]
    x1, y1, x2, y2 = next(iter(task.meta["boxes"].values()))
    seen = max(x2 - x1, y2 - y1) * 448 / 7680
    assert abs(seen - {"easy": 22.4, "medium": 11.2, "hard": 5.6}[difficulty]) < 2.3


def test_options_change_the_scene() -> None:
    empty = VStarGenerated("vstar", n=4, clutter=0.0, kinds="colour")
    assert [task.meta["objects"] for task in empty] == [1] * 4
    full = VStarGenerated("vstar", n=2, clutter=1.0, side=640, difficulty="medium")
    assert all(task.meta["objects"] > 90 for task in full)
    for similarity, least, most in ((0.0, 0.0, 0.6), (1.0, 0.6, 1.0)):
        task = VStarGenerated("vstar", n=1, kinds=["colour"], similarity=similarity)[0]
        category = OBJECTS[asked(task)[0]].category
        others = [OBJECTS[place.thing.name].category for place in scene_of(task).places[1:]]
        assert least <= others.count(category) / len(others) <= most
    kinds = [task.meta["kind"] for task in VStarGenerated("vstar", n=4, kinds="text-relation")]
    assert kinds == ["text", "relation"] * 2
    assert VStarGenerated("vstar", n=1, side=7680)[0].meta["size"] == 96


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n of at least 1"),
        ({"seed": -1}, "seed of at least 0"),
        ({"clutter": 1.5}, "`clutter` is from 0 to 1"),
        ({"side": 500}, r"`side` is from 1280 \(hard\) to 7680 pixels, not 500"),
        ({"side": 7681}, "to 7680"),
        ({"side": "wide"}, "not a number"),
        ({"difficulty": "mad"}, "`difficulty` is one of easy, medium, hard"),
        ({"kinds": "colour-size"}, "`kinds` is one of colour, text, kind, material, relation"),
        ({"split": "dev"}, "no split 'dev'"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        VStarGenerated("vstar", **options)


def test_other_families_and_indices() -> None:
    with pytest.raises(UsageError, match="tasks of the family `vstar`, not `jigsaw`"):
        VStarGenerated("jigsaw")
    with pytest.raises(IndexError):
        VStarGenerated("vstar", n=3)[3]
    assert VStarGenerated("vstar", n=3)[-1] == VStarGenerated("vstar", n=3)[2]


def test_gymnasiums_own_check() -> None:
    check_gymnasium(
        gym.make("adagym/VStar-v0", tasks="vstar:side=640,difficulty=medium").unwrapped, skip_render_check=True
    )


def test_chance_is_what_the_page_says() -> None:
    tasks = load_tasks("vstar:n=5,side=320,difficulty=easy,clutter=0", "vstar")
    collector = Collector(lambda: gym.make("adagym/VStar-v0", tasks=tasks, tools=()), RandomAgent(), 8)
    played = [
        rollout.trajectory for rollout in collector.collect(Job(number % 5, seed=number) for number in range(500))
    ]
    collector.close()
    score = {kind: 0.0 for kind in KINDS}
    for trajectory in played:
        score[trajectory.task.meta["kind"]] += (trajectory.reward_parts["accuracy"] or 0) / 100
    assert 0.36 < score.pop("relation") < 0.64
    assert all(0.12 < share < 0.39 for share in score.values())
    assert 0.24 < sum(t.reward_parts["accuracy"] or 0 for t in played) / 500 < 0.36
