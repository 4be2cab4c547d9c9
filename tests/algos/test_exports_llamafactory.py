"""The ShareGPT export, judged by the trainer's rules written out again here."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adagym.algos.curate import CurationConfig, curate
from adagym.algos.exports import EXPORTS
from adagym.errors import UsageError
from adagym.types import Message, TextBlock, Trajectory

ENVS = ("adagym/VSPNavigation-v0", "adagym/VSPVerification-v0")
MIX = {"direct": 1.0, "reflect1": 1.0, "tool_failure": 1.0, "toolless": 1.0}


def load(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    entry = json.loads((folder / "dataset_info.json").read_text())["adagym"]
    return entry, [json.loads(line) for line in (folder / entry["file_name"]).read_text().splitlines()]


def check(entry: dict[str, Any], row: dict[str, Any], folder: Path) -> None:
    """What LLaMA-Factory's ShareGPT converter and its templates demand of a row."""
    columns, tags = entry["columns"], entry["tags"]
    assert entry["formatting"] == "sharegpt"
    turns = [(turn[tags["role_tag"]], turn[tags["content_tag"]]) for turn in row[columns["messages"]]]
    odd = (tags["user_tag"], tags["observation_tag"])
    even = (tags["assistant_tag"], tags["function_tag"])
    assert turns
    assert len(turns) % 2 == 0, "odd number of turns"
    for index, (role, _) in enumerate(turns):
        assert role in (odd, even)[index % 2], f"turn {index} is {role}"
    for column, mark in (("images", "<image>"), ("videos", "<video>"), ("audios", "<audio>")):
        media = row[columns[column]]
        assert sum(text.count(mark) for _, text in turns) == len(media), f"number of {mark}"
        assert all((folder / path).is_file() for path in media), "media file"
    assert isinstance(row[columns["system"]], str)
    assert isinstance(row[columns["tools"]], str), "tools are a JSON string"
    for tool in json.loads(row[columns["tools"]] or "[]"):
        assert set(tool) == {"name", "description", "parameters"}
    for role, text in turns:
        if role == tags["function_tag"]:
            # Templates cut the thought out by marks with or without line breaks.
            for opening, closing in (("<think>\n", "\n</think>\n\n"), ("<think>", "</think>")):
                before, opened, rest = text.partition(opening)
                call = json.loads(rest.partition(closing)[2] if opened else before)
                assert isinstance(call["name"], str)
                assert isinstance(call["arguments"], dict), "arguments"


@pytest.fixture(scope="module")
def episodes() -> list[Trajectory]:
    return [t for env in ENVS for t in curate(CurationConfig(env, mix=MIX, n=4)).trajectories]


@pytest.fixture(scope="module")
def native() -> dict[str, list[Trajectory]]:
    return {
        dialect: curate(CurationConfig(ENVS[0], mix=MIX, n=4, dialect=dialect)).trajectories
        for dialect in ("hermes", "openai")
    }


def test_rows_follow_the_rules_and_keep_the_dialects_text(episodes: list[Trajectory], tmp_path: Path) -> None:
    EXPORTS.load("llamafactory")(episodes, tmp_path)
    entry, rows = load(tmp_path)
    assert len(rows) == len(episodes) == 8
    assert set(entry["columns"]) == {"messages", "images", "videos", "audios", "system", "tools"}
    for row, episode in zip(rows, episodes, strict=True):
        check(entry, row, tmp_path)
        assert [turn["value"] for turn in row["conversations"] if turn["from"] == "gpt"] == list(episode.actions)
        assert row["system"] == episode.messages[0].text
        assert row["tools"] == ""
        shown = [image for message in episode.messages for image in message.images]
        for path, image in zip(row["images"], shown, strict=True):
            assert np.array_equal(np.array(Image.open(tmp_path / path)), image)
    first = rows[0]["conversations"][0]
    assert first["from"] == "human"
    assert first["value"].startswith("<image>The picture shows")


