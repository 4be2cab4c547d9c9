"""Jigsaw puzzles, judged by the photographs they are cut from."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_gymnasium
from PIL import Image

from adagym.agents.random import RandomAgent
from adagym.algos.collect import Collector, Job
from adagym.digest import image_digest
from adagym.envs.jigsaw import Jigsaw
from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.jigsaw import MIN_DIFFERENCE, difference
from adagym.envs.tasks.jigsaw import Jigsaw as JigsawTasks
from adagym.envs.tasks.jigsaw_text import PLACES
from adagym.envs.tasks.photos import PHOTOS
from adagym.errors import DataError, UsageError
from adagym.rewards.accuracy import accuracy_reward
from adagym.tools.detect_black_area import detect_black_area
from adagym.types import Array, Task

WHOLE = "jigsaw:crop=1,side=2000,n=12"
"""Puzzles whose pieces are found in the photograph pixel by pixel."""


def loaded(task: Task) -> list[Array]:
    return [image.load() for image in task.images]


def photos(tasks: Sequence[Task]) -> set[str]:
    return {name for task in tasks for name in task.meta["photos"]}


def place_of(piece: Array, photo: Array) -> tuple[int, int]:
    """Row and column of a cell in the photo's grid of 3x3."""
    height, width = photo.shape[0] // 3, photo.shape[1] // 3
    found = [
        (row, col)
        for row in range(3)
        for col in range(3)
        if np.array_equal(piece, photo[row * height : (row + 1) * height, col * width : (col + 1) * width])
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_puzzle_is_a_window_without_a_cell_and_cells_from_outside(split: str) -> None:
    seen = 0
    for task in load_tasks(f"{WHOLE},split={split}", "jigsaw"):
        question, *parts = loaded(task)
        photo = PHOTOS[task.meta["photos"][0]].load()
        height, width = photo.shape[0] // 3, photo.shape[1] // 3
        if question.shape != (2 * height, 2 * width, 3):
            continue  # the whole photo gave no fair puzzle
        seen += 1
        assert len(parts) == task.meta["choices"] == len(task.choices)
        down, right = divmod(PLACES.index(task.meta["place"]), 2)
        assert not question[down * height : (down + 1) * height, right * width : (right + 1) * width].any()
        truth = place_of(parts["ABC".index(task.answer)], photo)
        row, col = truth[0] - down, truth[1] - right
        window = {(row + i, col + j) for i in range(2) for j in range(2)}
        filled = question.copy()
        filled[down * height : (down + 1) * height, right * width : (right + 1) * width] = parts[
            "ABC".index(task.answer)
        ]
        assert np.array_equal(filled, photo[row * height : (row + 2) * height, col * width : (col + 2) * width]), (
            "the answer completes the window"
        )
        places = [place_of(part, photo) for part in parts]
        assert len(set(places)) == len(places)
        assert [place for place in places if place in window] == [truth]
    assert seen >= 8


def test_candidates_differ_and_the_hole_is_found() -> None:
    for task in load_tasks("jigsaw:n=30,seed=7", "jigsaw"):
        question, *parts = loaded(task)
        truth = parts["ABC".index(task.answer)]
        others = [part for part in parts if part is not truth]
        assert min(difference(truth, other) for other in others) >= MIN_DIFFERENCE
        height, width = truth.shape[:2]
        assert detect_black_area(question).data["boxes"][0] == [width, height, 2 * width, 2 * height]
        assert max(question.shape) <= 320


def test_the_difference_of_two_pictures() -> None:
    black, half = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)
    half[:32] = 100
    assert difference(black, half) == 50.0
    assert difference(half, half) == 0.0
    noise = np.random.default_rng(0).integers(0, 2, (64, 64, 1), np.uint8) * 200
    assert difference(np.repeat(noise, 3, 2), np.full((64, 64, 3), 100, np.uint8)) < MIN_DIFFERENCE


def test_splits_differ_in_photos_and_places() -> None:
    train, test = (load_tasks(f"jigsaw:split={split},n=80", "jigsaw") for split in ("train", "test"))
    assert not photos(train) & photos(test)
    assert {task.meta["place"] for task in train} == {"upper left", "upper right", "lower left"}
    assert {task.meta["place"] for task in test} == {"lower right"}
    assert {task.split for task in test} == {"test"}
    same = [load_tasks(f"jigsaw:split={split},n=80,parted=no", "jigsaw") for split in ("train", "test")]
    assert photos(same[0]) == photos(same[1])


def test_answers_and_numbers_of_choices_are_balanced() -> None:
    tasks = load_tasks("jigsaw:n=600", "jigsaw")
    counts = Counter((task.meta["choices"], task.answer) for task in tasks)
    assert sum(count for (choices, _), count in counts.items() if choices == 2) == 300
    assert all(120 < counts[2, letter] < 180 for letter in "AB")
    assert all(70 < counts[3, letter] < 130 for letter in "ABC")
    assert set(counts) == {(2, "A"), (2, "B"), (3, "A"), (3, "B"), (3, "C")}


