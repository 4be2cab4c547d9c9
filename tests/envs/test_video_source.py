"""Drawn videos: frames are a function of the reference, and every answer is what happens in the video."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from itertools import groupby, pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.photos import SCENES
from adagym.envs.tasks.video import DIFFICULTIES, VideoGenerated
from adagym.envs.tasks.video_questions import CORNERS, KINDS
from adagym.envs.tasks.video_scene import MadeVideo, Track, open_made
from adagym.envs.tasks.vstar import names_of
from adagym.errors import DataError, UsageError
from adagym.testing import check_task_source
from adagym.types import Task
from adagym.video import FrameBudget, open_video

WAY = Track("banana", 24, 35, 40, ((100, 60), (300, 60), (300, 140)), "K47", (26, 29, 10))
VIDEO = MadeVideo(400, 200, 24, 48, "#102030", False, (WAY,))


def video_of(task: Task) -> MadeVideo:
    assert task.video is not None
    video = open_video(task.video)
    assert isinstance(video, MadeVideo)
    return video


def right(task: Task) -> str:
    return task.choices["ABCD".index(task.answer)]


def test_a_reference_opens_the_same_video() -> None:
    kind, _, rest = VIDEO.reference.partition(":")
    assert kind == "made"
    assert json.loads(rest)["tracks"][0][:4] == ["banana", 24, 35, 40]
    assert open_made(rest) == VIDEO
    assert open_video(VIDEO.reference) == VIDEO
    assert pickle.loads(pickle.dumps(VIDEO)) == VIDEO


def test_times_and_size() -> None:
    assert (VIDEO.size, VIDEO.duration, len(VIDEO)) == ((400, 200), 2.0, 48)
    assert VIDEO.times[1] == 1 / 24
    assert not VIDEO.times.flags.writeable
    assert [VIDEO.index_at(seconds) for seconds in (-1, 0.99, 1.0, 9)] == [0, 23, 24, 47]


def test_an_object_goes_from_point_to_point() -> None:
    assert WAY.middle(24) == (100, 60)
    assert WAY.middle(29) == (300, 60), "half of the time for half of the way"
    assert WAY.middle(34) == (300, 140)
    assert WAY.middle(27) == (220, 60)


def test_frames_show_what_the_tracks_say() -> None:
    frames = VIDEO.frames(range(48))
    assert all(not frame.flags.writeable and frame.shape == (200, 400, 3) for frame in frames)
    for index, frame in enumerate(frames):
        drawn = (frame != (16, 32, 48)).any(axis=2)
        expected = np.zeros_like(drawn)
        if 24 <= index < 35:
            x1, y1, x2, y2 = WAY.box(index)
            assert max(x2 - x1, y2 - y1) == 40
            expected[y1:y2, x1:x2] = True
            assert drawn[expected].mean() > 0.3
        box = WAY.tag_box(index, 400)
        assert (box is not None) == (26 <= index < 29)
        if box is not None:
            assert (box[2] - box[0], box[3] - box[1]) == (25, 10)
            assert (box[0] > x2) == (x1 + x2 < 400), "on the side with more room"
            expected[box[1] : box[3], box[0] : box[2]] = True
            assert frame[box[1] : box[3], box[0] : box[2]].max() == 255
        assert not drawn[~expected].any()


def test_frames_do_not_depend_on_the_order_in_which_they_are_drawn() -> None:
    forwards, backwards = VIDEO.frames(range(20, 40)), VIDEO.frames(range(39, 19, -1))
    assert all((one == other).all() for one, other in zip(forwards, backwards[::-1], strict=True))
    budget = FrameBudget(pixels=5000)
    each = VIDEO.each((0, 30, 1), budget.shrink)
    assert all((a == budget.shrink(b)).all() for a, b in zip(each, VIDEO.frames((0, 30, 1)), strict=True))
    with pytest.raises(UsageError, match="Frame 48"):
        VIDEO.frames([48])


@pytest.mark.parametrize(
    "change",
    [
        {"width": 8},
        {"width": "400"},
        {"width": 10**9},
        {"fps": 0},
        {"count": 10**9},
        {"count": True},
        {"ground": "nowhere"},
        {"ground": "#12"},
        {"tracks": [["unicorn", *json.loads(VIDEO.reference[5:])["tracks"][0][1:]]]},
        {"tracks": [["banana", 1, 2, 40, [[-5, 0]], "", [0, 0, 0]]]},
        {"tracks": [["banana", 1, 2, 40, [], "", [0, 0, 0]]]},
        {"tracks": [["banana", 1, 2, 40, [[1, 1]], "A1", [0, 0, 1]]]},
        {"tracks": [["banana", 1, 2, 10**9, [[1, 1]], "", [0, 0, 0]]]},
        {"tracks": [["banana", 1]]},
        {"tracks": 5},
        {"other": 1},
    ],
)
def test_references_that_describe_no_video(change: dict[str, Any]) -> None:
    fields = {**json.loads(VIDEO.reference.partition(":")[2]), **change}
    with pytest.raises(DataError, match="made by the task source `video`"):
        open_made(json.dumps(fields))


@pytest.mark.parametrize("rest", ["", "{", "[]", "5", "[" * 100_000])
def test_references_that_are_nothing(rest: str) -> None:
    with pytest.raises(DataError, match="describes no video"):
        open_made(rest)


@pytest.mark.parametrize("split", ["train", "test"])
def test_contract_and_determinism(split: str) -> None:
    tasks = load_tasks(f"video:split={split},n=5", "video_qa")
    check_task_source(tasks, "video_qa")
    assert list(tasks) == list(load_tasks(f"video:split={split},n=99", "video_qa")[:5])
    assert tasks[3] != load_tasks(f"video:split={split},n=10,seed=1", "video_qa")[3]
    assert [task.id for task in tasks] == [f"video/{split}/{kind}/{place}" for place, kind in enumerate(KINDS)]


def test_every_answer_is_what_happens() -> None:
    for task in load_tasks("video:n=200", "video_qa"):
        video, kind, question = video_of(task), task.meta["kind"], task.prompt.splitlines()[0]
        spans = [(track.name, track.start / 24, track.stop / 24) for track in video.tracks]
        there = [span for span in spans if f"the {span[0]} " in question or question.endswith(f"the {span[0]}?")]
        fitting: list[str]
        if "is seen between" in question:
            start, end = (float(word) for word in question.split() if word[0].isdigit())
            fitting = [name for name, begin, stop in spans if begin < end and stop > start]
            assert [(start <= b and e <= end) for name, b, e in spans if name in fitting] == [True]
        elif "At what time" in question:
            fitting = [text for text in task.choices if abs(float(text.split()[0]) - there[-1][1]) < 0.06]
        elif "appears first" in question or "appears last" in question:
            shown = [name for name, *_ in spans if name in task.choices]
            fitting = [shown[0 if "first" in question else -1]]
        elif "after the" in question:
            names = [name for name, *_ in spans]
            fitting = [names[names.index(there[-1][0]) + 1]]
        elif "How often" in question:
            fitting = [str(max(Counter(span[0] for span in there).values()))]
        elif "How many" in question:
            fitting = [str(len({name for name, *_ in spans}))]
        else:
            track = next(track for track in video.tracks if track.name == there[-1][0])
            fitting = [track.code] if kind == "detail" else [", then ".join(corner(p, video) for p in track.points)]
        assert [right(task)] == fitting, task.id
        assert len({*task.choices}) == 4


def corner(point: tuple[int, int], video: MadeVideo) -> str:
    x, y = point[0] / video.width, point[1] / video.height
    return min(CORNERS, key=lambda name: abs(CORNERS[name][0] - x) + abs(CORNERS[name][1] - y))


def test_objects_come_one_after_the_other_and_never_twice_in_a_row() -> None:
    for task in load_tasks("video:n=50", "video_qa"):
        tracks = video_of(task).tracks
        assert all(other.start - one.stop >= 0.75 * 24 for one, other in pairwise(tracks))
        assert [name for name, _ in groupby(track.name for track in tracks)] == [track.name for track in tracks]
        for track in tracks:
            assert 0 < track.start
            assert 1.15 * 24 < track.stop - track.start < 1.85 * 24
            boxes = [track.box(frame) for frame in range(track.start, track.stop)]
            boxes += [box for frame in range(*track.tag[:2]) if (box := track.tag_box(frame, 1280))]
            assert all(0 <= x1 < x2 <= 1280 and 0 <= y1 < y2 <= 720 for x1, y1, x2, y2 in boxes)
            assert not track.code or track.start < track.tag[0] < track.tag[1] < track.stop


def test_wrong_codes_and_ways_do_not_give_the_right_one_away() -> None:
    for task in load_tasks("video:n=40,kinds=path-detail", "video_qa"):
        codes = {track.code for track in video_of(task).tracks}
        if task.meta["kind"] == "detail":
            assert {*task.choices} <= codes
            continue
        ways = [text.split(", then ") for text in task.choices]
        assert all(len({*way}) == 3 and {*way} <= {*CORNERS} for way in ways)
        for spot in CORNERS:
            assert sum(spot in way for way in ways) >= 2, "one look at it leaves a choice"


def test_eight_frames_miss_most_and_sixty_four_none() -> None:
    missed: Counter[int] = Counter()
    for task in load_tasks("video:n=25", "video_qa"):
        video = video_of(task)
        for most in (8, 64):
            shown = FrameBudget(most).choose(video)
            missed[most] += sum(not any(t.start <= index < t.stop for index in shown) for t in video.tracks)
    assert missed[8] > 140, "of 200"
    assert missed[64] == 0


def test_the_splits_share_nothing() -> None:
    for split in ("train", "test"):
        tasks = load_tasks(f"video:split={split},n=25", "video_qa")
        assert {track.name for task in tasks for track in video_of(task).tracks} <= {*names_of(split)}
        photos = {ground for task in tasks if not (ground := task.meta["ground"]).startswith("#")}
        assert photos == {*SCENES[split]}


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_options_change_the_video(difficulty: str) -> None:
    level = DIFFICULTIES[difficulty]
    task = VideoGenerated("video_qa", n=1, seconds=90, events=6, difficulty=difficulty, side=1920, kinds="detail")[0]
    video = video_of(task)
    assert (video.size, video.duration, len(video.tracks)) == ((1920, 1080), 90.0, 6)
    for track in video.tracks:
        assert level.seconds * 24 - 2 < track.stop - track.start < 1.5 * level.seconds * 24 + 2
        assert abs(track.size * level.size / 1920 - 1) < 0.12
        assert track.tag[1] - track.tag[0] == round(24 * level.moment)
        assert track.tag[2] == round(1920 / level.tag)


def test_a_tag_cannot_be_read_in_small_frames() -> None:
    task = load_tasks("video:n=1,kinds=detail", "video_qa")[0]
    video = video_of(task)
    track = video.tracks[task.meta["asked"]]
    assert track.tag[2] == 11
    x1, y1, x2, y2 = track.tag_box(track.tag[0], 1280) or (0, 0, 0, 0)
    small = FrameBudget().shrink(video.frames([track.tag[0]])[0])
    assert (y2 - y1) * small.shape[0] / 720 < 3, "pixels high"
    full = video.frames([track.tag[0]])[0][y1:y2, x1:x2]
    assert cv2.Laplacian(np.ascontiguousarray(full), cv2.CV_64F).std() > 50, "letters"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n of at least 1"),
        ({"seed": -1}, "seed of at least 0"),
        ({"events": 4}, "5 to [0-9]+ events"),
        ({"events": 999}, "5 to [0-9]+ events"),
        ({"side": 500}, "`side` is from 640 to 7680 pixels, not 500"),
        ({"seconds": 20}, r"8 events \(hard\) need 20.8 to"),
        ({"seconds": "nan"}, "need 20.8"),
        ({"seconds": 1e9}, "need 20.8"),
        ({"difficulty": "easy"}, r"8 events \(easy\) need 54.4"),
        ({"difficulty": "mad"}, "`difficulty` is one of easy, medium, hard"),
        ({"side": "wide"}, "not a number"),
        ({"kinds": "when-why"}, "`kinds` is one of when, order, count, path, detail"),
        ({"split": "dev"}, "no split 'dev'"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    if options == {"difficulty": "easy"}:
        options = {**options, "seconds": 50}
    with pytest.raises(UsageError, match=message):
        VideoGenerated("video_qa", **options)


def test_other_families_and_indices() -> None:
    with pytest.raises(UsageError, match="tasks of the family `video_qa`, not `vstar`"):
        VideoGenerated("vstar")
    tasks = VideoGenerated("video_qa", n=3)
    with pytest.raises(IndexError):
        tasks[3]
    assert tasks[-1] == tasks[2]
