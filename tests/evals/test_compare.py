from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adagym.cli import main
from adagym.errors import DataError, UsageError
from adagym.evals.adaptivity import adaptivity, by_task
from adagym.evals.compare import comparable, paired, read_summary
from adagym.evals.summary import EpisodeFacts

BASE = EpisodeFacts("s", False, 1.0, 1.0, 1, 1, (), 0)


def run(rights: dict[str, float], called: str = "") -> list[EpisodeFacts]:
    """One episode per task; those whose letter is in ``called`` called a tool."""
    return [
        replace(BASE, id=task, right=right, calls=("Point",) if task in called else ())
        for task, right in rights.items()
    ]


def test_pairs_by_hand() -> None:
    first = run({"a": 1, "b": 1, "c": 0, "d": 0, "only": 1})
    second = run({"a": 1, "b": 0, "c": 1, "d": 1, "other": 0})
    result = paired(first, second)
    assert result is not None
    assert (result.tasks, result.first, result.second, result.difference) == (4, 0.5, 0.75, 0.25)
    assert (result.only_first, result.only_second) == (1, 2)
    assert result.p == 1.0  # 2 * (1 + 3) / 8
    assert result.interval is not None
    assert result.interval[0] < 0 < result.interval[1]
    assert paired(first, run({"other": 1})) is None


def test_graded_or_repeated_answers_have_no_exact_test() -> None:
    graded = paired(run({"a": 0.5, "b": 1}), run({"a": 1, "b": 1}))
    assert graded is not None
    assert graded.p is None
    repeated = paired([*run({"a": 1}), *run({"a": 0})], run({"a": 1}))
    assert repeated is not None
    assert (repeated.first, repeated.p, repeated.interval) == (0.5, None, None)


def test_failed_episodes_are_in_no_pair() -> None:
    assert paired([replace(BASE, id="a", failed=True, right=None)], run({"a": 1})) is None


SUMMARY = {
    "config": {"env": "e", "tasks": "t", "n": 3, "repeats": 1, "protocol": None, "env_kwargs": {"tools": ["Crop"]}},
    "hashes": {"system_prompt": "p" * 32, "tools": "q" * 32, "tasks": "r" * 32},
    "versions": {"adagym": "1", "numpy": "2", "torch": "3"},
    "stopped_by": None,
    "infra_failures": 0,
}


@pytest.mark.parametrize(
    ("part", "changes", "reason"),
    [
        ("config", {"tasks": None}, "`tasks` is t in one and the default in the other"),
        ("config", {"protocol": "direct"}, "`protocol` is the default in one and direct in the other"),
        ("config", {"env_kwargs": {"tools": []}}, "`tools` is Crop in one and none in the other"),
        ("hashes", {"tasks": "x" * 32}, r"the tasks differ \(tasks rrrrrrrr and xxxxxxxx\)"),
        ("hashes", {"tools": None}, "an older version"),
        ("versions", {"numpy": "3"}, "numpy is 2 in one and 3 in the other"),
        (None, {"stopped_by": "max_cost"}, "The second run is not finished: it was stopped by max_cost"),
        (None, {"infra_failures": 2}, "The second run has 2 infrastructure failures"),
    ],
)
def test_what_makes_runs_differ_is_named(part: str | None, changes: dict[str, object], reason: str) -> None:
    assert comparable(SUMMARY, SUMMARY) == []
    changed = {**SUMMARY, **changes} if part is None else {**SUMMARY, part: {**SUMMARY[part], **changes}}
    (said,) = comparable(SUMMARY, changed)
    with pytest.raises(ValueError, match=reason):
        raise ValueError(said)


def test_agents_and_versions_of_models_may_differ() -> None:
    other = {**SUMMARY, "versions": {**SUMMARY["versions"], "torch": "4"}}
    other["config"] = {**SUMMARY["config"], "agent": "other", "seed": 9}
    assert comparable(SUMMARY, other) == []


def test_adaptivity_by_hand() -> None:
    # a: right without, called all the same. b: right without, none called. c: helped, called. d: helped, none called.
    offered = run({"a": 1, "b": 1, "c": 1, "d": 1, "e": 0}, called="ace")
    bare = run({"a": 1, "b": 1, "c": 0, "d": 0, "e": 0})
    figures = adaptivity(by_task(offered, bare))
    assert figures == {
        "tasks": 5,
        "accuracy_with": 0.8,
        "accuracy_without": 0.4,
        "tool_benefit": 0.4,
        "helped": 0.4,
        "hurt": 0.0,
        "called": 0.6,
        "over_use": 0.5,
        "under_use": 0.5,
    }
    nothing = adaptivity(by_task(run({"a": 0}), run({"a": 0})))
    assert (nothing["over_use"], nothing["under_use"]) == (None, None)
    with pytest.raises(UsageError, match="in common"):
        adaptivity([])


def test_the_command_compares_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    asked = ["eval", "adagym/VSPNavigation-v0", "--tasks", "vsp-generated:sides=4,seed=3,n=6"]
    expert, bare = tmp_path / "expert", tmp_path / "bare"
    assert main([*asked, "--agent", "expert", "--out", str(expert)]) == 0
    assert main([*asked, "--agent", "random", "--tools", "none", "--max-turns", "1", "--out", str(bare)]) == 0
    capsys.readouterr()
    assert main(["compare", str(bare), str(expert)]) == 0
    shown = capsys.readouterr().out
    assert "Not the same: `tools` is none in one and the default in the other." in shown
    assert "Not the same: the tools' schemas differ" in shown
    assert "accuracy of the second" in shown
    assert main(["compare", str(expert), str(bare), "--adaptivity"]) == 0
    assert "under_use" in capsys.readouterr().out
    (expert / "summary.json").unlink()
    assert read_summary(expert)["config"]["agent"] == "expert"
    assert main(["compare", str(expert), str(expert)]) == 0
    assert "it was stopped by a kill" in capsys.readouterr().out


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json cannot be read"):
        read_summary(tmp_path)
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
