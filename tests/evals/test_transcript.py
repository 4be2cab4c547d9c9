"""Transcripts are self-contained and show text as text."""

from __future__ import annotations

from pathlib import Path

from adagym.envs.vsp_navigation import VSPNavigation
from adagym.evals.transcript import write_transcript
from adagym.protocol import DIALECTS
from adagym.types import ToolCall


def test_a_page_holds_every_turn_and_picture_and_no_markup_of_the_agent(tmp_path: Path) -> None:
    env = VSPNavigation("vsp-generated:sides=3,n=1")
    env.reset(seed=0)
    call = ToolCall("Point", {"image": "img_1", "description": "Elf"})
    env.step(DIALECTS.load("adareasoner").write_call(call, "Look."))
    env.step("<think>x</think><response><script>alert(1)</script></response>")
    write_transcript(env.trajectory(), tmp_path / "new" / "page.html")
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert page.count("<article") == 5  # system, task, call, result, answer
    assert page.count("data:image/png;base64,") == 2
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http" not in page
