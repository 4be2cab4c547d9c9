"""Saved episodes: JSON lines beside a folder of pictures, and their replay.

Each line is one trajectory. Pictures are named by content and stored once, as PNG, in ``images/`` beside the file.
Every line is written with one call and synced, so an interrupted run loses at most its last line; a torn last
line is ignored by the reader and overwritten by the next writer. Wall times are not saved.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from adagym.digest import image_digest
from adagym.errors import DataError, UsageError
from adagym.pictures import PictureFile, to_png
from adagym.types import (
    Array,
    Block,
    CallCheck,
    ImageBlock,
    Message,
    Observation,
    ParsedAction,
    Step,
    Task,
    TextBlock,
    ToolCall,
    ToolResult,
    Trajectory,
)

FORMAT = 1
"""Version of the line format."""

IMAGES = "images"
"""Name of the folder of pictures."""


class _Pictures(Protocol):
    """Where the writer leaves a picture; returns its name."""

    def __call__(self, image: Array) -> str: ...


class Store:
    """Appends trajectories to a file.

    Args:
        path: The file, for example ``runs/a/episodes.jsonl``; folders are made, an existing file is continued.

    Raises:
        UsageError: The file cannot be opened for writing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._images = self.path.parent / IMAGES
        self._known: set[str] = set()
        try:
            self._images.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b", buffering=0)
        except OSError as error:
            raise UsageError(f"Episodes cannot be written to {self.path}: {error}.") from error
        self._drop_torn_line()

    def append(self, trajectory: Trajectory) -> None:
        """Write one trajectory and sync it to disk.

        Raises:
            UsageError: The trajectory holds values that JSON cannot express.
        """
        self._file.write(dump(trajectory, self._save) + b"\n")
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _save(self, image: Array) -> str:
        name = image_digest(image)
        path = self._images / f"{name}.png"
        if name not in self._known and not path.exists():
            # Written beside and renamed, so that a picture is there whole or not at all.
            half = path.with_suffix(f".{os.getpid()}.part")
            half.write_bytes(to_png(image))
            half.replace(path)
        self._known.add(name)
        return name

    def _drop_torn_line(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        if content and not content.endswith(b"\n"):
            self._file.truncate(content.rfind(b"\n") + 1)


def read_trajectories(path: str | Path) -> Iterator[Trajectory]:
    """Read a file written by :class:`Store`, one trajectory at a time. A torn last line is ignored.

    Raises:
        DataError: The file is missing, or a line before the last is malformed.
    """
    images = Path(path).parent / IMAGES
    for _, trajectory in _read(path, lambda: _Reader(images)):
        yield trajectory


def read_records(path: str | Path) -> Iterator[tuple[dict[str, Any], Trajectory]]:
    """Read as :func:`read_trajectories` does, and open no picture.

    Yields:
        The line's JSON, in which pictures are names of files in ``images/`` without their suffix, and its
        trajectory, in which the pictures of messages and steps are empty: (0, 0, 3).

    Raises:
        DataError: The file is missing, or a line before the last is malformed.
    """
    yield from _read(path, _Unopened)


def _read(path: str | Path, reader: Callable[[], _Reader]) -> Iterator[tuple[dict[str, Any], Trajectory]]:
    file = Path(path)
    try:
        lines = file.open("rb")
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error}); give a file of saved episodes.") from error
    with lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
                yield record, reader().trajectory(record)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise DataError(
                    f"Line {number} of {file} is not a saved episode ({type(error).__name__}: {error})."
                ) from error


