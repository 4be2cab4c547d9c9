"""The collector: no lock step, groups, infrastructure failures, determinism."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from adagym.agents.base import Agent, Conversation, Reply
from adagym.algos.collect import Collector, Job, Rollout
from adagym.envs.base import ToolEnv
from adagym.errors import InfraError, UsageError
from adagym.policies.base import TokenTrace
from adagym.types import ArrayImage, Observation, Task

CALL = '<think>Hm.</think><tool_call>{"name": "Nothing", "parameters": {}}</tool_call>'
ANSWER = "<think>Done.</think><response>\\boxed{yes}</response>"


def make_task(number: int, turns: int, trouble: str = "") -> Task:
    picture = np.full((8, 8, 3), number, np.uint8)
    return Task(
        f"t/{number}", "made_up", f"{turns} {trouble}", (ArrayImage(picture),), answer="yes", answer_type="yes_no"
    )


TASKS = [make_task(number, turns) for number, turns in enumerate([5, 1, 1, 2, 1, 3, 1, 4])]


class Patient(Agent):
    """Needs as many turns as the task's prompt says; writes down who was asked when."""

    name = "patient"

    def __init__(self) -> None:
        super().__init__()
        self.polls: list[list[tuple[str, int]]] = []
        self.seeds: list[int] = []
        self.finished: list[str] = []
        self.closed = False

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        self.polls.append([(conversation.key, conversation.turn) for conversation in conversations])
        self.seeds += [conversation.seed for conversation in conversations if conversation.turn == 0]
        return [self.write(conversation) for conversation in conversations]

    def write(self, conversation: Conversation) -> str:
        turns = int(conversation.messages[1].text.split()[0])
        return ANSWER if conversation.turn + 1 >= turns else CALL

    def finish(self, key: str) -> TokenTrace | None:
        super().finish(key)
        self.finished.append(key)
        return TokenTrace(np.array([len(self.finished)]), np.array([True]), np.zeros(1, np.float32))


class Failing(Patient):
    """Has no reply for the task whose prompt asks for it."""

    def poll(self) -> list[Reply]:
        replies = {reply.key: reply for reply in super().poll()}
        for key in [key for key in replies if key in self.doomed]:
            replies[key] = Reply(key, error="the endpoint timed out")
        return list(replies.values())

    def submit(self, conversation: Conversation) -> None:
        super().submit(conversation)
        if "no reply" in conversation.messages[1].text and conversation.turn == 1:
            self.doomed.add(conversation.key)

    def __init__(self) -> None:
        super().__init__()
        self.doomed: set[str] = set()


class BrokenEnv(ToolEnv):
    """Fails where the task says so."""

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        observation, info = super().reset(seed=seed, options=options)
        if self.task is not None and "reset" in self.task.prompt:
            raise InfraError("the worker did not start")
        return observation, info

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        if self.task is not None and "step" in self.task.prompt:
            raise InfraError("the worker died")
        return super().step(action)


def make_env() -> ToolEnv:
    return BrokenEnv(TASKS, tools=())


def summary(rollouts: Sequence[Rollout]) -> list[tuple[int, int, str, float | None]]:
    return [(r.index, len(r.trajectory.steps), r.trajectory.outcome, r.trajectory.reward) for r in rollouts]


def test_every_job_is_played_once() -> None:
    agent = Patient()
    rollouts = list(Collector(make_env, agent, 3).collect(Job(number) for number in range(len(TASKS))))
    assert sorted(summary(rollouts)) == [
        (0, 5, "answered", 8.0),
        (1, 1, "answered", 8.0),
        (2, 1, "answered", 8.0),
        (3, 2, "answered", 8.0),
        (4, 1, "answered", 8.0),
        (5, 3, "answered", 8.0),
        (6, 1, "answered", 8.0),
        (7, 4, "answered", 8.0),
    ]
    assert all(rollout.trajectory.task is TASKS[rollout.index] for rollout in rollouts)
    assert len(set(agent.finished)) == len(TASKS)


def test_a_long_episode_holds_up_nobody() -> None:
    agent = Patient()
    collector = Collector(make_env, agent, 2)
    rollouts = list(collector.collect([Job(0), Job(1), Job(2), Job(4), Job(6), Job(1), Job(2)]))
    # One slot plays the five turns of the first job while the other plays the short ones behind it.
    assert [rollout.index for rollout in rollouts] == [1, 2, 3, 4, 0, 5, 6]
    assert [len(poll) for poll in agent.polls] == [2, 2, 2, 2, 2, 1]


