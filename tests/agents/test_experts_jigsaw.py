"""The expert of jigsaw puzzles: what it sees, and how often it is right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adagym.agents.experts import EXPERTS, Scene
from adagym.agents.experts.jigsaw import candidates, edge_steps, fit_in, gap, hole
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.envs.jigsaw import Jigsaw
from adagym.protocol import DIALECTS
from adagym.types import Array, Trajectory


def play(count: int, **options: Any) -> list[Trajectory]:
    collector = Collector(lambda: Jigsaw(**options), ExpertAgent(), 4)
    rollouts = sorted(collector.collect(Job(n, seed=n) for n in range(count)), key=lambda rollout: rollout.index)
    collector.close()
    return [rollout.trajectory for rollout in rollouts]


def test_it_solves_unseen_puzzles() -> None:
    played = play(40, tasks="jigsaw:split=test,seed=5,n=40")
    assert sum(trajectory.reward_parts["accuracy"] or 0 for trajectory in played) >= 36
    for trajectory in played:
        count = trajectory.task.meta["choices"]
        assert [result.tool for result in trajectory.calls] == ["DetectBlackArea", *["InsertImage"] * count]
        assert all(result.ok for result in trajectory.calls)
        assert trajectory.reward_parts["format"] == 1


@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_in_every_dialect_and_disguise(dialect: str) -> None:
    for adaptive in (None, "names,fields,errors"):
        played = play(3, tasks="jigsaw:split=train,n=3,side=120", dialect=dialect, adaptive=adaptive)
        assert [trajectory.reward for trajectory in played] == [8.0] * 3


def test_without_the_tools_pictures_it_gives_up() -> None:
    (trajectory,) = play(1, tasks="jigsaw:n=1", tool_images=False)
    assert trajectory.answer == "unknown"


def test_the_gap_is_the_mean_step_across_the_edges_inside() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[2:, 3:] = (30, 60, 90)
    steps = edge_steps(picture, [3, 2, 6, 4])
    assert {side: values.tolist() for side, values in steps.items()} == {"upper": [60.0] * 3, "left": [60.0] * 2}
    picture[2:, 2] = (30, 60, 90)
    assert gap(picture, [3, 2, 6, 4]) == pytest.approx(3 * 60 / 5)
    assert gap(picture, [0, 0, 6, 4]) == 0.0
    assert set(edge_steps(np.zeros((9, 9, 3), np.uint8), [3, 3, 6, 6])) == {"upper", "lower", "left", "right"}


def test_a_bright_step_down_counts_like_one_up() -> None:
    picture = np.full((4, 4, 3), 250, np.uint8)
    picture[2:] = 0
    assert gap(picture, [0, 2, 4, 4]) == 250.0


def test_what_it_reads() -> None:
    assert candidates("Which? (A) The second (B) The third (C) The fourth") == "ABC"
    assert candidates("(A) x (B) y. Answer (A) or (B).") == "AB"
    assert candidates("Which one?") == ""
    assert hole([[1, 2, 3, 4], [0, 0, 1, 1]]) == [1, 2, 3, 4]
    assert hole([]) is hole(None) is hole("[1, 2, 3, 4]") is None


def scene(results: tuple[dict[str, Any], ...], tools: tuple[Array, ...] = ()) -> Scene:
    shades = (0, 10, 200)
    pictures = [np.full((4, 4, 3), shade, np.uint8) for shade in shades] + list(tools)
    images = {f"img_{number}": picture for number, picture in enumerate(pictures, 1)}
    return Scene("(A) x (B) y", "img_1", images["img_1"], images, results, draw=False)


FOUND = {"status": "success", "boxes": [[2, 2, 4, 4]]}
FILLED = np.zeros((4, 4, 3), np.uint8)
BROKEN = FILLED.copy()
BROKEN[2:, 2:] = 99


def test_it_tries_one_after_the_other_and_answers_the_best() -> None:
    assert EXPERTS.load("jigsaw") is fit_in
    call = fit_in(scene((FOUND,))).call
    assert call is not None
    assert call.arguments == {"base_image": "img_1", "image_to_insert": "img_2", "coordinates": [2, 2, 4, 4]}
    good, bad = {"status": "success"}, {"status": "failed"}
    call = fit_in(scene((FOUND, good), (BROKEN,))).call
    assert call is not None
    assert call.arguments["image_to_insert"] == "img_3"
    assert fit_in(scene((FOUND, good, good), (BROKEN, FILLED))).answer == "B"
    assert fit_in(scene((FOUND, good, good), (FILLED, BROKEN))).answer == "A"
    assert fit_in(scene((FOUND, bad, good), (BROKEN,))).answer == "B"
    assert fit_in(scene((FOUND, good, bad), (BROKEN,))).answer == "A"
    assert fit_in(scene((FOUND, bad, bad))).answer == "unknown"


def test_it_gives_up_where_nothing_is_found() -> None:
    assert fit_in(scene(({"status": "success", "boxes": []},))).answer == "unknown"
    assert fit_in(scene(({},))).answer == "unknown"
    assert fit_in(replace(scene((FOUND,)), prompt="Which one?")).answer == "unknown"
