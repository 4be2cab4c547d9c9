from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adagym.agents import Agent, Reply
from adagym.agents.base import Usage
from adagym.agents.scripted import ExpertAgent
from adagym.errors import UsageError
from adagym.evals.budget import Budget, Limits
from adagym.evals.runner import EvalConfig, evaluate
from adagym.evals.usage import EpisodeUsage, Prices, append_usage, read_usage, usage_figures
from adagym.store import read_trajectories

CONFIG = EvalConfig("adagym/VSPNavigation-v0", "expert", "vsp-generated:sides=3,seed=3,n=6")


class Metered(ExpertAgent):
    """Says that every turn took 100 tokens, 10 tokens and half a second; breaks as often as it is told."""

    def __init__(self, breaks: int = 0) -> None:
        super().__init__()
        self.breaks = breaks

    def poll(self) -> list[Reply]:
        replies = [replace(reply, usage=Usage(100, 10, 0.5, retries=1)) for reply in super().poll()]
        if self.breaks and replies:
            self.breaks -= 1
            replies[0] = Reply(replies[0].key, error="down: nobody answers", usage=Usage(None, None, 2.0))
        return replies


def test_usage_is_kept_and_summarised(tmp_path: Path) -> None:
    budget = Budget(prices=Prices(3.0, 15.0))
    summary = evaluate(CONFIG, tmp_path, agent=Metered(), budget=budget)
    turns = sum(len(trajectory.steps) for trajectory in read_trajectories(tmp_path / "episodes.jsonl"))
    usage = summary["usage"]
    assert (usage["episodes"], usage["prompt_tokens"], usage["completion_tokens"]) == (6, 100 * turns, 10 * turns)
    assert usage["cost"] == pytest.approx((300 * turns + 150 * turns) / 1e6)
    assert (usage["latency_p50"], usage["latency_p95"], usage["request_retries"]) == (0.5, 0.5, turns)
    assert len(read_usage(tmp_path / "usage.jsonl")) == 6


def test_broken_episodes_are_played_again_within_the_run(tmp_path: Path) -> None:
    summary = evaluate(CONFIG, tmp_path, agent=Metered(breaks=3), n_envs=1)
    assert (summary["infra_failures"], summary["retried"], summary["accuracy"]) == (0, 3, 1.0)
    assert len(list(read_trajectories(tmp_path / "episodes.jsonl"))) == 6
    retried = [usage for usage in read_usage(tmp_path / "usage.jsonl").values() if usage.retries]
    assert [usage.errors for usage in retried] == [("down: nobody answers",)] * 3
    assert 2.0 in retried[0].seconds


def test_what_stays_broken_is_a_failure(tmp_path: Path) -> None:
    summary = evaluate(replace(CONFIG, n=1), tmp_path, agent=Metered(breaks=3), retries=2)
    assert (summary["infra_failures"], summary["retried"], summary["accuracy"]) == (1, 1, None)
    assert summary["infra_kinds"] == {"down": 1}
    (usage,) = read_usage(tmp_path / "usage.jsonl").values()
    assert (usage.retries, len(usage.errors)) == (2, 3)


@pytest.mark.parametrize(
    ("limits", "reason"), [(Limits(tokens=500), "max_tokens"), (Limits(cost=0.0015), "max_cost")], ids=str
)
def test_a_budget_stops_before_the_next_episode_and_resume_goes_on(limits: Limits, reason: str, tmp_path: Path) -> None:
    whole = evaluate(CONFIG, tmp_path / "whole", agent=Metered())
    prices = Prices(3.0, 15.0)
    stopped = evaluate(CONFIG, tmp_path / "run", agent=Metered(), n_envs=1, budget=Budget(limits, prices))
    assert stopped["stopped_by"] == reason
    assert 1 <= stopped["n"] < 6 == stopped["planned"]
    counts = [stopped["n"]]
    while counts[-1] < 6:
        budget = Budget(limits, prices)
        summary = evaluate(CONFIG, tmp_path / "run", agent=Metered(), resume=True, n_envs=1, budget=budget)
        counts.append(summary["n"])
        assert counts[-1] > counts[-2]  # every call goes on
    assert summary["stopped_by"] is None
    assert summary["accuracy"] == whole["accuracy"]
    assert {**summary["usage"], "cost": None} == whole["usage"]


def test_minutes_are_counted_from_the_start(tmp_path: Path) -> None:
    ticks = iter(range(0, 10_000, 30))
    budget = Budget(Limits(minutes=2), clock=lambda: float(next(ticks)))
    summary = evaluate(CONFIG, tmp_path, agent=ExpertAgent(), n_envs=1, budget=budget)
    assert (summary["stopped_by"], summary["n"]) == ("max_minutes", 3)


def test_a_budget_that_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not say how many tokens"):
        evaluate(CONFIG, tmp_path, agent=ExpertAgent(), budget=Budget(Limits(tokens=5)))
    with pytest.raises(UsageError, match="--price-in"):
        Budget(Limits(cost=1))
    with pytest.raises(UsageError, match="max-minutes is 0"):
        Budget(Limits(minutes=0))
    with pytest.raises(UsageError, match="at least 0"):
        Prices(-1, 0)


def test_the_last_line_of_an_episode_counts_and_a_torn_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    append_usage(path, EpisodeUsage("a", 1, 5, 5))
    append_usage(path, EpisodeUsage("a", 1, 7, 7, (0.5,), 1, ("e",), True))
    with path.open("ab") as file:
        file.write(json.dumps({"id": "b", "seed": 1}).encode())
    assert read_usage(path) == {("a", 1): EpisodeUsage("a", 1, 7, 7, (0.5,), 1, ("e",), True)}


def test_nothing_known_gives_none() -> None:
    figures = usage_figures([EpisodeUsage("a", 1)], Prices(1, 1))
    assert (figures["prompt_tokens"], figures["latency_p50"], figures["cost"]) == (None, None, None)


def test_agents_may_be_given(tmp_path: Path) -> None:
    class Once(ExpertAgent):
        closed = False

        def close(self) -> None:
            self.closed = True

    agent: Agent = Once()
    evaluate(replace(CONFIG, n=1), tmp_path, agent=agent)
    assert agent.closed is False