def test_a_slot_is_refilled_before_the_next_poll() -> None:
    agent = Patient()
    list(Collector(make_env, agent, 4).collect([Job(number) for number in range(8)]))
    total = sum(int(task.prompt.split()[0]) for task in TASKS)
    assert sum(len(poll) for poll in agent.polls) == total == 18
    assert [len(poll) for poll in agent.polls] == [4, 4, 4, 3, 2, 1]


def test_environments_are_made_when_needed_and_reused() -> None:
    made: list[ToolEnv] = []

    def factory() -> ToolEnv:
        made.append(make_env())
        return made[-1]

    collector = Collector(factory, Patient(), 64)
    assert len(list(collector.collect([Job(1), Job(2), Job(3)]))) == 3
    assert len(list(collector.collect([Job(1), Job(2)]))) == 2
    assert len(made) == 3
    collector.close()
    assert all(env.task is None for env in made)


def test_jobs_are_read_lazily() -> None:
    read: list[int] = []

    def jobs() -> Any:
        for number in range(1000):
            read.append(number)
            yield Job(1)

    running = Collector(make_env, Patient(), 2).collect(jobs())
    next(running)
    assert len(read) <= 5
    running.close()


def test_stopping_early_frees_everything() -> None:
    agent = Patient()
    collector = Collector(make_env, agent, 2)
    running = collector.collect([Job(0), Job(1), Job(2)])
    assert next(running).index == 1
    running.close()
    assert len(agent.finished) == len(set(agent.finished))
    assert summary(list(collector.collect([Job(1)]))) == [(0, 1, "answered", 8.0)]


def test_the_callback_comes_before_the_yield() -> None:
    heard: list[int] = []
    for rollout in Collector(make_env, Patient(), 2).collect([Job(1), Job(2)], lambda r: heard.append(r.index)):
        assert heard[rollout.index] == rollout.index
    assert heard == [0, 1]


def test_the_tokens_of_an_episode_are_handed_on() -> None:
    rollouts = list(Collector(make_env, Patient(), 1).collect([Job(1), Job(2)]))
    assert [int(rollout.tokens.ids[0]) for rollout in rollouts if rollout.tokens is not None] == [1, 2]


def test_collecting_is_deterministic() -> None:
    runs = []
    for _ in range(2):
        agent = Patient()
        rollouts = list(Collector(make_env, agent, 3).collect([Job(n % 8, seed=n) for n in range(20)]))
        runs.append((summary(rollouts), agent.polls, agent.seeds))
    assert runs[0] == runs[1]


def seeds_of(jobs: Sequence[Job], n_envs: int = 1) -> list[int]:
    agent = Patient()
    list(Collector(make_env, agent, n_envs).collect(jobs))
    return agent.seeds


def test_sampling_seeds_depend_on_the_job_and_its_place_in_the_group_alone() -> None:
    group = [Job(1, 7, "a"), Job(1, 7, "a"), Job(1, 7, "a")]
    seeds = seeds_of(group)
    assert len(set(seeds)) == 3
    assert seeds_of([Job(2, 3), group[0], Job(2, 4, "b"), *group[1:]], 4)[1:2] == seeds[:1]
    assert seeds_of([Job(1, 8, "a")])[0] not in seeds
    assert seeds_of([Job(1, 7)]) == seeds[:1]
    assert seeds_of([Job(1, 7), Job(1, 7)]) == [seeds[0]] * 2


def test_members_of_a_group_start_alike() -> None:
    rollouts = list(Collector(make_env, Patient(), 4).collect([Job(3, 1, "a"), Job(3, 1, "a"), Job(5, 1, "b")]))
    assert len(rollouts) == 3


def test_a_group_of_different_beginnings_is_refused() -> None:
    other = make_task(99, 2)
    with pytest.raises(InfraError, match=r"Job 1 .task t/99, seed 1. .* its group `a`"):
        list(Collector(make_env, Patient(), 4).collect([Job(TASKS[3], 1, "a"), Job(other, 1, "a")]))


def test_pictures_count_in_a_group() -> None:
    same_text = Task("x", "made_up", TASKS[3].prompt, TASKS[5].images, answer="yes", answer_type="yes_no")
    with pytest.raises(InfraError, match="another observation"):
        list(Collector(make_env, Patient(), 4).collect([Job(3, 1, "a"), Job(same_text, 1, "a")]))


@pytest.mark.parametrize(
    ("trouble", "steps", "error"),
    [("step", 0, "the worker died"), ("reset", 0, "the worker did not start"), ("no reply", 1, "timed out")],
)
def test_a_failure_voids_one_episode_and_no_other(trouble: str, steps: int, error: str) -> None:
    bad = make_task(50, 3, trouble)
    rollouts = list(Collector(make_env, Failing(), 2).collect([Job(0), Job(bad, seed=5), Job(3), Job(5)]))
    by_index = {rollout.index: rollout.trajectory for rollout in rollouts}
    assert by_index[1].outcome == "infra_failure"
    assert by_index[1].reward is None
    assert by_index[1].reward_parts == {}
    assert error in (by_index[1].error or "")
    assert by_index[1].task is bad
    assert by_index[1].seed == 5
    assert len(by_index[1].steps) == steps
    assert {by_index[index].outcome for index in (0, 2, 3)} == {"answered"}


