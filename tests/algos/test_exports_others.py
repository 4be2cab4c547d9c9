"""The exports for TRL and verl, and adagym's own."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from adagym.algos.curate import CurationConfig, curate
from adagym.algos.exports import EXPORTS
from adagym.errors import MissingExtra, UsageError
from adagym.store import dump, read_trajectories
from adagym.types import Array, ImageBlock, Trajectory

MIX = {"direct": 1.0, "fallback": 1.0, "toolless": 1.0}


@pytest.fixture(scope="module")
def episodes() -> list[Trajectory]:
    envs = ("adagym/VSPNavigation-v0", "adagym/VSPVerification-v0")
    return [t for env in envs for t in curate(CurationConfig(env, mix=MIX, n=3)).trajectories]


def pictures(trajectory: Trajectory) -> list[Array]:
    return [block.image for m in trajectory.messages for block in m.content if isinstance(block, ImageBlock)]


def same(encoded: list[bytes], trajectory: Trajectory) -> bool:
    decoded = [np.array(Image.open(io.BytesIO(data))) for data in encoded]
    return all(np.array_equal(one, other) for one, other in zip(decoded, pictures(trajectory), strict=True))


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def check_typed(row: dict[str, Any], trajectory: Trajectory) -> None:
    roles = [message["role"] for message in row["messages"]]
    assert roles == [message.role for message in trajectory.messages]
    parts = [part for message in row["messages"] for part in message["content"]]
    assert sum(part["type"] == "image" for part in parts) == len(row["images"]) == len(pictures(trajectory))
    written = ["".join(p["text"] for p in m["content"] if p["type"] == "text") for m in row["messages"]]
    assert written == [message.text for message in trajectory.messages]


def test_adagym_reads_back_its_own(episodes: list[Trajectory], tmp_path: Path) -> None:
    for _ in range(2):
        path = EXPORTS.load("adagym")(episodes, tmp_path)
        assert [dump(t) for t in read_trajectories(path)] == [dump(t) for t in episodes]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["episodes.jsonl", "images"]


def test_trl_lines(episodes: list[Trajectory], tmp_path: Path) -> None:
    path = EXPORTS.load("trl")(episodes, tmp_path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row, trajectory in zip(rows, episodes, strict=True):
        check_typed(row, trajectory)
        assert same([(tmp_path / name).read_bytes() for name in row["images"]], trajectory)


def test_trl_parquet(episodes: list[Trajectory], tmp_path: Path) -> None:
    path = EXPORTS.load("trl-parquet")(episodes, tmp_path)
    for row, trajectory in zip(rows_of(path), episodes, strict=True):
        check_typed(row, trajectory)
        assert same([image["bytes"] for image in row["images"]], trajectory)
    told = json.loads(parquet.read_schema(path).metadata[b"huggingface"])["info"]["features"]
    assert told["images"] == {"feature": {"_type": "Image"}, "_type": "List"}


def test_verl_conversations(episodes: list[Trajectory], tmp_path: Path) -> None:
    path = EXPORTS.load("verl")(episodes, tmp_path)
    for row, trajectory in zip(rows_of(path), episodes, strict=True):
        assert set(row) == {"messages", "images"}
        assert all(set(image) == {"bytes"} for image in row["images"])
        assert same([image["bytes"] for image in row["images"]], trajectory)
        assert "".join(m["content"] for m in row["messages"]).count("<image>") == len(row["images"])
        assert [m["content"] for m in row["messages"] if m["role"] == "assistant"] == list(trajectory.actions)


def test_verl_prompts(episodes: list[Trajectory], tmp_path: Path) -> None:
    EXPORTS.load("verl")([*episodes, episodes[0]], tmp_path)
    rows = rows_of(tmp_path / "rl.parquet")
    assert len(rows) == len(episodes)
    for index, (row, trajectory) in enumerate(zip(rows, episodes, strict=True)):
        assert [message["role"] for message in row["prompt"]] == ["system", "user"]
        assert row["prompt"][1]["content"] == f"<image>{trajectory.task.prompt}"
        assert len(row["images"]) == 1
        assert row["data_source"] == trajectory.task.family
        assert row["reward_model"]["style"] == "rule"
        assert row["extra_info"]["index"] == index
        truth = row["reward_model"]["ground_truth"]
        if trajectory.task.family == "vsp_verification":
            assert truth == trajectory.task.answer
        else:
            assert json.loads(truth)["rows"] == trajectory.task.meta["rows"]


def test_nothing_to_write_gives_empty_files(tmp_path: Path) -> None:
    for name in EXPORTS.names():
        assert EXPORTS.load(name)([], tmp_path / name).exists()
    assert rows_of(tmp_path / "verl" / "rl.parquet") == []


@pytest.mark.parametrize(
    ("dialect", "name", "message"),
    [
        ("openai", "trl", "which `trl` cannot train on"),
        ("openai", "verl", "which `verl` cannot train on"),
        ("hermes", "trl", "pictures stand in tool messages"),
    ],
)
def test_what_a_trainer_could_not_read_is_refused(dialect: str, name: str, message: str, tmp_path: Path) -> None:
    made = curate(CurationConfig("adagym/VSPVerification-v0", mix={"direct": 1}, n=1, dialect=dialect))
    with pytest.raises(UsageError, match=message):
        EXPORTS.load(name)(made.trajectories, tmp_path)


def test_without_pyarrow_the_extra_is_named(
    episodes: list[Trajectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"adagym\[export\]"):
        EXPORTS.load("verl")(episodes, tmp_path)
