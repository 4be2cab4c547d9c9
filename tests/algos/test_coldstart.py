"""Demonstrations for the cold start."""

from __future__ import annotations

import functools
import itertools
from collections import Counter

import gymnasium as gym
import pytest

from adagym.agents.apprentice import ApprenticeAgent
from adagym.agents.scripted import ExpertAgent
from adagym.algos.coldstart import demonstrations, examples
from adagym.errors import UsageError
from adagym.policies.hf import HFPolicy
from adagym.store import dump

TASKS = "vsp-generated:sides=3-4,n=24,seed=1"
make_env = functools.partial(gym.make, "adagym/VSPNavigation-v0", disable_env_checker=True, tasks=TASKS, prompt="brief")


def test_demonstrations_come_in_the_order_of_the_tasks() -> None:
    shown = demonstrations(make_env, ExpertAgent(), 10, seed=0)
    assert [trajectory.task.id for trajectory in shown] == [task.id for task in make_env().unwrapped.tasks[:10]]
    assert all(trajectory.reward == 8 for trajectory in shown)


def test_demonstrations_follow_the_seed() -> None:
    one, same, other = ([dump(t) for t in demonstrations(make_env, ApprenticeAgent(), 24, seed)] for seed in (3, 3, 4))
    assert one == same
    assert one != other


def test_tasks_must_suffice() -> None:
    with pytest.raises(UsageError, match="from 0 to 23"):
        demonstrations(make_env, ExpertAgent(), 25, seed=0)


def test_examples_are_endless_and_shuffled_by_epoch(policy: HFPolicy) -> None:
    shown = demonstrations(make_env, ExpertAgent(), 6, seed=0)
    drawn = list(itertools.islice(examples(policy.encoder, shown, seed=0), 18))
    keys = [trace.ids.tobytes() for trace in drawn]
    epochs = [keys[:6], keys[6:12], keys[12:]]
    assert all(Counter(epoch) == Counter(keys[:6]) for epoch in epochs)
    assert epochs[0] != epochs[1] or epochs[1] != epochs[2]
    assert [t.ids.tobytes() for t in itertools.islice(examples(policy.encoder, shown, seed=0), 18)] == keys


def test_only_what_the_agent_wrote_is_learnt(policy: HFPolicy) -> None:
    (shown,) = demonstrations(make_env, ExpertAgent(), 1, seed=0)
    trace = next(examples(policy.encoder, [shown], seed=0))
    assert policy.encoder.decode(trace.ids[trace.sampled].tolist()) == "".join(shown.actions)
    # Turns end with the dialect's stop strings, as they will while sampling.
    assert policy.encoder.tokenizer.eos_token_id not in trace.ids[trace.sampled]


def test_no_demonstration_is_refused(policy: HFPolicy) -> None:
    with pytest.raises(UsageError, match="no demonstration"):
        next(examples(policy.encoder, [], seed=0))
