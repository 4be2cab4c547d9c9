"""The expert of videos: right with tools, much less so on eight frames, and by rules that hold one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adagym.agents.experts.base import GIVE_UP, Move, Scene
from adagym.agents.experts.video_qa import (
    APART,
    CLIP,
    CLOSE,
    Asked,
    around,
    conclude,
    gap,
    read_code,
    read_question,
    unwatched,
    watch,
)
from adagym.agents.experts.video_sight import (
    Look,
    Sighting,
    along,
    appearances,
    ground_of,
    moved,
    recognise,
    sightings,
)
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.video_scene import MadeVideo, Track
from adagym.types import Array, Trajectory
from adagym.video import FrameBudget

HEAD = (
    "The video lasts 60.00 s and has 1440 frames of 1280x720 pixels. img_1 to img_3: its frames 1 to 3, made small, at "
    "10.00, 30.00, 50.00 s.\n\n"
)
TRACK = Track("banana", 24, 60, 80, ((200, 150), (1080, 150), (1080, 560)), "K47", (36, 48, 11))
VIDEO = MadeVideo(1280, 720, 24, 96, "china", False, (TRACK,))
EMPTY: Array = np.zeros((90, 160, 3), np.uint8)


def play(tasks: str, agent: ExpertAgent | None = None, **kwargs: Any) -> list[Trajectory]:
    collector = Collector(lambda: gym.make("adagym/VideoQA-v0", tasks=tasks, **kwargs), agent or ExpertAgent(), 1)
    count = len(load_tasks(tasks, "video_qa"))
    played = [rollout.trajectory for rollout in collector.collect(Job(index, seed=0) for index in range(count))]
    collector.close()
    return sorted(played, key=lambda trajectory: int(trajectory.task.id.rpartition("/")[2]))


def ask(text: str, *options: str) -> Asked:
    listed = "\n".join(f"({letter}) {option}" for letter, option in zip("ABCD", options, strict=False))
    asked = read_question(f"{HEAD}{text}\n{listed}\nAnswer with the letter of the right option.")
    assert asked is not None
    return asked


def see(name: str, seconds: float, x: float = 0.5, y: float = 0.5) -> Sighting:
    return Sighting(Look(seconds, EMPTY), name, x, y, None)


def tools_of(trajectory: Trajectory) -> list[str]:
    return [call.tool for call in trajectory.calls]


def test_success_with_tools_and_the_calls_made() -> None:
    played = play("video:n=5,seed=3")
    assert [trajectory.reward_parts["accuracy"] for trajectory in played] == [1] * 5
    assert [trajectory.reward_parts["format"] for trajectory in played] == [1] * 5
    assert all(call.ok for trajectory in played for call in trajectory.calls)
    assert [tools_of(trajectory) for trajectory in played[1:3]] == [[], []], "64 frames show order and number"
    assert tools_of(played[3]) == ["VideoClip"]
    assert tools_of(played[4]) == ["VideoClip", "FrameAt", "crop_image"]


def test_few_frames_are_made_up_for_by_clips() -> None:
    (trajectory,) = play("video:n=1,seconds=26,events=5,kinds=count", frames=4)
    assert trajectory.reward_parts["accuracy"] == 1
    assert tools_of(trajectory) == ["VideoClip"] * 2


def test_without_tools_it_answers_from_what_is_shown() -> None:
    played = play("video:n=10,seed=3,seconds=40", tools=(), frames=8)
    assert not any(trajectory.calls for trajectory in played)
    assert all(trajectory.answer in tuple("ABCD") for trajectory in played)
    assert sum(trajectory.reward_parts["accuracy"] or 0 for trajectory in played) <= 7


def test_pictures_of_tools_that_are_not_shown_end_the_search() -> None:
    (trajectory,) = play("video:n=1,kinds=detail,seconds=26,events=5", tool_images=False, frames=16)
    assert tools_of(trajectory) == ["VideoClip"]
    assert trajectory.outcome == "answered"


def test_under_other_names() -> None:
    (trajectory,) = play("video:n=1,kinds=path,seconds=26,events=5", adaptive="names,fields,errors", frames=32)
    assert trajectory.reward_parts["accuracy"] == 1
    assert trajectory.calls


def test_the_way_is_drawn_if_that_is_wanted() -> None:
    (trajectory,) = play("video:n=1,kinds=path,seconds=26,events=5", ExpertAgent(draw=True), frames=32)
    assert tools_of(trajectory) == ["VideoClip", "PathTracer"]
    assert trajectory.reward_parts["accuracy"] == 1
    assert all(call.ok for call in trajectory.calls)


@pytest.mark.parametrize("kind", ["when", "order", "count", "path", "detail"])
def test_every_question_is_understood(kind: str) -> None:
    forms = set()
    for task in load_tasks(f"video:n=40,kinds={kind}", "video_qa"):
        asked = read_question(HEAD + task.prompt)
        assert asked is not None
        assert asked.options == dict(zip(task.choices, "ABCD", strict=True))
        assert (asked.duration, asked.size, asked.first, asked.times) == (60, (1280, 720), 1, (10, 30, 50))
        forms.add(asked.form)
    assert forms == {"when": {"during", "time"}, "order": {"end", "after"}, "count": {"often", "different"}}.get(
        kind, {kind}
    )


def test_what_it_does_not_know_or_find() -> None:
    shown = {f"img_{number}": EMPTY for number in (1, 2, 3)}

    def turn(prompt: str, *results: dict[str, object], offered: tuple[str, ...] = ()) -> Move:
        made = tuple(() for _ in results)
        return watch(Scene(prompt, "img_1", EMPTY, shown, results, False, offered, made))

    assert turn("How many dogs?\n(A) 1\n(B) 2").answer == GIVE_UP
    assert turn(f"{HEAD}How many dogs?\n(A) 1\n(B) 2").answer == GIVE_UP
    prompt = f"{HEAD}Which way does the banana take?\n(A) top left, then top right\n(B) top right, then top left"
    assert turn(prompt).answer == "A", "a guess"
    tools = ("VideoClip", "FrameAt", "crop_image")
    call = turn(prompt, offered=tools).call
    assert call is not None
    assert call.arguments == {"start_time": 0.0, "end_time": 15.0, "count": 16}
    assert turn(prompt, {"status": "failed"}, offered=tools).answer == "A"


def test_gaps() -> None:
    assert gap([1, 2, 3], 0, 4, 1.0) is None
    assert gap([1, 3], 0, 4, 1.0) == (1, 4)
    assert gap([], 0, 60, 1.0) == (0, 15)
    assert gap([0.5, 40], 0, 60, 1.0) == (0.5, 15.5)
    assert gap([5, 70], 10, 11, 1.0) is None


def test_what_has_to_be_watched() -> None:
    times = [float(second) for second in range(61)]
    asked = ask("Which of these objects is seen between 9.9 s and 11.4 s?", "banana", "taxi")
    assert unwatched(asked, [], times) == (10, 11.4)
    asked = ask("Which way does the banana take?", "top left, then top right", "top right, then top left")
    assert unwatched(asked, [see("banana", 20), see("banana", 21), see("taxi", 30)], times) == (19, 22)
    assert unwatched(asked, [see("taxi", 30)], times) is None
    assert unwatched(asked, [], times[::2]) == (0, (CLIP - 1) * APART)
    fine = [*times, *np.arange(19, 22, CLOSE)]
    assert unwatched(asked, [see("banana", 20), see("banana", 21)], fine) is None


def test_conclusions() -> None:
    seen = [see("taxi", 3), see("banana", 10), see("banana", 11), see("taxi", 20), see("cup", 30)]
    names = ("banana", "taxi", "cup", "kite")
    assert conclude(ask("Which of these objects is seen between 9.0 s and 12.0 s?", *names), seen) == "A"
    assert conclude(ask("Which of these objects is seen between 12.0 s and 13.0 s?", *names), seen) == "A", "a guess"
    assert conclude(ask("At what time does the cup appear?", "2.1 s", "31.0 s", "29.2 s"), seen) == "C"
    assert conclude(ask("At what time does the cup appear?", "55.1 s", "31.0 s"), seen) == "B"
    assert conclude(ask("Which of these objects appears first?", "kite", "cup", "banana"), seen) == "C"
    assert conclude(ask("Which of these objects appears last?", "kite", "cup", "banana"), seen) == "B"
    assert conclude(ask("Which object is the next one to appear after the banana?", "cup", "taxi"), seen) == "B"
    assert conclude(ask("Which object is the next one to appear after the kite?", "cup", "taxi"), seen) == "A"
    assert conclude(ask("How often does the taxi appear?", "1", "2", "3", "4"), seen) == "B"
    assert conclude(ask("How many different objects appear?", "6", "5", "4"), seen) == "C", "the nearest to 3"


def test_ways() -> None:
    way = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8))
    there = [see("cup", 1, 0.3, 0.2), see("cup", 2, 0.8, 0.3), see("cup", 3, 0.8, 0.7)]
    assert along(there, way) < 0.02
    assert along(there, way[::-1]) > 0.15, "the other way round"
    options = ("top right, then top left, then bottom left", "top left, then top right, then bottom right")
    assert conclude(ask("Which way does the cup take?", *options), there) == "B"


def test_appearances_are_apart_by_others_or_a_pause() -> None:
    seen = [see("cup", 1), see("cup", 2), see("cup", 5), see("taxi", 6), see("cup", 7)]
    assert [[sighting.seconds for sighting in part] for part in appearances(seen, 2)] == [[1, 2], [5], [6], [7]]


def test_what_moves_is_seen_and_known() -> None:
    budget = FrameBudget()
    indices = list(range(0, 96, 6))
    looks = [
        Look(index / 24, budget.shrink(frame)) for index, frame in zip(indices, VIDEO.frames(indices), strict=True)
    ]
    seen = sightings(looks)
    assert [(sighting.name, sighting.seconds) for sighting in seen] == [("banana", i / 24) for i in range(24, 60, 6)]
    for sighting in seen:
        frame = round(sighting.seconds * 24)
        x, y = TRACK.middle(frame)
        assert np.hypot(sighting.x * 1280 - x, sighting.y * 720 - y) < 8
        assert (sighting.tag is not None) == (36 <= frame < 48)
        if sighting.tag is not None:
            x1, y1, x2, y2 = around(sighting, (1280, 720))
            tag = TRACK.tag_box(frame, 1280) or (0, 0, 0, 0)
            assert x1 < tag[0] < tag[2] < x2
            assert y1 < tag[1] < tag[3] < y2
    assert sightings(looks[:2]) == [], "two pictures do not tell what moves"


def test_what_is_no_object_is_not_taken_for_one() -> None:
    ground = np.full((120, 200, 3), 90, np.uint8)
    image = ground.copy()
    image[40:60, 50:70] = (255, 0, 255)
    assert moved(image, ground) == [(50, 40, 70, 60)]
    assert recognise(image, ground) is None
    assert (ground_of([image, ground, ground]) == ground).all()


def test_a_code_is_read_and_compared() -> None:
    x1, y1, x2, y2 = TRACK.tag_box(40, 1280) or (0, 0, 0, 0)
    crop = np.ascontiguousarray(VIDEO.frames([40])[0][y1 - 6 : y2 + 6, x1 - 12 : x2 + 12])
    asked = ask("Which code is on the tag that is beside the banana for a moment?", "M36", "K46", "K47")
    assert read_code(crop, asked) == "C"
    nearest = replace(asked, options={"M36": "A", "X47": "B"})
    assert read_code(crop, nearest) == "B"
    assert read_code(np.full((40, 80, 3), 255, np.uint8), asked) == "A", "a guess"
