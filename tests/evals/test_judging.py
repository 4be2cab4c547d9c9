"""Judges: what is asked at all, what counts as a verdict, what is kept, and the figures."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from adagym.agents.endpoint import Completion, ContextOverflow, Hostile, Refused, Retryable
from adagym.errors import DataError, UsageError
from adagym.evals.judges.asking import AGAIN, OUTAGE
from adagym.evals.judges.cache import Verdict, VerdictCache, default_folder
from adagym.evals.judges.config import JudgeConfig
from adagym.evals.judges.figures import agreement
from adagym.evals.judges.prompts import PROMPTS
from adagym.evals.judging import Judged, judge
from adagym.store import Store
from adagym.types import AnswerType, Outcome, ParsedAction, Step, Task, Trajectory

EQUIVALENCE, ADAREASONER = PROMPTS["equivalence"], PROMPTS["adareasoner"]
SPEC = "openai:m@http://localhost:1/v1"
YES, NO = "The same.\nVerdict: 1", "Another.\nVerdict: 0"


class Scripted:
    """An endpoint that answers what a function of the user's message says, and remembers what it was asked."""

    def __init__(self, reply: Callable[[str], str | Exception] = lambda text: YES) -> None:
        self.reply = reply
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.closed = False
        self._lock = threading.Lock()

    def chat(self, messages: Sequence[Mapping[str, Any]], **fields: Any) -> Completion:
        with self._lock:
            self.asked.append((messages[-1]["content"], fields))
        reply = self.reply(messages[-1]["content"])
        if isinstance(reply, Exception):
            raise reply
        return Completion(reply, finish_reason="stop")

    def close(self) -> None:
        self.closed = True


def task(name: str, reference: str, kind: AnswerType = "text", **more: Any) -> Task:
    return Task(f"made/{name}", "f", f"What is {name}?", answer=reference, answer_type=kind, **more)


def episode(asked: Task, answer: str | None, outcome: Outcome = "answered", seed: int = 0) -> Trajectory:
    step = Step(answer or "", ParsedAction(answer or "", answer=answer), None, {"text": "", "images": ()})
    return Trajectory("e", {}, asked, seed, "adareasoner", (), (step,), outcome)


