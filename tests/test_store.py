"""Saved episodes come back byte for byte, and replay to the same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adagym.agents.random import RandomAgent
from adagym.agents.replay import ReplayAgent
from adagym.agents.scripted import ExpertAgent
from adagym.algos.collect import Collector, Job
from adagym.digest import image_digest, messages_digest, observation_digest
from adagym.errors import DataError, UsageError
from adagym.pictures import PictureFile
from adagym.protocol import MAX_ACTION_CHARS
from adagym.store import Store, differences, dump, read_trajectories, replay
from adagym.types import ArrayImage, ImageBlock, Message, TextBlock, Trajectory

ENVS = ["adagym/VSPNavigation-v0", "adagym/VSPVerification-v0"]


def play(env_id: str, agent: Any, episodes: int = 6, **kwargs: object) -> list[Trajectory]:
    collector = Collector(lambda: gym.make(env_id, disable_env_checker=True, **kwargs), agent, 4)
    rollouts = sorted(collector.collect(Job(n, seed=n) for n in range(episodes)), key=lambda rollout: rollout.index)
    collector.close()
    return [rollout.trajectory for rollout in rollouts]


def act(actions: Sequence[Any], **kwargs: object) -> Trajectory:
    env = gym.make(ENVS[0], disable_env_checker=True, **kwargs)
    env.reset(seed=3, options={"task": 0})
    for action in actions:
        env.step(action)
    inner: Any = env.unwrapped
    trajectory: Trajectory = inner.trajectory()
    return trajectory


def save(path: Path, trajectories: Sequence[Trajectory]) -> Path:
    with Store(path) as store:
        for trajectory in trajectories:
            store.append(trajectory)
    return path


@pytest.fixture
def episodes() -> list[Trajectory]:
    return play(ENVS[0], ExpertAgent())


@pytest.mark.parametrize("env_id", ENVS)
@pytest.mark.parametrize("dialect", ["adareasoner", "openai"])
@pytest.mark.parametrize("agent", [ExpertAgent, RandomAgent])
def test_saved_read_and_replayed_episodes_are_equal_byte_for_byte(
    tmp_path: Path, env_id: str, dialect: str, agent: type[ExpertAgent] | type[RandomAgent]
) -> None:
    played = play(env_id, agent(), dialect=dialect)
    read = list(read_trajectories(save(tmp_path / "episodes.jsonl", played)))
    assert [dump(trajectory) for trajectory in read] == [dump(trajectory) for trajectory in played]
    again = [replay(trajectory) for trajectory in read]
    assert [dump(trajectory) for trajectory in again] == [dump(trajectory) for trajectory in played]
    assert all(differences(one, other) == [] for one, other in zip(played, again, strict=True))
    rewritten = save(tmp_path / "again.jsonl", again)
    assert rewritten.read_bytes() == (tmp_path / "episodes.jsonl").read_bytes()


CALL = '{"name": "Point", "parameters": {"image": "img_1", "description": "Elf"}}'


@pytest.mark.parametrize(
    "actions",
    [
        [],
        [f"<think>a</think><tool_call>{CALL}</tool_call>"],
        ["", "no call", "<think>a</think><tool_call>[]</tool_call>"],
        [None, 3, b"bytes", ["list"], np.arange(3)],
        ["a\ud800b", "\udfff\ufffd", '<tool_call>{"name": "\\ud800", "parameters": {}}</tool_call>'],
        ["x" * 10_000_000, "🙂" * (MAX_ACTION_CHARS + 5)],
        ["<think>\x00\u2028\x85</think><response>\\boxed{\u202e🙂e\u0301}</response>"],
        ["again"] * 10,
    ],
    ids=["none", "running", "malformed", "no text", "surrogates", "10 MB", "odd Unicode", "truncated"],
)
def test_odd_episodes_replay_too(tmp_path: Path, actions: list[Any]) -> None:
    played = act(actions)
    (read,) = read_trajectories(save(tmp_path / "episodes.jsonl", [played]))
    assert dump(read) == dump(played) == dump(replay(read))


def test_what_is_read_is_what_was_written(tmp_path: Path, episodes: list[Trajectory]) -> None:
    played = episodes[0]
    read = next(read_trajectories(save(tmp_path / "a.jsonl", episodes)))
    assert read.actions == played.actions
    assert read.calls[0].data == played.calls[0].data
    assert read.calls[0].check == played.calls[0].check
    assert read.steps[0].parsed == played.steps[0].parsed
    assert (read.outcome, read.reward, read.reward_parts) == (played.outcome, played.reward, played.reward_parts)
    assert isinstance(read.task.images[0], PictureFile)
    np.testing.assert_array_equal(read.task.images[0].load(), played.task.images[0].load())
    for one, other in zip(read.messages, played.messages, strict=True):
        assert (one.role, one.text) == (other.role, other.text)
        for image, original in zip(one.images, other.images, strict=True):
            np.testing.assert_array_equal(image, original)
            assert not image.flags.writeable


def test_every_picture_is_stored_once(tmp_path: Path, episodes: list[Trajectory]) -> None:
    pictures = {image_digest(image) for t in episodes for message in t.messages for image in message.images}
    save(tmp_path / "a.jsonl", [*episodes, *episodes])
    assert {path.stem for path in (tmp_path / "images").iterdir()} == pictures
    assert {path.suffix for path in (tmp_path / "images").iterdir()} == {".png"}


def test_one_line_each_and_an_existing_file_is_continued(tmp_path: Path, episodes: list[Trajectory]) -> None:
    path = save(save(tmp_path / "runs" / "a.jsonl", episodes[:2]), episodes[2:])
    assert len(path.read_bytes().splitlines()) == len(episodes)
    assert len(list(read_trajectories(path))) == len(episodes)


def test_each_line_is_on_disk_at_once(tmp_path: Path, episodes: list[Trajectory]) -> None:
    with Store(tmp_path / "a.jsonl") as store:
        for count, trajectory in enumerate(episodes, 1):
            store.append(trajectory)
            assert len(list(read_trajectories(store.path))) == count


@pytest.mark.parametrize("cut", [1, 100])
def test_a_torn_last_line_is_ignored_and_then_overwritten(tmp_path: Path, episodes: list[Trajectory], cut: int) -> None:
    path = save(tmp_path / "a.jsonl", episodes[:3])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert len(list(read_trajectories(path))) == 2
    save(path, [episodes[2]])
    assert path.read_bytes() == whole


@pytest.mark.parametrize("line", ["{}", "[]", "not json", '{"format":2}', '{"format":1,"task":{}}', "null"])
def test_a_malformed_line_is_named(tmp_path: Path, episodes: list[Trajectory], line: str) -> None:
    path = save(tmp_path / "a.jsonl", episodes[:1])
    path.write_bytes(path.read_bytes() + line.encode() + b"\n")
    reader = read_trajectories(path)
    next(reader)
    with pytest.raises(DataError, match=r"Line 2 of .*a.jsonl"):
        next(reader)


def test_missing_files_are_named(tmp_path: Path, episodes: list[Trajectory]) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl"):
        next(read_trajectories(tmp_path / "none.jsonl"))
    path = save(tmp_path / "a.jsonl", episodes[:1])
    for picture in (tmp_path / "images").iterdir():
        picture.write_bytes(picture.read_bytes()[:40])
    with pytest.raises(DataError, match=r"images/\w+\.png"):
        next(read_trajectories(path))


def test_a_picture_name_is_never_a_path(tmp_path: Path, episodes: list[Trajectory]) -> None:
    path = save(tmp_path / "a.jsonl", episodes[:1])
    value = json.loads(path.read_text())
    value["task"]["images"] = ["../secret"]
    path.write_text(json.dumps(value) + "\n")
    with pytest.raises(DataError, match="not the name of a picture"):
        next(read_trajectories(path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written to"):
        Store(tmp_path / "file" / "a.jsonl")


@pytest.mark.parametrize("bad", [{1, 2}, np.int64(3), float("nan"), b"x"])
def test_values_that_are_not_json_are_refused_and_nothing_is_written(
    tmp_path: Path, episodes: list[Trajectory], bad: object
) -> None:
    trajectory = replace(episodes[0], task=replace(episodes[0].task, meta={"x": bad}))
    with Store(tmp_path / "a.jsonl") as store, pytest.raises(UsageError, match="cannot be saved as JSON"):
        store.append(trajectory)
    assert (tmp_path / "a.jsonl").read_bytes() == b""


def test_differences_name_the_fields(episodes: list[Trajectory]) -> None:
    changed = replace(episodes[0], reward=0.0, outcome="truncated")
    assert differences(episodes[0], changed) == ["outcome", "reward"]


def test_a_changed_episode_does_not_replay(episodes: list[Trajectory]) -> None:
    longer = replace(episodes[0], steps=(*episodes[0].steps, episodes[0].steps[-1]))
    with pytest.raises(UsageError, match="ended after 5 of 6 actions"):
        replay(longer)


def test_a_lost_environment_is_named(episodes: list[Trajectory]) -> None:
    with pytest.raises(UsageError, match="adagym/Lost-v0"):
        replay(replace(episodes[0], env_id="adagym/Lost-v0"))


def test_replay_needs_no_task_source(episodes: list[Trajectory]) -> None:
    moved = replace(episodes[0], env_kwargs={**episodes[0].env_kwargs, "tasks": "vsp:/nowhere"})
    again = replay(moved)
    assert differences(moved, again) == []


def test_the_replay_agent_repeats_a_file(tmp_path: Path) -> None:
    played = play(ENVS[0], RandomAgent(), 8)
    agent = ReplayAgent.from_spec(str(save(tmp_path / "a.jsonl", played)))
    assert [dump(trajectory) for trajectory in play(ENVS[0], agent, 8)] == [dump(trajectory) for trajectory in played]


def test_the_replay_agent_without_an_episode_voids(tmp_path: Path, episodes: list[Trajectory]) -> None:
    agent = ReplayAgent(save(tmp_path / "a.jsonl", [episodes[0], replace(episodes[1], steps=episodes[1].steps[:2])]))
    again = play(ENVS[0], agent, 3)
    assert [trajectory.outcome for trajectory in again] == ["answered", "infra_failure", "infra_failure"]
    assert "has 2 turns, and the environment asks for more" in (again[1].error or "")
    assert "holds no (further) episode" in (again[2].error or "")


def test_the_replay_agent_needs_a_file_with_episodes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="replay:FILE"):
        ReplayAgent.from_spec(None)
    with pytest.raises(DataError, match=r"none\.jsonl"):
        ReplayAgent(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(UsageError, match="holds no episode"):
        ReplayAgent(tmp_path / "empty.jsonl")


def test_digests_tell_contents_apart() -> None:
    one, other = np.zeros((2, 6, 3), np.uint8), np.zeros((6, 2, 3), np.uint8)
    assert image_digest(one) == image_digest(one.copy())
    assert image_digest(one) == image_digest(np.asfortranarray(one))
    assert image_digest(one) != image_digest(other)
    assert observation_digest({"text": "a", "images": ()}) != observation_digest({"text": "a", "images": (one,)})
    split = [Message("user", (TextBlock("ab"), TextBlock("c")))]
    assert messages_digest(split) != messages_digest([Message("user", (TextBlock("a"), TextBlock("bc")))])
    named = [Message("user", (ImageBlock("img_1", one),))]
    assert messages_digest(named) != messages_digest([Message("user", (ImageBlock("img_2", one),))])


def test_pictures_in_memory_can_be_saved(tmp_path: Path, episodes: list[Trajectory]) -> None:
    picture = ArrayImage(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    trajectory = replace(episodes[0], task=replace(episodes[0].task, images=(picture,)))
    (read,) = read_trajectories(save(tmp_path / "a.jsonl", [trajectory]))
    np.testing.assert_array_equal(read.task.images[0].load(), picture.array)
