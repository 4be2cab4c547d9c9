from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from adagym.agents import Agent, Reply
from adagym.agents.human import HumanAgent
from adagym.agents.scripted import ExpertAgent
from adagym.cli import main
from adagym.errors import UnknownName, UsageError
from adagym.evals import runner
from adagym.evals.runner import EvalConfig, episode_seeds, evaluate
from adagym.evals.summary import EpisodeFacts
from adagym.store import read_trajectories

NAVIGATION = "adagym/VSPNavigation-v0"
TASKS = "vsp-generated:sides=4-5,split=test,seed=3,n=8"
EXPERT = EvalConfig(NAVIGATION, "expert", TASKS)


def test_seeds_depend_on_seed_and_position_alone() -> None:
    assert episode_seeds(0, 3) == episode_seeds(0, 9)[:3]
    assert len({*episode_seeds(0, 50), *episode_seeds(1, 50)}) == 100


def test_a_run_keeps_every_episode_and_summarises(tmp_path: Path) -> None:
    seen: list[tuple[EpisodeFacts, int]] = []
    summary = evaluate(EXPERT, tmp_path / "run", on_episode=lambda *episode: seen.append(episode))
    assert summary["n"] == 8
    assert summary["accuracy"] == 1.0
    assert summary["accuracy_ci95"][0] < 1.0
    assert summary["format_rate"] == 1.0
    assert summary["infra_failures"] == 0
    assert sum(group["n"] for group in summary["by_group"].values()) == 8
    assert summary["config"]["tasks"] == TASKS
    assert summary["versions"]["adagym"]
    assert [total for _, total in seen] == [8] * 8
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == json.loads(json.dumps(summary))
    saved = list(read_trajectories(tmp_path / "run" / "episodes.jsonl"))
    assert len({trajectory.task.id for trajectory in saved}) == 8
    assert {trajectory.outcome for trajectory in saved} == {"answered"}


def test_the_number_of_environments_does_not_change_the_result(tmp_path: Path) -> None:
    config = EvalConfig(NAVIGATION, "random", TASKS, n=5)
    one = evaluate(config, tmp_path / "one", n_envs=1)
    many = evaluate(config, tmp_path / "many", n_envs=4)
    assert one == many
    assert one["n"] == 5