@pytest.mark.parametrize("dialect", ["hermes", "openai"])
def test_native_dialects_become_function_calls(
    native: dict[str, list[Trajectory]], dialect: str, tmp_path: Path
) -> None:
    EXPORTS.load("llamafactory-calls")(native[dialect], tmp_path)
    entry, rows = load(tmp_path)
    for row, episode in zip(rows, native[dialect], strict=True):
        check(entry, row, tmp_path)
        turns = row["conversations"]
        calls = [turn["value"] for turn in turns if turn["from"] == "function_call"]
        assert len(calls) == len(episode.calls)
        for text, step in zip(calls, episode.steps, strict=False):
            assert step.parsed.call is not None
            thought, _, call = text.partition("</think>")
            assert thought.startswith("<think>\n")
            assert len(thought) > 12
            assert json.loads(call) == {"name": step.parsed.call.name, "arguments": dict(step.parsed.call.arguments)}
        assert turns[-1]["from"] == "gpt"
        assert turns[-1]["value"].startswith("<think>\n")
        assert turns[-1]["value"].endswith(f"\\boxed{{{episode.answer}}}")
        assert "<tools>" not in row["system"]
        offered = [tool["name"] for tool in json.loads(row["tools"] or "[]")]
        assert offered == episode.env_kwargs["tools"]
        assert {turn["from"] for turn in turns[2::2]} <= {"observation"}


def drop_last(row: dict[str, Any]) -> None:
    row["conversations"].pop()


def swap(row: dict[str, Any]) -> None:
    row["conversations"][0], row["conversations"][1] = row["conversations"][1], row["conversations"][0]


def lose_image(row: dict[str, Any]) -> None:
    row["images"].pop()


def extra_mark(row: dict[str, Any]) -> None:
    row["conversations"][0]["value"] += "<image>"


def missing_file(row: dict[str, Any]) -> None:
    row["images"][0] = "images/none.png"


def rename_arguments(row: dict[str, Any]) -> None:
    turn = next(turn for turn in row["conversations"] if turn["from"] == "function_call")
    turn["value"] = turn["value"].replace('"arguments"', '"parameters"')


def break_json(row: dict[str, Any]) -> None:
    turn = next(turn for turn in row["conversations"] if turn["from"] == "function_call")
    turn["value"] = turn["value"][:-1]


def structured_tools(row: dict[str, Any]) -> None:
    row["tools"] = json.loads(row["tools"])


@pytest.mark.parametrize(
    "mutate",
    [drop_last, swap, lose_image, extra_mark, missing_file, rename_arguments, break_json, structured_tools],
)
def test_the_rules_refuse_what_is_wrong(
    native: dict[str, list[Trajectory]], mutate: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    EXPORTS.load("llamafactory-calls")([t for t in native["hermes"] if t.calls], tmp_path)
    entry, rows = load(tmp_path)
    row = deepcopy(rows[0])
    check(entry, row, tmp_path)
    mutate(row)
    with pytest.raises((AssertionError, KeyError, ValueError)):
        check(entry, row, tmp_path)


@pytest.mark.parametrize("mark", ["<image>", "<video>", "<audio>"])
def test_a_text_that_holds_a_placeholder_is_refused(episodes: list[Trajectory], mark: str, tmp_path: Path) -> None:
    system, user, *rest = episodes[0].messages
    spoilt = replace(user, content=(*user.content, TextBlock(f"See {mark}.")))
    messages: tuple[Message, ...] = (system, spoilt, *rest)
    for name in ("llamafactory", "verl"):
        with pytest.raises(UsageError, match=f"holds the text `{mark}`"):
            EXPORTS.load(name)([replace(episodes[0], messages=messages)], tmp_path)
    assert not (tmp_path / "data.jsonl").exists()


def test_each_form_is_for_its_dialects(
    episodes: list[Trajectory], native: dict[str, list[Trajectory]], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"is for the dialects hermes and openai.*in `adareasoner`"):
        EXPORTS.load("llamafactory-calls")(episodes, tmp_path)
    with pytest.raises(UsageError, match="Export `llamafactory-calls`"):
        EXPORTS.load("llamafactory")(native["openai"], tmp_path)
    EXPORTS.load("llamafactory")(native["hermes"], tmp_path)
    entry, rows = load(tmp_path)
    for row in rows:
        check(entry, row, tmp_path)
        assert {turn["from"] for turn in row["conversations"][2::2]} <= {"observation"}
