"""Questions over several scenes: the answer is what stands there, and no picture alone tells it."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.images import ManyImages
from adagym.envs.tasks.images_kinds import KINDS
from adagym.envs.tasks.photos import SCENES
from adagym.envs.tasks.vstar import names_of
from adagym.envs.tasks.vstar_scene import SceneImage
from adagym.errors import UsageError
from adagym.rewards.choices import choice_is_right
from adagym.sampling import draw_answer
from adagym.testing import check_task_source
from adagym.types import Task

SMALL = "images:side=320"


def scenes(task: Task) -> list[SceneImage]:
    return [image for image in task.images if isinstance(image, SceneImage)]


def counts(task: Task) -> list[Counter[str]]:
    """How often each object stands in each picture, companions included."""
    return [
        Counter(thing.name for place in scene.places for thing in (place.thing, place.companion) if thing is not None)
        for scene in scenes(task)
    ]


def right(task: Task) -> str:
    return task.choices["ABCD".index(task.answer)]


def truth(task: Task) -> str:
    """The answer, worked out from the scenes."""
    question = task.prompt.splitlines()[0].partition("and so on. ")[2]
    seen = counts(task)
    if found := re.search(r"in picture (\d) but not in picture (\d)", question):
        one, other = (seen[int(number) - 1] for number in found.groups())
        (answer,) = [name for name in task.choices if one[name] and not other[name]]
        return answer
    name = next(name for name in task.meta["boxes"][0] | dict.fromkeys(named(question)) if name in named(question))
    numbers = [here[name] for here in seen]
    if "How many" in question:
        return str(sum(number > 0 for number in numbers))
    if "code" in question:
        (tag,) = [p.tag for scene in scenes(task) for p in scene.places if p.thing.name == name]
        assert tag is not None
        return tag.code
    assert numbers.count(max(numbers)) == 1
    return f"picture {numbers.index(max(numbers)) + 1}"


def named(question: str) -> tuple[str, ...]:
    found = re.search(r"(?:object: |is the |below the )(.+?)\?", question)
    return () if found is None else (found[1],)


@pytest.mark.parametrize("split", ["train", "test"])
def test_contract_and_determinism(split: str) -> None:
    tasks = load_tasks(f"{SMALL},split={split},n=5", "image_qa")
    check_task_source(tasks, "image_qa")
    many = load_tasks(f"{SMALL},split={split},n=99", "image_qa")
    assert list(tasks) == [many[index] for index in range(5)]
    assert (tasks[3].images[1].load() == pickle.loads(pickle.dumps(many))[3].images[1].load()).all()
    assert tasks[3] != load_tasks(f"{SMALL},split={split},n=10,seed=1", "image_qa")[3]


@pytest.mark.parametrize("pictures", [4, 6])
def test_every_answer_is_what_stands_there(pictures: int) -> None:
    answers: Counter[str] = Counter()
    for task in load_tasks(f"{SMALL},n=150,pictures={pictures}", "image_qa"):
        assert right(task) == truth(task), task.id
        assert len(set(task.choices)) == len(task.choices) == 4
        assert len(task.images) == pictures
        answers[task.answer] += 1
    assert min(answers[letter] for letter in "ABCD") > 22, "no letter is right more often"


def test_wrong_options_are_there_too() -> None:
    for task in load_tasks(f"{SMALL},n=100,kinds=difference-text", "image_qa"):
        codes = {place.tag.code for scene in scenes(task) for place in scene.places if place.tag}
        objects = set().union(*counts(task))
        assert {*task.choices} <= (codes if task.meta["kind"] == "text" else objects)


def test_the_boxes_are_those_of_the_objects_asked_about() -> None:
    for task in load_tasks(f"{SMALL},n=25", "image_qa"):
        for boxes, scene in zip(task.meta["boxes"], scenes(task), strict=True):
            for name, found in boxes.items():
                parts = [place.tag if name == "tag" else place.thing for place in scene.places]
                assert set(map(tuple, found)) <= {part.box for part in parts if part is not None}
        assert any(task.meta["boxes"])


def test_the_splits_share_nothing() -> None:
    for split in ("train", "test"):
        for task in load_tasks(f"{SMALL},split={split},n=10", "image_qa"):
            assert set().union(*counts(task)) <= set(names_of(split))
            for scene in scenes(task):
                assert getattr(scene.photo, "name", "") in SCENES[split]


def test_options_change_the_scenes() -> None:
    assert [image.load().shape for image in ManyImages("image_qa", n=1)[0].images] == [(540, 960, 3)] * 4
    few, full = (ManyImages("image_qa", n=1, clutter=clutter, kinds="where")[0] for clutter in (0.0, 1.0))
    assert [sum(here.values()) for here in counts(few)] in [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert all(len(scene.places) == 30 for scene in scenes(full))
    assert ManyImages("image_qa", n=1, side=1280, difficulty="medium")[0].meta["size"] == 32
    kinds = [task.meta["kind"] for task in ManyImages("image_qa", n=4, kinds="text-most")]
    assert kinds == ["text", "most"] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n of at least 1"),
        ({"seed": -1}, "seed of at least 0"),
        ({"clutter": 1.5}, "`clutter` is from 0 to 1"),
        ({"side": 300}, r"`side` is from 320 \(easy\) to 7680 pixels, not 300"),
        ({"side": "wide"}, "not a number"),
        ({"difficulty": "mad"}, "`difficulty` is one of easy, medium, hard"),
        ({"pictures": 3}, "`pictures` is from 4 to 6, not 3"),
        ({"kinds": "text-size"}, "`kinds` is one of where, count, difference, most, text"),
        ({"split": "dev"}, "no split 'dev'"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ManyImages("image_qa", **options)


def test_other_families_and_indices() -> None:
    with pytest.raises(UsageError, match="tasks of the family `image_qa`, not `vstar`"):
        ManyImages("vstar")
    with pytest.raises(IndexError):
        ManyImages("image_qa", n=3)[3]
    assert ManyImages("image_qa", n=3)[-1] == ManyImages("image_qa", n=3)[2]


def test_chance_is_what_the_page_says() -> None:
    rng = np.random.default_rng(0)
    score: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for task in load_tasks(f"{SMALL},n=400,clutter=0", "image_qa"):
        score[task.meta["kind"]].append(choice_is_right(task, draw_answer(rng, task)) is True)
    assert all(0.1 < np.mean(right) < 0.42 for right in score.values())
    assert 0.19 < np.mean(list(score.values())) < 0.31