def replay(trajectory: Trajectory, tools: Any = None) -> Trajectory:
    """Play a trajectory's actions again in a new environment and return what came of it.

    The task is taken from the trajectory, so its source need not be there. An infrastructure failure does not
    replay: nothing tells what broke.

    Args:
        trajectory: The episode.
        tools: The environment's argument ``tools``; None takes the saved one if it is a list of names. A saved text
            names servers and programs, which nobody should reach or start because a file says so.

    Raises:
        UsageError: The environment is unknown, it ended before the actions did, or ``tools`` is needed.
    """
    saved = trajectory.env_kwargs.get("tools")
    if tools is None and isinstance(saved, str):
        raise UsageError(
            f"The tools of `{trajectory.task.id}` ran on {saved[:200]!r}. Replay it from its record "
            "(adagym.tools.backends.recorded.replay_from_record), or say with `tools` what to run them on now."
        )
    kwargs = {**trajectory.env_kwargs, "tasks": (trajectory.task,), "tools": saved if tools is None else tools}
    try:
        env = gym.make(f"adagym.envs:{trajectory.env_id}", disable_env_checker=True, **kwargs)
    except gym.error.Error as error:
        raise UsageError(f"The episode was played in `{trajectory.env_id}`, which cannot be made: {error}") from error
    try:
        env.reset(seed=trajectory.seed, options={"task": trajectory.task})
        for number, step in enumerate(trajectory.steps, 1):
            _, _, terminated, truncated, _ = env.step(_original(step))
            if (terminated or truncated) and number < len(trajectory.steps):
                raise UsageError(
                    f"The replay of `{trajectory.task.id}` ended after {number} of {len(trajectory.steps)} actions: "
                    "the episode was saved by another version of the environment, or was changed."
                )
        inner: Any = env.unwrapped
        replayed: Trajectory = inner.trajectory()
        if (replayed.outcome, trajectory.outcome) == ("running", "truncated"):  # by the agent, not by the turn limit
            replayed = inner.truncate()
    finally:
        env.close()
    return replace(replayed, env_kwargs=trajectory.env_kwargs)


def differences(one: Trajectory, other: Trajectory) -> list[str]:
    """Names of the top-level fields in which two trajectories differ; equal ones are equal byte for byte."""
    first, second = (json.loads(dump(trajectory, image_digest)) for trajectory in (one, other))
    return [key for key in first if _line(first[key]) != _line(second[key])]


def dump(trajectory: Trajectory, save: _Pictures = image_digest) -> bytes:
    """Write a trajectory as one line of JSON, without the line break.

    Args:
        trajectory: The episode.
        save: Called with each picture; returns the name to write in its place.

    Raises:
        UsageError: The trajectory holds values that JSON cannot express.
    """
    save_once = _once_each(save)
    value = {
        "format": FORMAT,
        "env_id": trajectory.env_id,
        "env_kwargs": trajectory.env_kwargs,
        "task": {**_fields(trajectory.task), "images": [save(image.load()) for image in trajectory.task.images]},
        "seed": trajectory.seed,
        "dialect": trajectory.dialect,
        "messages": [_dump_message(message, save_once) for message in trajectory.messages],
        "steps": [_dump_step(step, save_once) for step in trajectory.steps],
        "outcome": trajectory.outcome,
        "reward": trajectory.reward,
        "reward_parts": trajectory.reward_parts,
        "error": trajectory.error,
    }
    try:
        return _line(value)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"The episode of `{trajectory.task.id}` cannot be saved as JSON ({error}); task.meta, env_kwargs and tool "
            "results must consist of JSON values."
        ) from error


def _once_each(save: _Pictures) -> _Pictures:
    """Save a picture of a conversation once: most are in a message, a result and an observation."""
    names: dict[int, str] = {}

    def save_once(image: Array) -> str:
        # By identity, since the trajectory holds these arrays; those that a task loads may be gone at once.
        if id(image) not in names:
            names[id(image)] = save(image)
        return names[id(image)]

    return save_once


class _Unreadable:
    """Stands in for an action that was not a string: all that was kept of it is how it printed."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _original(step: Step) -> Any:
    """An action that is refused for the same reason as the one that was played."""
    if step.parsed.error_kind == "not_text":
        return _Unreadable(step.action)
    if step.parsed.error_kind == "bad_unicode":  # lone surrogates were replaced when the action was kept
        return step.action.replace("\ufffd", "\udfff")
    return step.action


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    """Mappings of any kind become objects; nothing else is guessed at."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of type {type(value).__name__} is not JSON")


