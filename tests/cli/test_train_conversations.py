"""``adagym train sft --data`` on conversations in ShareGPT format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adagym.cli import main

pytestmark = pytest.mark.usefixtures("by_length")


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "conversations": [
                {"from": "human", "value": "<image>Is it red or blue?"},
                {"from": "gpt", "value": f"<think>Look.</think><answer>{'red' if number % 2 else 'blue'}</answer>"},
            ],
            "images": [f"{number % 2}.png"],
        }
        for number in range(count)
    ]


def test_conversations_of_adatooler_are_learnt(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pictures").mkdir()
    for number, colour in enumerate(("blue", "red")):
        Image.new("RGB", (64, 64), colour).save(tmp_path / "pictures" / f"{number}.png")
    (tmp_path / "sft.json").write_text(json.dumps([*rows(6), {"conversations": []}]))
    out = tmp_path / "run"
    data = ("--data", str(tmp_path / "sft.json"), "--media", str(tmp_path / "pictures"), "--dialect", "adatooler")
    small = ("--steps", "16", "--batch-size", "2", "--threads", "1", "--model", f"tiny:{model}")
    assert main(["train", "sft", "adagym/ImageQA-v0", "--out", str(out), *data, *small]) == 0
    shown = capsys.readouterr().out
    assert "1 conversations left out: the last turn is not the model's" in shown
    assert "6 of 6 demonstrations to learn from" in shown
    losses = [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0]
    config = json.loads((out / "config.json").read_text())
    assert (config["data"], config["media"]) == (str(tmp_path / "sft.json"), str(tmp_path / "pictures"))


def test_missing_pictures_are_the_users_to_mend(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sft.jsonl").write_text("\n".join(map(json.dumps, rows(2))))
    options = ("--data", str(tmp_path / "sft.jsonl"), "--dialect", "adatooler", "--model", f"tiny:{model}")
    assert main(["train", "sft", "adagym/ImageQA-v0", "--out", str(tmp_path / "run"), *options, "--threads", "1"]) == 2
    assert "0.png` cannot be read: No such file" in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "run").exists()