def run_folder(folder: Path, *episodes: Trajectory) -> Path:
    with Store(folder / "episodes.jsonl") as store:
        for item in episodes:
            store.append(item)
    (folder / "summary.json").write_text(json.dumps({"accuracy": 0.5, "versions": {"a": "1"}}))
    return folder


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Six episodes: accepted, refused for sure, two open ones, one without an answer, and a void one."""
    return run_folder(
        tmp_path / "run",
        episode(task("sky", "blue"), "It is blue.\nThe answer is blue."),
        episode(task("count", "4", "number"), "5"),
        episode(task("bus", "motor coach"), "a bus"),
        episode(task("cat", "tabby"), "a dog"),
        episode(task("sea", "deep"), None, "truncated"),
        episode(task("void", "x"), None, "infra_failure"),
    )


def run(folder: Path, chat: Scripted, **options: Any) -> Judged:
    options = {"cache": folder.parent / "cache", **options}
    return judge(folder, JudgeConfig(SPEC, **options), chat=chat)


def lines(folder: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "judgements.jsonl").read_text().splitlines()]
    return {line["key"][0].removeprefix("made/"): line for line in found}


def right_about_buses(text: str) -> str:
    return YES if "a bus" in text else NO


def test_only_open_answers_are_asked_about(mixed: Path) -> None:
    chat = Scripted(right_about_buses)
    figures = run(mixed, chat).figures
    assert sorted(re.findall(r"What is (\w+)", " ".join(text for text, _ in chat.asked))) == ["bus", "cat"]
    assert chat.closed
    found = lines(mixed)
    assert {name: (line["verdict"], line["by"]) for name, line in found.items()} == {
        "bus": (1, "judge"),
        "cat": (0, "judge"),
        "count": (0, "rule"),
        "sea": (0, "rule"),
        "sky": (1, "rule"),
    }
    assert found["bus"]["reason"] == "The same."
    assert found["sea"]["reason"] == "no answer"
    assert figures["n"] == 5
    assert figures["judge_accuracy"] == 0.4
    # Wilson, 2 of 5: centre 0.443448, half 0.325787
    assert figures["judge_accuracy_ci95"] == pytest.approx([0.117621, 0.769280], abs=1e-4)
    assert (figures["by_rule"], figures["by_judge"], figures["judge_failures"]) == (3, 2, 0)
    assert figures["rule_judge_agreement"] is None
    assert figures["by_group"]["made"] == {
        "n": 5,
        **{key: figures[key] for key in ("judge_accuracy", "judge_accuracy_ci95")},
    }


def test_figures_join_the_summary(mixed: Path) -> None:
    before = {path.name: path.read_bytes() for path in mixed.iterdir() if path.is_file()}
    figures = run(mixed, Scripted(right_about_buses)).figures
    summary = json.loads((mixed / "summary.json").read_text())
    assert summary.pop("judge") == figures
    assert summary == json.loads(before["summary.json"])
    assert (mixed / "episodes.jsonl").read_bytes() == before["episodes.jsonl"]


def test_all_lets_the_judge_decide(mixed: Path) -> None:
    judged = run(mixed, Scripted(right_about_buses), all=True)
    assert {name: line["verdict"] for name, line in lines(mixed).items()} == {
        "bus": 1,
        "cat": 0,
        "count": 0,
        "sea": 0,
        "sky": 0,
    }
    assert judged.figures["rule_judge_counts"] == {"both_right": 0, "rule_only": 1, "judge_only": 1, "both_wrong": 2}
    assert judged.figures["rule_judge_agreement"] == 0.5
    assert [item.task for item in judged.disagreements] == ["made/bus", "made/sky"]


def test_an_audit_measures_and_leaves_settled_verdicts(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *(episode(task(f"t{n}", str(n), "number"), str(n)) for n in range(20)))
    chat = Scripted(lambda text: NO if "What is t1" in text else YES)
    figures = run(folder, chat, audit=8).figures
    assert len(chat.asked) == 8
    assert figures["by_rule"] == 20
    assert figures["judge_accuracy"] == 1.0
    counts = figures["rule_judge_counts"]
    assert sum(counts.values()) == 8
    assert counts["rule_only"] == sum("What is t1" in text for text, _ in chat.asked) > 0
    again = Scripted()
    run(folder, again, audit=8)
    assert again.asked == []
    run(folder, again, audit=8, seed=1)
    assert {text.split("?")[0].split()[-1] for text, _ in again.asked} != {
        text.split("?")[0].split()[-1] for text, _ in chat.asked
    }


def test_agreement_by_hand() -> None:
    # Cohen's kappa of [[20, 5], [10, 15]]: agreement 0.7, by chance 0.5.
    pairs = [(1.0, 1)] * 20 + [(1.0, 0)] * 5 + [(0.5, 1)] * 10 + [(0.0, 0)] * 15 + [(None, 1), (1.0, None)]
    figures = agreement(pairs)
    assert figures["rule_judge_counts"] == {"both_right": 20, "rule_only": 5, "judge_only": 10, "both_wrong": 15}
    assert figures["rule_judge_agreement"] == 0.7
    assert figures["rule_judge_kappa"] == pytest.approx(0.4)
    assert agreement([(1.0, 1)])["rule_judge_kappa"] is None


def test_a_reply_that_is_no_verdict_is_asked_for_again_with_another_seed(mixed: Path) -> None:
    replies = iter(["Verdict: 10", "sure", Hostile("bad_json", "x"), YES])
    chat = Scripted(lambda text: NO if "cat" in text else next(replies))
    figures = run(mixed, chat, workers=1, retries=3, seed=7).figures
    about_bus = [fields for text, fields in chat.asked if "bus" in text]
    assert [fields["seed"] for fields in about_bus] == [7, 8, 9, 10]
    assert [fields["temperature"] for fields in about_bus] == [0.0, AGAIN, AGAIN, AGAIN]
    assert figures["judge_failures"] == 0
    assert figures["requests"] == 5


@pytest.mark.parametrize(
    ("reply", "requests"),
    [
        ("Verdict: 10", 3),
        (ContextOverflow("context", "too long"), 1),
        (Refused("http_400", "flagged", 400), 1),
        (Retryable("timeout", "slow"), 1),
    ],
)
def test_a_judge_failure_is_not_a_wrong_answer(mixed: Path, reply: str | Exception, requests: int) -> None:
    chat = Scripted(lambda text: NO if "cat" in text else reply)
    figures = run(mixed, chat, retries=2).figures
    assert figures["requests"] == 1 + requests
    assert figures["judge_failures"] == 1
    assert figures["judge_accuracy"] == 0.25
    line = lines(mixed)["bus"]
    assert (line["verdict"], line["by"], line["failed"]) == (None, None, True)
    # It is asked about again by the next run, and only it.
    assert run(mixed, Scripted()).figures["requests"] == 1
    assert lines(mixed)["bus"]["verdict"] == 1


def test_verdicts_are_shared_between_runs_and_depend_on_what_was_asked(mixed: Path, tmp_path: Path) -> None:
    run(mixed, Scripted(right_about_buses))
    other = run_folder(tmp_path / "other", episode(task("bus", "motor coach"), "a bus", seed=9))
    chat = Scripted()
    assert run(other, chat).figures["from_cache"] == 1
    assert chat.asked == []
    assert lines(other)["bus"]["cached"] is True
    assert lines(other)["bus"]["reason"] == "The same."
    run(other, chat, max_tokens=9)
    judge(other, JudgeConfig("openai:n@http://localhost:1/v1", cache=tmp_path / "cache"), chat=chat)
    chat.reply = lambda text: "Judgement: 0"
    run(other, chat, prompt="adareasoner")
    assert len(chat.asked) == 3
    assert lines(other)["bus"]["verdict"] == 0


def test_the_same_answer_is_asked_about_once(tmp_path: Path) -> None:
    same = [episode(task("bus", "motor coach"), "a bus", seed=seed) for seed in range(5)]
    folder = run_folder(tmp_path / "run", *same, same[0])
    chat = Scripted()
    figures = run(folder, chat).figures
    assert len(chat.asked) == 1
    assert (figures["n"], figures["by_judge"]) == (5, 5)


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *(episode(task(f"t{n}", "r"), "a") for n in range(12)))

    class Killed(BaseException):
        pass

    seen: list[Any] = []

    def kill(item: Any, total: int) -> None:
        seen.append(item)
        if len(seen) == 4:
            raise Killed

    config = JudgeConfig(SPEC, cache=tmp_path / "cache", workers=1)
    chat = Scripted()
    with pytest.raises(Killed):
        judge(folder, config, chat=chat, on_reply=kill)
    assert chat.closed
    assert not (folder / "judgements.jsonl").exists()
    assert 4 <= len(chat.asked) <= 12
    rest = Scripted()
    judge(folder, config, chat=rest)
    whole = run_folder(tmp_path / "whole", *(episode(task(f"t{n}", "r"), "a") for n in range(12)))
    judge(whole, JudgeConfig(SPEC, cache=tmp_path / "new"), chat=Scripted())
    kept = {name: {**line, "cached": None} for name, line in lines(folder).items()}
    assert kept == {name: {**line, "cached": None} for name, line in lines(whole).items()}


def test_a_budget_leaves_the_rest_for_later(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *(episode(task(f"t{n}", "r"), "a") for n in range(10)))
    chat = Scripted()
    figures = run(folder, chat, budget=4).figures
    assert len(chat.asked) == figures["requests"] == 4
    assert (figures["not_asked"], figures["judge_failures"], figures["by_judge"]) == (6, 0, 4)
    assert run(folder, chat, budget=0).figures["from_cache"] == 4
    assert run(folder, chat).figures["by_judge"] == 10
    assert len(chat.asked) == 10


def test_an_outage_ends_the_run(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *(episode(task(f"t{n}", "r"), "a") for n in range(100)))
    chat = Scripted(lambda text: Retryable("connect", "nobody there"))
    with pytest.raises(UsageError, match=r"unanswered.*nobody there"):
        run(folder, chat, workers=1)
    assert len(chat.asked) == OUTAGE
    short = run_folder(tmp_path / "short", episode(task("t", "r"), "a"))
    with pytest.raises(UsageError, match="answered none of 1 requests"):
        run(short, Scripted(lambda text: Refused("http_401", "wrong key", 401)))


def test_answers_that_are_refused_for_what_is_in_them_are_no_outage(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *(episode(task(f"t{n:02}", "r"), "a") for n in range(30)))
    chat = Scripted(lambda text: YES if "t00" in text else Refused("http_400", "flagged", 400))
    figures = run(folder, chat, workers=1).figures
    assert (figures["by_judge"], figures["judge_failures"]) == (1, 29)


def test_a_task_without_a_reference_has_no_verdict(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", episode(task("t", ""), "a"))
    figures = run(folder, Scripted(), all=True).figures
    assert (figures["without_reference"], figures["judge_accuracy"], figures["requests"]) == (1, None, 0)


def test_a_damaged_cache_file_is_asked_for_again(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path)
    cache.put("ab12", Verdict(1, "why"))
    assert cache.get("ab12") == Verdict(1, "why")
    (path,) = tmp_path.rglob("*.json")
    for content in ("", '{"value": true, "reason": ""}', '{"value": 2, "reason": ""}', '{"value": 1}', "[]", "\xff"):
        path.write_bytes(content.encode("latin-1"))
        assert cache.get("ab12") is None
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another cache"):
        VerdictCache(tmp_path / "file").put("ab12", Verdict(1))


def test_the_default_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "adagym" / "verdicts"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"judge": "gpt"}, "openai:MODEL@URL"),
        ({"judge": "openai:@http://x"}, "openai:MODEL@URL"),
        ({"prompt": "kind"}, "equivalence"),
        ({"workers": 0}, "workers is 0"),
        ({"budget": -1}, "budget is -1"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        JudgeConfig(**{"judge": SPEC, **options})


def test_a_folder_that_cannot_be_judged(tmp_path: Path, mixed: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no episodes\.jsonl"):
        run(tmp_path, Scripted())
    (mixed / "summary.json").write_text("[1]")
    chat = Scripted()
    with pytest.raises(DataError, match="no JSON object"):
        run(mixed, chat)
    assert chat.asked == []
    (mixed / "summary.json").unlink()
    assert run(mixed, chat).figures["by_judge"] == 2
    assert not (mixed / "summary.json").exists()