def _fields(value: Any, *, leave: Iterable[str] = ("images",)) -> dict[str, Any]:
    return {entry.name: getattr(value, entry.name) for entry in fields(value) if entry.name not in leave}


def _dump_message(message: Message, save: _Pictures) -> dict[str, Any]:
    content = [
        {"text": block.text} if isinstance(block, TextBlock) else {"name": block.name, "image": save(block.image)}
        for block in message.content
    ]
    return {"role": message.role, "content": content}


def _dump_step(step: Step, save: _Pictures) -> dict[str, Any]:
    result = step.result
    parsed = _fields(step.parsed)
    if step.parsed.call is not None:
        parsed["call"] = _fields(step.parsed.call)
    return {
        **_fields(step),
        "parsed": parsed,
        "result": None
        if result is None
        else {
            **_fields(result, leave=("images", "seconds")),
            "error_code": int(result.error_code),
            "check": dict(vars(result.check)),
            "images": [save(image) for image in result.images],
        },
        "observation": {
            "text": step.observation["text"],
            "images": [save(image) for image in step.observation["images"]],
        },
    }


class _Reader:
    """Builds one trajectory from its line; every picture is decoded once and shared, read-only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, Array] = {}

    def trajectory(self, value: dict[str, Any]) -> Trajectory:
        if value.get("format") != FORMAT:
            raise ValueError(f"the line's format is not {FORMAT}")
        return Trajectory(
            **{
                **{name: item for name, item in value.items() if name != "format"},
                "task": self._task(value["task"]),
                "messages": tuple(self._message(message) for message in value["messages"]),
                "steps": tuple(self._step(step) for step in value["steps"]),
            }
        )

    def _task(self, value: dict[str, Any]) -> Task:
        names = value["tool_names"]
        return Task(
            **{
                **value,
                "images": tuple(self._stored(name) for name in value["images"]),
                "choices": tuple(value["choices"]),
                "tool_names": None if names is None else tuple(names),
            }
        )

    def _message(self, value: dict[str, Any]) -> Message:
        blocks: list[Block] = [
            TextBlock(block["text"]) if "text" in block else ImageBlock(block["name"], self._load(block["image"]))
            for block in value["content"]
        ]
        return Message(value["role"], tuple(blocks))

    def _step(self, value: dict[str, Any]) -> Step:
        result, call = value["result"], value["parsed"]["call"]
        parsed = ParsedAction(**{**value["parsed"], "call": None if call is None else ToolCall(**call)})
        seen: Observation = {
            "text": value["observation"]["text"],
            "images": tuple(self._load(name) for name in value["observation"]["images"]),
        }
        if result is not None:
            check: dict[str, Any] = {
                key: tuple(item) if isinstance(item, list) else item for key, item in result["check"].items()
            }
            images = tuple(self._load(name) for name in result["images"])
            result = ToolResult(**{**result, "check": CallCheck(**check), "images": images})
        return Step(**{**value, "parsed": parsed, "result": result, "observation": seen})

    def _load(self, name: str) -> Array:
        if name not in self._loaded:
            self._loaded[name] = self._stored(name).load()
            self._loaded[name].flags.writeable = False
        return self._loaded[name]

    def _stored(self, name: str) -> PictureFile:
        if not name.isalnum():  # a name is a digest, never a path
            raise ValueError(f"{name!r} is not the name of a picture")
        return PictureFile(str(self._folder / f"{name}.png"))


class _Unopened(_Reader):
    """Checks the names of pictures, and opens none."""

    def __init__(self) -> None:
        super().__init__(Path())

    def _load(self, name: str) -> Array:
        self._stored(name)
        return np.zeros((0, 0, 3), np.uint8)
