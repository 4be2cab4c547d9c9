"""Every environment as a state machine: resets, steps, snapshots and closings in any order break no rule."""

from __future__ import annotations

import math
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import adagym  # noqa: F401  (registers the ids)
from adagym.envs import ENVS
from adagym.hostile import Hostile
from adagym.protocol import DIALECTS
from adagym.testing import INFO, digest

TASKS = dict.fromkeys(("adagym/VSPNavigation-v0", "adagym/VSPVerification-v0"), "vsp-generated:sides=3-4,n=5")
TASKS["adagym/VStar-v0"] = "vstar:side=320,difficulty=easy,n=3"
TASKS["adagym/VideoQA-v0"] = "video:side=640,seconds=13,events=5,n=3"
TASKS["adagym/ImageQA-v0"] = "images:side=320,n=3"
CHEAP = {"adagym/GUIQA-v0": ("Crop",), "adagym/VStar-v0": ("Crop",), "adagym/ImageQA-v0": ("Crop", "InsertImage")}
TURNS = 3
SEEDS = st.integers(0, 4)


class Machine(RuleBasedStateMachine):
    """What may be done with an environment; subclasses say with which one."""

    name = ""

    @initialize(dialect=st.sampled_from(DIALECTS.names()), adaptive=st.sampled_from([None, "names,fields,errors"]))
    def make(self, dialect: str, adaptive: str | None) -> None:
        arguments = {"tools": CHEAP[self.name]} if self.name in CHEAP else {}
        arguments |= {"dialect": dialect, "adaptive": adaptive, "max_turns": TURNS, "tasks": TASKS.get(self.name)}
        self.env: Any = gym.make(self.name, **arguments).unwrapped
        self.running = self.begun = False
        self.turn = 0
        self.kept: tuple[bytes, str, int] | None = None

    @rule(seed=SEEDS)
    def reset(self, seed: int) -> None:
        observation, info = self.env.reset(seed=seed)
        assert observation in self.env.observation_space
        assert tuple(info) == INFO
        assert info["outcome"] == "running"
        self.running = self.begun = True
        self.turn = 0

    @precondition(lambda self: self.running)
    @rule(draw=st.integers(0, 2**32 - 1))
    def act(self, draw: int) -> None:
        action = Hostile(np.random.default_rng(draw), rare=("OCR", "Point")).action(self.env.action_space)
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.turn += 1
        assert observation in self.env.observation_space
        assert math.isfinite(reward)
        assert tuple(info) == INFO
        assert info["turn"] == self.turn
        assert info["outcome"] != "infra_failure", self.env.trajectory().error
        assert (terminated, truncated) == (info["outcome"] == "answered", info["outcome"] == "truncated")
        assert truncated == (not terminated and self.turn == TURNS)
        assert terminated or truncated or reward == 0.0
        self.running = not (terminated or truncated)

    @precondition(lambda self: not self.running)
    @rule(action=st.text(max_size=5))
    def act_without_an_episode(self, action: str) -> None:
        with pytest.raises(gym.error.ResetNeeded):
            self.env.step(action)

    @precondition(lambda self: self.begun)
    @rule()
    def keep(self) -> None:
        self.kept = (pickle.dumps(self.env.snapshot()), digest(self.env.trajectory()), self.turn)

    @precondition(lambda self: self.kept is not None)
    @rule()
    def go_back(self) -> None:
        assert self.kept is not None
        snapshot, before, self.turn = self.kept
        self.env.restore(pickle.loads(snapshot))
        assert digest(self.env.trajectory()) == before
        self.begun, self.running = True, self.env.trajectory().outcome == "running"

    @precondition(lambda self: self.running)
    @rule()
    def end_early(self) -> None:
        assert self.env.truncate().outcome == "truncated"
        self.running = False

    @rule()
    def close(self) -> None:
        self.env.close()
        self.env.close()
        self.begun = self.running = False

    @precondition(lambda self: self.begun)
    @rule()
    def write_on_what_was_shown(self) -> None:
        for step in self.env.trajectory().steps:
            for picture in step.observation["images"]:
                with pytest.raises(ValueError, match="read-only"):
                    picture[0, 0] = 0

    @invariant()
    def the_trajectory_tells_what_was_played(self) -> None:
        if not getattr(self, "begun", False):
            return
        trajectory = self.env.trajectory()
        assert len(trajectory.steps) == self.turn
        assert (trajectory.outcome == "running") == self.running
        assert trajectory.reward is None or not self.running
        assert all(step.reward == 0.0 for step in trajectory.steps[:-1])


@pytest.mark.parametrize("name", ENVS.names())
def test_no_order_of_events_breaks_a_rule(name: str) -> None:
    machine = type(f"Machine{name}", (Machine,), {"name": name})
    checks = (HealthCheck.too_slow, HealthCheck.filter_too_much)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=5, stateful_step_count=12, deadline=None, suppress_health_check=checks, derandomize=True
        ),
    )