def test_a_stopped_run_is_resumed_to_the_same_summary(tmp_path: Path) -> None:
    config = EvalConfig(NAVIGATION, "random", TASKS)
    whole = evaluate(config, tmp_path / "whole")
    stopped = tmp_path / "stopped"
    evaluate(config, stopped)
    (stopped / "summary.json").unlink()
    lines = (stopped / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    kept = b"".join(lines[:3])
    (stopped / "episodes.jsonl").write_bytes(kept + lines[3][:40])  # the fourth line is torn
    assert evaluate(config, stopped, resume=True) == whole
    content = (stopped / "episodes.jsonl").read_bytes()
    assert content.startswith(kept)
    assert content.count(b"\n") == 8


KILLS = 50
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from adagym.evals.runner import EvalConfig, evaluate

config = EvalConfig("adagym/VSPNavigation-v0", "random", "vsp-generated:sides=3,seed=3,n=160")
whole, out, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
evaluate(config, whole)
episodes, rng = out / "episodes.jsonl", random.Random(0)
size = lambda: episodes.stat().st_size if episodes.is_file() else 0
for number in range(kills):
    child = os.fork()
    if child == 0:
        evaluate(config, out, resume=True, n_envs=2)
        os._exit(0)
    before, grown = size(), rng.choice((-1, 0, 1, 3000, 6000))
    while size() <= before + grown:
        time.sleep(0.0005)
    time.sleep(rng.random() * 0.003)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, f"the run ended before kill {number}"
    assert not (out / "summary.json").exists()
evaluate(config, out, resume=True)
"""


def test_a_run_that_is_killed_fifty_times_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([sys.executable, "-c", KILLER, str(whole), str(killed), str(KILLS)], check=True, timeout=250)
    for name in ("config.json", "summary.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    for name in ("episodes.jsonl", "usage.jsonl"):
        assert sorted((killed / name).read_bytes().splitlines()) == sorted((whole / name).read_bytes().splitlines())
    pictures = [{path.name for path in (run / "images").glob("*.png")} for run in (whole, killed)]
    assert pictures[0] == pictures[1]


def test_a_run_folder_with_episodes_is_left_alone_without_resume(tmp_path: Path) -> None:
    arguments = ["eval", NAVIGATION, "--agent", "random", "--tasks", TASKS, "--out", str(tmp_path)]
    assert main(arguments) == 0
    (tmp_path / "summary.json").unlink()
    before = (tmp_path / "episodes.jsonl").read_bytes()
    assert main(arguments) == 2
    assert (tmp_path / "episodes.jsonl").read_bytes() == before
    assert main([*arguments, "--resume"]) == 0
    assert (tmp_path / "episodes.jsonl").read_bytes() == before


def test_repeats_have_seeds_of_their_own(tmp_path: Path) -> None:
    assert episode_seeds(4, 3, 0) == episode_seeds(4, 3)
    config = EvalConfig(NAVIGATION, "random", TASKS, n=3, repeats=4)
    summary = evaluate(config, tmp_path / "run")
    assert (summary["n"], summary["planned"], summary["repeats"]["k"], summary["repeats"]["tasks"]) == (12, 12, 4, 3)
    assert summary["repeats"]["avg"] == pytest.approx(summary["accuracy"])
    saved = list(read_trajectories(tmp_path / "run" / "episodes.jsonl"))
    assert len({trajectory.seed for trajectory in saved}) == 12
    assert len({trajectory.actions for trajectory in saved}) > 3  # the seeds reach the agent
    once = evaluate(replace(config, repeats=1), tmp_path / "once")
    first = {(item.task.id, item.actions) for item in read_trajectories(tmp_path / "once" / "episodes.jsonl")}
    assert once["n"] == 3
    assert first <= {(item.task.id, item.actions) for item in saved}
    with pytest.raises(UsageError, match="Repeats are at least 1"):
        evaluate(replace(config, repeats=0), tmp_path / "none")


def test_void_episodes_are_counted_apart_and_played_again_on_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Flaky(Agent):
        """Has no reply for every second conversation."""

        name = "flaky"

        def __init__(self, fails: bool) -> None:
            super().__init__()
            self.expert = ExpertAgent()
            self.fails = fails
            self.keys: list[str] = []

        def poll(self) -> list[Reply]:
            batch, self._waiting = self._waiting, []
            replies = []
            for conversation in batch:
                if conversation.key not in self.keys:
                    self.keys.append(conversation.key)
                if self.fails and self.keys.index(conversation.key) % 2:
                    replies.append(Reply(conversation.key, error="the endpoint is down"))
                else:
                    replies.append(Reply(conversation.key, self.expert.act([conversation])[0]))
            return replies

    fails = True
    monkeypatch.setattr(runner, "make_agent", lambda spec: Flaky(fails))
    first = evaluate(EXPERT, tmp_path, retries=0)
    assert (first["n"], first["infra_failures"]) == (8, 4)
    assert first["accuracy"] == 1.0  # of the four that were played
    fails = False
    again = evaluate(EXPERT, tmp_path, resume=True)
    assert (again["n"], again["infra_failures"], again["accuracy"], again["retried"]) == (8, 0, 1.0, 4)
    assert len(list(read_trajectories(tmp_path / "episodes.jsonl"))) == 8  # each once: the void ones are gone


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"env": "adagym/VSPNavigaton-v0"}, r"Did you mean `adagym/VSPNavigation-v0`\?"),
        ({"agent": "exprt"}, r"Did you mean `expert`\?"),
        ({"agent": "random:file"}, "`random` takes no argument"),
        ({"agent": "replay:"}, "ends in a colon"),
        ({"agent": "replay"}, "replay:FILE"),
        ({"agent": "replay:missing.jsonl"}, r"missing\.jsonl"),
        ({"tasks": "vsp-genrated"}, r"Did you mean `vsp-generated`\?"),
        ({"tasks": "vsp:missing_folder"}, "missing_folder"),
        ({"n": 9}, "has 8 tasks, and n is 9"),
        ({"n": 0}, "n is 0"),
        ({"env_kwargs": {"dialect": "adareasner"}}, r"Did you mean `adareasoner`\?"),
        ({"env_kwargs": {"max_turns": 0}}, "max_turns"),
        ({"env_kwargs": {"reward": "tool_grop"}}, r"Did you mean `tool_grpo`\?"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    changes: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fields = {"env": NAVIGATION, "agent": "expert", "tasks": TASKS, **changes}
    with pytest.raises(UsageError, match=message):
        evaluate(EvalConfig(**fields), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_at_least_one_episode_must_run_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="n_envs is 0"):
        evaluate(EXPERT, tmp_path / "run", n_envs=0)
    assert list(tmp_path.iterdir()) == []


def test_a_person_plays_one_episode_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = []

    def answer(prompt: str) -> str:
        prompts.append(prompt)
        return ":raw nonsense" if len(prompts) % 2 else "R,R,D"

    monkeypatch.setattr(runner, "make_agent", lambda spec: HumanAgent(Console(quiet=True), answer))
    summary = evaluate(EvalConfig(NAVIGATION, "human", TASKS, n=3), tmp_path)
    assert [prompt.partition(":")[0] for prompt in prompts] == ["turn 1", "turn 2"] * 3
    assert (summary["n"], summary["turns"], summary["format_rate"]) == (3, 2.0, 0.5)


def test_a_run_folder_is_never_mixed_up(tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = EvalConfig(NAVIGATION, "expert", TASKS, n=2)
    evaluate(config, run)
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with pytest.raises(UsageError, match="already holds a run; resume it with --resume"):
        evaluate(config, run)
    with pytest.raises(UsageError, match="seed was 0, now 1"):
        evaluate(EvalConfig(NAVIGATION, "expert", TASKS, n=2, seed=1), run, resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        evaluate(config, tmp_path / "file")
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_an_unknown_environment_is_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"Registered: .*adagym/VSPNavigation-v0, adagym/VSPVerification-v0"):
        evaluate(EvalConfig("CartPole-v1", "expert"), tmp_path / "run")
