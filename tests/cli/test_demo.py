"""The demo's plumbing, with far too few steps to learn anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adagym.cli.demo import Demo
from adagym.errors import UsageError


def test_a_small_demo_writes_everything(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    out = tmp_path / "demo"
    demo = Demo(out, n=2, demonstrations=8, sft_steps=2, grpo_steps=2, threads=1, json=figures)
    assert demo.run() == 0
    measured = json.loads(figures.read_text())
    assert measured["success_expert"] == 1.0
    for key in ("success_random", "success_cold_start", "success_grpo"):
        assert 0.0 <= measured[key] <= 1.0
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 2
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    for name in ("cold-start", "grpo"):
        page = (out / f"transcript-{name}.html").read_text()
        assert page.count("<article") >= 3
        assert "data:image/png;base64," in page
    assert (out / "model" / "model.safetensors").is_file()


def test_bad_numbers_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        Demo(tmp_path / "demo", grpo_steps=0).run()
    assert not (tmp_path / "demo").exists()