def test_a_task_depends_on_its_number_and_the_options_alone() -> None:
    few, many = load_tasks("jigsaw:n=3", "jigsaw"), load_tasks("jigsaw:n=50", "jigsaw")
    assert few[2] == many[2] == pickle.loads(pickle.dumps(many))[2]
    assert [image_digest(picture) for picture in loaded(few[2])] == [image_digest(p) for p in loaded(many[2])]
    other = load_tasks("jigsaw:n=3,seed=1", "jigsaw")
    assert [image_digest(loaded(task)[0]) for task in other] != [image_digest(loaded(task)[0]) for task in few]
    assert many[-1] == many[49]
    assert many[1:4:2] == [many[1], many[3]]


def test_the_picture_is_the_callers_own() -> None:
    image = load_tasks("jigsaw:n=1", "jigsaw")[0].images[1]
    image.load()[:] = 0
    assert image.load().any()


def test_prompt_and_options_name_the_pictures() -> None:
    task = load_tasks("jigsaw:choices=3,n=1", "jigsaw")[0]
    assert task.prompt.endswith(
        "Which one of img_2, img_3 or img_4 is the missing part? Compare the edges. Answer with a letter. "
        "(A) The second image (img_2) (B) The third image (img_3) (C) The fourth image (img_4)"
    )
    assert "lower right" not in task.prompt
    assert len(load_tasks("jigsaw:choices=5,n=1", "jigsaw")[0].choices) == 5


def test_a_folder_of_photos(tmp_path: Path) -> None:
    for name in ("chelsea", "coffee"):
        Image.fromarray(PHOTOS[name].load()).save(tmp_path / f"{name}.jpg")
    task = load_tasks(f"jigsaw:{tmp_path},parted=no,side=96,n=4,seed=3", "jigsaw")[0]
    assert task.id == f"jigsaw/{tmp_path.name}/test/c2/0"
    assert loaded(task)[1].shape[0] >= 32
    whole = load_tasks(f"jigsaw:{tmp_path},parted=no", "jigsaw")
    assert whole[0].images[0].puzzle.crop == (1.0, 1.0)


@pytest.mark.parametrize(
    "picture",
    [
        np.full((120, 120, 3), 90, np.uint8),
        np.zeros((120, 120, 3), np.uint8),
        PHOTOS["chelsea"].load()[:95],
    ],
    ids=["alike", "black", "small"],
)
def test_another_photo_is_taken_where_one_gives_no_puzzle(tmp_path: Path, picture: Array) -> None:
    Image.fromarray(picture).save(tmp_path / "a.png")
    task = load_tasks(f"jigsaw:{tmp_path},parted=no,n=1", "jigsaw")[0]
    with pytest.raises(DataError, match=r"None of these photos gives a fair puzzle: a\.png"):
        task.images[0].load()
    Image.fromarray(PHOTOS["coffee"].load()).save(tmp_path / "b.png")
    tasks = load_tasks(f"jigsaw:{tmp_path},parted=no,n=8", "jigsaw")
    assert {task.meta["photos"][0] for task in tasks} == {"a.png", "b.png"}
    assert all(len(loaded(task)) == task.meta["choices"] + 1 for task in tasks)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "val"}, "no split 'val'"),
        ({"n": 0}, "n of at least 1"),
        ({"n": "many"}, "not a number"),
        ({"seed": -1}, "a seed of at least 0"),
        ({"choices": "1-2"}, "numbers from 2 to 5"),
        ({"choices": 6}, "numbers from 2 to 5"),
        ({"choices": ()}, "numbers from 2 to 5"),
        ({"side": 95}, "at least 96 pixels"),
        ({"crop": 0}, "a crop above 0"),
        ({"crop": "0.5-1.5"}, "a crop above 0"),
        ({"parted": "maybe"}, "yes or no"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        JigsawTasks("jigsaw", **options)
    with pytest.raises(UsageError, match="not `vsp_navigation`"):
        JigsawTasks("vsp_navigation")
    with pytest.raises(IndexError):
        JigsawTasks("jigsaw", n=3)[3]


def test_gymnasiums_own_check() -> None:
    check_gymnasium(gym.make("adagym/Jigsaw-v0").unwrapped, skip_render_check=True)


def test_chance_is_what_the_page_says() -> None:
    tasks = load_tasks("jigsaw:n=2,side=96", "jigsaw")
    collector = Collector(lambda: Jigsaw(tasks, tools=()), RandomAgent(), 1)
    jobs = [Job(number % 2, seed=number) for number in range(400)]
    played = [rollout.trajectory for rollout in collector.collect(jobs)]
    collector.close()
    for choices, low, high in ((2, 0.4, 0.6), (3, 0.23, 0.44)):
        scores = [t.reward_parts["accuracy"] for t in played if t.task.meta["choices"] == choices]
        assert len(scores) == 200
        assert low < sum(score or 0 for score in scores) / 200 < high


def test_answers_in_words_count() -> None:
    env: Any = gym.make("adagym/Jigsaw-v0", dialect="hermes").unwrapped
    for answer, right in [("B", 1), ("(b)", 1), ("The third image (img_3)", 1), ("A", 0), ("A or B", 0), ("img_7", 0)]:
        env.reset(options={"task": replace(env.tasks[1], answer="B")})
        env.step(answer)
        assert accuracy_reward(env.task, env.trajectory()) == right, answer
