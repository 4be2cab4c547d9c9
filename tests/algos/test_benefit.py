"""The Tool Benefit Score, with an agent whom tools help on some tasks, hinder on others, and who may break."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adagym.agents.base import Agent, Conversation, Reply
from adagym.algos.benefit import Attempt, TaskBenefit, compare, measure, read_attempts, summarise, write_benefits
from adagym.algos.learner import GRPO, GRPOConfig
from adagym.envs.tasks import load_tasks
from adagym.envs.vsp_verification import VSPVerification
from adagym.errors import DataError, UsageError
from adagym.policies.hf import HFPolicy
from adagym.protocol import DIALECTS
from adagym.types import Task, ToolCall

K = 3
KINDS = ("helpful", "neutral", "unhelpful", "luck")
DIALECT = DIALECTS.load("adareasoner")


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    """Two of each kind; the prompt says which, and the right answer is always yes."""
    source = load_tasks("vsp-generated:sides=3,n=8", "vsp_verification")
    return [replace(task, prompt=KINDS[index % 4], answer="Yes") for index, task in enumerate(source)]


class Scripted(Agent):
    """Calls a tool if it can, and is then right or wrong as the prompt says; breaks at the given submissions."""

    def __init__(self, breaks: Sequence[int] = (), always: bool = False) -> None:
        super().__init__()
        self.breaks = set(breaks)
        self.always = always
        self.started = 0
        self.prompts: set[str] = set()
        self.seeds: list[int] = []
        self._broken: set[str] = set()

    def submit(self, conversation: Conversation) -> None:
        if conversation.turn == 0:
            self.started += 1
            self.prompts.add(conversation.messages[0].text)
            self.seeds.append(conversation.seed)
            if self.started in self.breaks or (self.always and conversation.messages[1].text == "helpful"):
                self._broken.add(conversation.key)
        super().submit(conversation)

    def poll(self) -> list[Reply]:
        replies = super().poll()
        return [Reply(r.key, error="the server is gone") if r.key in self._broken else r for r in replies]

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        return [self._write(conversation) for conversation in conversations]

    def _write(self, conversation: Conversation) -> str:
        equipped = bool(conversation.tools)
        if equipped and conversation.turn == 0:
            return DIALECT.write_call(ToolCall("Point", {"image": "img_1", "description": "Elf"}), "Look.")
        kind = conversation.messages[1].text
        right = {"helpful": equipped, "neutral": True, "unhelpful": not equipped, "luck": conversation.seed % 2 == 0}
        return DIALECT.write_answer("Yes" if right[kind] else "No", "Done.")


def run(tasks: Sequence[Task], agent: Scripted, log: Path, **options: int) -> list[TaskBenefit]:
    make_env = functools.partial(VSPVerification, tasks, reward="accuracy")
    envs = {"with": make_env, "without": functools.partial(make_env, tools=())}
    return measure(envs, tasks, agent, log, k=K, **options)


def test_the_score_says_where_tools_help(tasks: list[Task], tmp_path: Path) -> None:
    agent = Scripted()
    found = run(tasks, agent, tmp_path / "log.jsonl")
    assert [item.id for item in found] == [task.id for task in tasks]
    for kind, benefit, above, below in [("helpful", 1, 1, 0), ("neutral", 0, 1, 1), ("unhelpful", -1, 0, 1)]:
        for item in (found[i] for i, task in enumerate(tasks) if task.prompt == kind):
            assert (item.benefit, item.mean_with, item.mean_without) == (benefit, above, below)
            assert (item.n_with, item.n_without, item.calls) == (K, K, 1)
    assert agent.started == 2 * K * len(tasks)
    assert len(set(agent.seeds)) == agent.started, "every episode has a seed of its own"
    assert sorted("Point" in prompt for prompt in agent.prompts) == [False, True], "two prompts"


def test_the_log_and_the_scores_are_written(tasks: list[Task], tmp_path: Path) -> None:
    seen: list[Attempt] = []
    found = run(tasks, Scripted(), tmp_path / "log.jsonl")
    again = measure({}, tasks, Scripted(), tmp_path / "log.jsonl", k=K, on_attempt=seen.append)
    assert again == found, "a finished run plays nothing"
    assert len(seen) == 2 * K * len(tasks)
    write_benefits(tmp_path / "benefit.jsonl", found)
    lines = [json.loads(line) for line in (tmp_path / "benefit.jsonl").read_text().splitlines()]
    assert lines[0] == {
        "id": tasks[0].id,
        "index": 0,
        "benefit": 1.0,
        "with": 1.0,
        "without": 0.0,
        "n_with": K,
        "n_without": K,
        "calls": 1.0,
    }
    assert len(lines) == len(tasks)


@pytest.mark.parametrize("n_envs", [1, 5])
def test_the_scores_do_not_depend_on_what_runs_beside(tasks: list[Task], tmp_path: Path, n_envs: int) -> None:
    assert run(tasks, Scripted(), tmp_path / "a", n_envs=n_envs) == run(tasks, Scripted(), tmp_path / "b")
    assert run(tasks, Scripted(), tmp_path / "c", seed=1) != run(tasks, Scripted(), tmp_path / "b")


@pytest.mark.parametrize("share", [0.0, 0.013, 0.1, 0.37, 0.5, 0.77, 0.999])
def test_a_run_killed_anywhere_goes_on(tasks: list[Task], tmp_path: Path, share: float) -> None:
    log = tmp_path / "log.jsonl"
    whole = run(tasks, Scripted(), log)
    content = log.read_bytes()
    kept = content[: int(share * len(content))]
    log.write_bytes(kept)
    agent = Scripted()
    assert run(tasks, agent, log) == whole
    assert agent.started == 2 * K * len(tasks) - kept.count(b"\n"), "nothing is repeated"
    attempts = list(read_attempts(log, tasks))
    assert len(attempts) == len({attempt.key for attempt in attempts}) == 2 * K * len(tasks)


def test_what_infrastructure_broke_is_played_again_once(tasks: list[Task], tmp_path: Path) -> None:
    whole = run(tasks, Scripted(), tmp_path / "a")
    seen: list[Attempt] = []
    make_env = functools.partial(VSPVerification, tasks, reward="accuracy")
    envs = {"with": make_env, "without": functools.partial(make_env, tools=())}
    agent = Scripted(breaks=(2, 17, 40))
    assert measure(envs, tasks, agent, tmp_path / "b", k=K, on_attempt=seen.append) == whole
    assert agent.started == 2 * K * len(tasks) + 3
    assert len(seen) == 2 * K * len(tasks)
    errors = [attempt.error for attempt in read_attempts(tmp_path / "b", tasks)]
    assert Counter(errors) == {None: 2 * K * len(tasks), "the server is gone": 3}


def test_what_stays_broken_is_no_zero_and_is_tried_by_the_next_run(tasks: list[Task], tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    agent = Scripted(always=True)
    found = run(tasks, agent, log)
    assert agent.started == 2 * K * len(tasks) + 2 * 2 * K
    assert (found[0].benefit, found[0].mean_with, found[0].n_with, found[0].n_without) == (None, None, 0, 0)
    assert [item.benefit for item in found[1:3]] == [0, -1]
    again = Scripted()
    assert run(tasks, again, log)[0].benefit == 1
    assert again.started == 2 * 2 * K


def test_answers_without_a_rule_leave_a_task_without_a_score(tasks: list[Task], tmp_path: Path) -> None:
    boxes = [replace(tasks[0], answer_type="box")]
    found = run(boxes, Scripted(), tmp_path / "log.jsonl")
    assert (found[0].benefit, found[0].n_with) == (None, 0)
    again = Scripted()
    assert run(boxes, again, tmp_path / "log.jsonl") == found
    assert again.started == 0


def test_comparing_and_summarising(tasks: list[Task]) -> None:
    def attempt(index: int, condition: str, k: int, score: float | None, calls: int = 0) -> Attempt:
        return Attempt(tasks[index].id, index, condition, k, score, calls)

    attempts = [
        attempt(0, "with", 0, 1.0, 2),
        attempt(0, "with", 1, 0.5, 1),
        attempt(0, "without", 0, 0.25),
        attempt(1, "with", 0, 0.0),
        attempt(1, "without", 0, 0.5),
        attempt(2, "with", 0, 1.0, 5),
        attempt(2, "without", 0, None),
        attempt(3, "with", 0, 1.0),
        attempt(3, "without", 0, 1.0),
    ]
    found = compare(tasks[:5], attempts)
    assert found == compare(tasks[:5], attempts[::-1])
    assert [item.benefit for item in found] == [0.5, -0.5, None, 0.0, None]
    assert found[0] == TaskBenefit(tasks[0].id, 0, 0.5, 0.75, 0.25, 2, 1, 1.5)
    assert found[2] == TaskBenefit(tasks[2].id, 2, None, 1.0, None, 1, 0, 5)
    assert summarise(found) == pytest.approx(
        {
            "tasks": 5,
            "scored": 3,
            "helpful": 1 / 3,
            "neutral": 1 / 3,
            "unhelpful": 1 / 3,
            "benefit": 0,
            "with": 1.75 / 3,
            "without": 1.75 / 3,
            "calls": 0.5,
        }
    )
    assert summarise(found[4:])["helpful"] is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{}", "Line 1 of .* is not an episode"),
        ("[1]", "Line 1 of .* is not an episode"),
        ("\udcff", "Line 1 of .* is not an episode"),
        ('{"id": "x", "index": 0, "condition": "with", "k": 0, "score": 1}', "`x`, which is `vsp-generated"),
        ('{"id": "x", "index": 99, "condition": "with", "k": 0, "score": 1}', "Line 1 of .* is not an episode"),
    ],
)
def test_a_damaged_log_is_refused(tasks: list[Task], tmp_path: Path, line: str, message: str) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(line.encode(errors="surrogateescape") + b"\n")
    with pytest.raises(DataError, match=message):
        run(tasks, Scripted(), log)


@pytest.mark.parametrize(("k", "seed"), [(0, 0), (1, -1)])
def test_options_out_of_range_are_refused(tasks: list[Task], tmp_path: Path, k: int, seed: int) -> None:
    with pytest.raises(UsageError, match="k must be at least 1"):
        measure({}, tasks, Scripted(), tmp_path / "log.jsonl", k=k, seed=seed)
    assert not any(tmp_path.iterdir())


def test_a_learner_refuses_a_benefit_that_no_task_states(policy: HFPolicy) -> None:
    env = {"tasks": "vsp-generated:sides=3,n=2", "reward": "at_grpo:gated=true"}
    with pytest.raises(UsageError, match="`at_grpo:gated=true` needs tasks with a Tool Benefit Score"):
        GRPO(policy, "adagym/VSPVerification-v0", GRPOConfig(env=env))
