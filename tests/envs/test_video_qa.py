"""The environment of videos: which frames are shown, what is told of them, and that tools reach the rest."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_gymnasium

from adagym.agents.random import RandomAgent
from adagym.algos.collect import Collector, Job
from adagym.envs.contract import check_page
from adagym.envs.tasks import load_tasks
from adagym.envs.video_qa import VideoQA
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.store import Store, differences, read_trajectories, replay
from adagym.testing import digest
from adagym.types import Task, ToolCall
from adagym.video import FrameBudget, open_video

SMALL = "video:side=640,seconds=13,events=5"


def call(name: str, **arguments: Any) -> str:
    return DIALECTS.load("adareasoner").write_call(ToolCall(name, arguments), "I look.")


def answer(text: str) -> str:
    return DIALECTS.load("adareasoner").write_answer(text, "I know.")


def test_the_first_observation() -> None:
    env = VideoQA(f"{SMALL},n=1", frames="most=4,pixels=14400")
    observation, _ = env.reset(seed=0)
    assert env.task is not None
    assert env.task.video is not None
    video = open_video(env.task.video)
    # 13 s at 24 frames per second, in four parts of 78 frames: the middle ones are 39, 117, 195 and 273.
    assert [image.shape for image in observation["images"]] == [(90, 160, 3)] * 4
    budget = FrameBudget(pixels=14400)
    for image, frame in zip(observation["images"], video.frames([39, 117, 195, 273]), strict=True):
        assert (image == budget.shrink(frame)).all()
    told = (
        "The video lasts 13.00 s and has 312 frames of 640x360 pixels. img_1 to img_4: its frames 1 to 4, made small, "
        "at 1.63, 4.88, 8.13, 11.38 s.\n\n"
    )
    assert observation["text"].endswith(told + env.task.prompt)


def test_told_times_lead_back_to_the_frames() -> None:
    env = VideoQA(f"{SMALL},n=1", frames=61)
    observation, _ = env.reset(seed=0)
    assert env.task is not None
    assert env.task.video is not None
    video = open_video(env.task.video)
    told = observation["text"].split(", made small, at ")[1].split(" s.")[0].split(", ")
    assert tuple(video.index_at(float(time)) for time in told) == FrameBudget(61).choose(video)


def test_pictures_of_the_task_come_first() -> None:
    task = load_tasks(f"{SMALL},n=1", "video_qa")[0]
    photo = load_tasks("vstar:side=320,difficulty=easy,n=1", "vstar")[0].images[0]
    mixed = Task("mixed/0", "video_qa", task.prompt, (photo,), task.video, task.choices, task.answer, "choice")
    env = VideoQA([mixed], frames=1)
    observation, _ = env.reset(seed=0)
    assert [image.shape for image in observation["images"]] == [(180, 320, 3), (168, 298, 3)]
    assert "img_2: its frame 1, made small, at 6.50 s." in observation["text"]
    still = Task("still/0", "video_qa", "What?", (photo,))
    observation, _ = VideoQA([still]).reset(seed=0)
    assert len(observation["images"]) == 1
    assert observation["text"].endswith("\n\nWhat?")


def test_tools_reach_frames_that_are_not_shown() -> None:
    env = VideoQA(f"{SMALL},n=1,kinds=detail", frames=2)
    env.reset(seed=0)
    assert env.task is not None
    assert env.task.video is not None
    video = open_video(env.task.video)
    observation = env.step(call("FrameAt", time=2.5))[0]
    assert (observation["images"][0] == video.frames([60])[0]).all()
    observation = env.step(call("crop_image", bbox_2d=[100, 50, 180, 90], target_image=3))[0]
    assert (observation["images"][0] == video.frames([60])[0][50:90, 100:180]).all()
    observation = env.step(call("VideoClip", start_time=1, end_time=2, count=5))[0]
    assert len(observation["images"]) == 5
    assert env.step(answer(env.task.answer))[1] > 0


def test_gymnasiums_own_check() -> None:
    check_gymnasium(gym.make("adagym/VideoQA-v0", tasks=SMALL, frames=4).unwrapped, skip_render_check=True)


def test_the_page_lists_the_arguments_of_the_base_too() -> None:
    check_page(VideoQA)

    class Other(VideoQA):
        __doc__ = (VideoQA.__doc__ or "").replace("| `max_turns` |", "| `turns` |")

    with pytest.raises(AssertionError, match="names"):
        check_page(Other)


def test_snapshots_continue_and_pickle() -> None:
    env = VideoQA(f"{SMALL},n=3", frames=3)
    env.reset(seed=1)
    env.step(call("FrameAt", time=1))
    snapshot = pickle.loads(pickle.dumps(env.snapshot()))
    env.step(call("VideoClip", start_time=0, end_time=3))
    env.step(answer("A"))
    wanted = digest(env.trajectory())
    other = pickle.loads(pickle.dumps(VideoQA(f"{SMALL},n=3", frames=3)))
    other.restore(snapshot)
    other.step(call("VideoClip", start_time=0, end_time=3))
    other.step(answer("A"))
    assert digest(other.trajectory()) == wanted


def test_a_stored_episode_is_replayed_from_its_reference(tmp_path: Any) -> None:
    env = gym.make("adagym/VideoQA-v0", tasks=f"{SMALL},n=3", frames="fps=0.5")
    env.reset(seed=1)
    env.step(call("FrameAt", target_frame=2))
    env.step(answer("B"))
    with Store(tmp_path / "episodes.jsonl") as store:
        store.append(env.unwrapped.trajectory())
    (saved,) = read_trajectories(tmp_path / "episodes.jsonl")
    open_video.cache_clear()
    again = replay(saved)
    assert differences(saved, again) == []
    assert len(again.messages[1].images) == 6, "13 seconds, one frame in two"
    assert again.env_kwargs["frames"] == "fps=0.5"


def test_bad_frames() -> None:
    with pytest.raises(UsageError, match="says nothing about frames"):
        VideoQA(SMALL, frames="many")


def test_chance_is_what_the_page_says() -> None:
    tasks = load_tasks(f"{SMALL},n=5", "video_qa")
    collector = Collector(lambda: gym.make("adagym/VideoQA-v0", tasks=tasks, tools=(), frames=1), RandomAgent(), 8)
    jobs = (Job(number % 5, seed=number) for number in range(200))
    right = [rollout.trajectory.reward_parts["accuracy"] or 0 for rollout in collector.collect(jobs)]
    collector.close()
    assert "25 %" in (VideoQA.__doc__ or "")
    assert abs(np.mean(right) - 0.25) < 0.11, "three and a half standard errors"


def test_no_more_frames_are_shown_than_an_observation_holds() -> None:
    with pytest.raises(UsageError, match="At most 240 frames are shown at first, not 5000"):
        VideoQA(frames=5000)
    with pytest.raises(UsageError, match="At most 240 frames are shown at first, not 241"):
        VideoQA(frames=241)
