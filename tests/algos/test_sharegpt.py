"""ShareGPT conversations: what our exporter writes is read back, and what others write can be learnt from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adagym.agents.scripted import ExpertAgent
from adagym.algos.coldstart import demonstrations
from adagym.algos.exports.llamafactory import write, write_calls
from adagym.algos.sft import tokenise
from adagym.algos.sharegpt import ShareGPT, holds_conversations
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import DataError, UsageError
from adagym.policies.tiny import load_tiny
from adagym.protocol import DIALECTS
from adagym.types import Trajectory


def episodes(dialect: str) -> list[Trajectory]:
    return demonstrations(
        lambda: VSPNavigation("vsp-generated:sides=3,n=2", dialect=dialect), ExpertAgent(), count=2, seed=0
    )


@pytest.mark.parametrize("dialect", ["adareasoner", "adatooler", "hermes"])
def test_the_exporters_rows_come_back_token_by_token(dialect: str, tmp_path: Path) -> None:
    shown = episodes(dialect)
    assert any(step.result and step.result.images for step in shown[0].steps)
    write(shown, tmp_path)
    read = ShareGPT(tmp_path, dialect)
    assert len(read) == 2
    encoder, stop = load_tiny().encoder, DIALECTS.load(dialect).stop
    for trajectory, conversation in zip(shown, read, strict=True):
        assert [message.role for message in conversation.messages] == [message.role for message in trajectory.messages]
        ours, theirs = (tokenise(encoder, item.messages, stop) for item in (conversation, trajectory))
        assert ours.ids.tolist() == theirs.ids.tolist()
        assert ours.sampled.tolist() == theirs.sampled.tolist()
        assert all(np.array_equal(a, b) for a, b in zip(ours.images, theirs.images, strict=True))


def test_calls_as_turns_of_their_own_come_back_too(tmp_path: Path) -> None:
    shown = episodes("hermes")
    write_calls(shown, tmp_path)
    conversation, trajectory = ShareGPT(tmp_path, "hermes")[0], shown[0]
    dialect = DIALECTS.load("hermes")
    system = conversation.messages[0].text
    assert system == trajectory.messages[0].text  # the tools are explained again
    said = [dialect.parse(message.text) for message in conversation.messages if message.role == "assistant"]
    assert [(p.call, p.answer, p.think) for p in said] == [
        (step.parsed.call, step.parsed.answer, step.parsed.think) for step in trajectory.steps
    ]


def conversation(*turns: tuple[str, str], images: Any = (), **more: Any) -> dict[str, Any]:
    said = [{"from": speaker, "value": text} for speaker, text in turns]
    return {"conversations": said, "images": list(images) if isinstance(images, tuple) else images, **more}


ASKED, SAID = ("human", "<image>What is it?"), ("gpt", "<think>Red.</think><answer>A</answer>")


def test_a_conversation_of_adatooler(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "1.png")
    Image.new("RGB", (32, 32), "blue").save(tmp_path / "2.png")
    call = '<think>Closer.</think><tool_call>{"name": "crop_image", "arguments": {}}</tool_call>'
    turns = (("system", "Be brief."), ASKED, ("gpt", call), ("human", "Here: <image>"), SAID)
    (tmp_path / "sft.json").write_text(json.dumps([conversation(*turns, images=["1.png", "./2.png"])]))
    (read,) = ShareGPT(tmp_path / "sft.json", "adatooler")
    assert [message.role for message in read.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert [image.shape for message in read.messages for image in message.images] == [(64, 64, 3), (32, 32, 3)]
    assert [message.text for message in read.messages] == ["Be brief.", "What is it?", call, "Here: ", SAID[1]]
    assert holds_conversations(tmp_path / "sft.json")
    assert not holds_conversations(tmp_path)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": []}, "no list of turns `from` and `value`"),
        (conversation(("human", "a"), ("robot", "b")), "no list of turns `from` and `value`"),
        (conversation(("human", "a")), "the last turn is not the model's"),
        (conversation(("human", "a"), ("human", "b")), "turns that do not alternate"),
        (conversation(ASKED, SAID), "other than as many pictures as placeholders"),
        (conversation(("human", "a"), SAID, images="1.png"), "`images` that are not a list of paths"),
        (conversation(("human", "a"), SAID, videos=["v.mp4"]), "a video or sound"),
        (conversation(("human", "a"), ("function_call", "{}")), "a call or `tools` that are not JSON of the form"),
        (conversation(("human", "a"), SAID, tools="[1]"), "a call or `tools` that are not JSON of the form"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_counted(row: dict[str, Any], reason: str, tmp_path: Path) -> None:
    good = conversation(("human", "a"), SAID)
    path = tmp_path / "sft.jsonl"
    path.write_text("\n".join(map(json.dumps, (good, row, good))))
    read = ShareGPT(path, "adatooler")
    assert len(read) == 2
    assert dict(read.left_out) == {reason: 1}
    path.write_text(json.dumps(row))
    with pytest.raises(DataError, match="holds no conversation to learn from"):
        ShareGPT(path, "adatooler")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "sft.json").write_text(json.dumps([conversation(ASKED, SAID, images=("../1.png",))]))
    with pytest.raises(DataError, match="is not inside of"):
        ShareGPT(tmp_path / "sft.json", "adatooler")[0]
    with pytest.raises(UsageError, match="are messages of an interface"):
        ShareGPT(tmp_path / "sft.json", "openai")
    (tmp_path / "dataset_info.json").write_text('{"a": {"file_name": "a"}, "b": {"file_name": "b"}}')
    with pytest.raises(DataError, match="names 2 files; give the file itself"):
        ShareGPT(tmp_path, "adatooler")