def test_jobs_that_never_start_do_not_pile_up() -> None:
    bad = make_task(50, 3, "reset")
    running = Collector(make_env, Patient(), 2).collect(Job(bad) for _ in range(10**9))
    assert [next(running).trajectory.outcome for _ in range(5)] == ["infra_failure"] * 5
    running.close()


def test_an_agent_that_breaks_voids_what_is_running() -> None:
    class Breaking(Patient):
        def poll(self) -> list[Reply]:
            if len(self.polls) == 1:
                self.polls.append([])
                self._waiting = []
                raise InfraError("the server is gone")
            return super().poll()

    rollouts = list(Collector(make_env, Breaking(), 2).collect([Job(0), Job(1), Job(2), Job(4)]))
    outcomes = {rollout.index: rollout.trajectory.outcome for rollout in rollouts}
    assert outcomes == {0: "infra_failure", 1: "answered", 2: "infra_failure", 3: "answered"}


def test_an_agent_that_cannot_take_an_episode_voids_it() -> None:
    class Full(Patient):
        def submit(self, conversation: Conversation) -> None:
            if conversation.messages[1].text.startswith("2"):
                raise InfraError("the queue is full")
            super().submit(conversation)

    rollouts = list(Collector(make_env, Full(), 2).collect([Job(3), Job(1)]))
    assert {r.index: r.trajectory.error for r in rollouts} == {0: "the queue is full", 1: None}


def test_a_slow_agent_may_reply_to_some() -> None:
    class OneByOne(Patient):
        def poll(self) -> list[Reply]:
            if not self._waiting:
                return []
            conversation = self._waiting.pop()
            return [Reply(conversation.key, self.write(conversation))]

    rollouts = list(Collector(make_env, OneByOne(), 3).collect([Job(n) for n in range(8)]))
    assert sorted(rollout.index for rollout in rollouts) == list(range(8))


def test_a_reply_to_nobody_is_refused() -> None:
    class Chatty(Patient):
        def poll(self) -> list[Reply]:
            return [*super().poll(), Reply("nobody", ANSWER)]

    with pytest.raises(UsageError, match="`patient` replied to `nobody`"):
        list(Collector(make_env, Chatty(), 1).collect([Job(1)]))


def test_at_least_one_environment_is_needed() -> None:
    with pytest.raises(UsageError, match="n_envs is 0"):
        Collector(make_env, Patient(), 0)


def test_a_job_without_such_a_task_is_refused() -> None:
    with pytest.raises(UsageError, match="t/99"):
        list(Collector(make_env, Patient(), 1).collect([Job("t/99")]))


class KindA(BrokenEnv):
    """One kind of a mixture."""

    env_id = "kind/a"


class KindB(BrokenEnv):
    """Another kind."""

    env_id = "kind/b"


def test_jobs_choose_their_environment_and_all_kinds_share_the_places() -> None:
    open_now: set[int] = set()
    most = [0]
    made: list[str] = []

    def factory(kind: type[BrokenEnv]) -> ToolEnv:
        env = kind(TASKS, tools=())
        close = env.close

        def closing() -> None:
            open_now.discard(id(env))
            close()

        env.close = closing
        open_now.add(id(env))
        most[0] = max(most[0], len(open_now))
        made.append(kind.env_id)
        return env

    collector = Collector({"a": lambda: factory(KindA), "b": lambda: factory(KindB)}, Patient(), 3)
    jobs = [Job(n % 8, env="ab"[n % 2]) for n in range(12)] + [Job(1, env="a") for _ in range(6)]
    rollouts = sorted(collector.collect(jobs), key=lambda rollout: rollout.index)
    assert [r.trajectory.env_id for r in rollouts] == ["kind/a", "kind/b"] * 6 + ["kind/a"] * 6
    assert all(rollout.trajectory.outcome == "answered" for rollout in rollouts)
    assert most == [3]
    assert len(made) < len(jobs)
    before = len(made)
    assert len(list(collector.collect([Job(1, env="a") for _ in range(9)]))) == 9
    assert len(made) - before <= 3
    collector.close()
    assert not open_now


def test_an_unknown_kind_of_environment_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Job 1 names the environment `c`; this collector has `a`, `b`"):
        list(Collector({"a": make_env, "b": make_env}, Patient(), 2).collect([Job(1, env="a"), Job(1, env="c")]))
