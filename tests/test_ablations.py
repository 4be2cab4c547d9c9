"""The re-enactments run from end to end, keep what they measured, and the docs show the figures that are kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "examples" / "ablations"
KEPT = ROOT / "docs" / "ablations"
SMALL = "--seeds 2 --n 4 --lessons 12 --sft-steps 1 --grpo-steps 1 --prompts 2 --jobs 1".split()
KEYS = {
    "stages": ("tc_tg_navigation_success", "direct_sft_verification_success"),
    "new_tool": ("rl_navigation_calls_AStar", "inference_verification_success"),
    "definitions": ("random_random_renamed_success", "fixed_fixed_unseen_success"),
    "weights": ("w01_success", "w21_calls"),
    "benefit": ("at_grpo_told_calls", "tool_grpo_untold_success", "benefit_told"),
    "mix": ("at_grpo_video_told_calls", "tc_several_untold_success"),
}


def run(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=800, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(900)  # minutes where something else is at work too
@pytest.mark.parametrize("name", KEYS)
def test_a_reenactment_runs(name: str, tmp_path: Path) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "figure.png"
    options = [*SMALL, "--work", str(tmp_path / "work"), "--json", str(figures), "--figure", str(picture)]
    run(str(FOLDER / f"{name}.py"), *options)
    found = json.loads(figures.read_text(encoding="utf-8"))
    for key in KEYS[name]:
        assert found[f"{key}_lo"] <= found[key] <= found[f"{key}_hi"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "work" / name).glob("seed-*.json"))) == 2


@pytest.mark.parametrize(("kind", "overlooked"), [("several", 1), ("video", 0)])
def test_the_mixture_can_be_played(kind: str, overlooked: int) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import common, mix; "
        "from adagym.algos.coldstart import demonstrations; "
        f"tasks = mix.tasks_of({kind!r}, 0, 16, 0.5); "
        f"origin = mix.Source(mix.ENVS[{kind!r}], {{**mix.WORLDS[{kind!r}], 'tasks': tasks}}); "
        "played = demonstrations(common.maker(origin), mix.Watcher(), 16, 0); "
        "print([[bool(t.task.meta.get('told')), len(t.calls) > 0, t.reward_parts['accuracy'] == 1] for t in played])"
    )
    outcomes = json.loads(run("-c", code).lower())
    assert len(outcomes) == 16
    assert {told for told, _, _ in outcomes} == {True, False}
    assert {called for _, called, _ in outcomes} == {True, False}
    assert all(right for told, called, right in outcomes if told and not called)
    looked = [right for _, called, right in outcomes if called]
    assert looked.count(False) == overlooked  # by Point, which finds about nine objects in ten


def test_intervals_by_hand() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(FOLDER)!r}); from common import intervals; "
        "print(intervals([{'a_success': v, 'a_calls': 10 * v} for v in (0.8, 0.9, 1.0)]))"
    )
    figures = json.loads(run("-c", code).replace("'", '"'))
    # Deviation 0.1, so the half-width is 4.303 * 0.1 / sqrt(3) = 0.2484.
    assert figures["a_success"] == pytest.approx(0.9)
    assert figures["a_success_lo"] == pytest.approx(0.6516, abs=1e-4)
    assert figures["a_success_hi"] == 1.0  # a share cannot be more
    assert figures["a_calls_hi"] == pytest.approx(11.484, abs=1e-3)


def test_the_docs_show_the_kept_figures() -> None:
    assert {path.stem for path in KEPT.glob("*.json")} <= set(KEYS)
    page = (ROOT / "docs" / "ablations.md").read_text(encoding="utf-8")
    for part in filter(None, run(str(FOLDER / "tables.py"), str(KEPT)).strip().split("\n\n")):
        assert part.partition("\n")[2] in page, part
