"""Actions from a table, and observations of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Dict
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.wrappers import RecordEpisodeStatistics

from adagym.digest import observation_digest
from adagym.envs.base import ToolEnv
from adagym.envs.gui_qa import GUIQA
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.envs.wrappers.numeric import NumericObservation, numeric_env, play_numeric
from adagym.envs.wrappers.table import NAVIGATION, Answer, Call, Found, TableActions
from adagym.errors import InfraError, UsageError
from adagym.testing.parity import Script, Shown, compare, make, scripts

ENV = "adagym/VSPNavigation-v0"
TASKS = "vsp-generated:sides=4,n=6,seed=3"
SOLUTION = (0, 1, 2, 3, 4, 5)


def made(**kwargs: Any) -> TableActions:
    return TableActions(VSPNavigation(TASKS, **kwargs))


@pytest.mark.parametrize("kwargs", [{}, {"dialect": "openai"}, {"adaptive": "names,fields,errors"}])
def test_the_table_solves_every_map(kwargs: dict[str, Any]) -> None:
    env = made(**kwargs)
    for task in range(6):
        env.reset(seed=task, options={"task": task})
        for action in SOLUTION:
            _, reward, terminated, _, info = env.step(action)
            assert info["parse_error"] is None
            assert info["result"] is None or info["result"].ok
        assert (reward, terminated) == (8.0, True)


def test_what_is_not_known_yet_is_left_out() -> None:
    env = made()
    env.reset(seed=0)
    assert env.action_masks().tolist() == [True, True, True, False, False, False]
    *_, info = env.step(3)
    assert info["call"].arguments == {}
    assert "Missing required parameters" in info["result"].message
    env.step(0)
    *_, info = env.step(3)
    assert list(info["call"].arguments) == ["start"]
    assert env.text(5).endswith("\\boxed{unknown}</response>")
    for action in (1, 2, 3):
        env.step(action)
    assert env.action_masks().all()
    env.reset(seed=0)
    assert not env.action_masks()[3:].any()


def test_a_failed_call_leaves_the_older_result() -> None:
    broken = Call("Point", {"image": "img_9", "description": "Elf"})
    env = TableActions(VSPNavigation(TASKS), [NAVIGATION[0], broken, Answer(Found(1, ("points",)))])
    env.reset(seed=0)
    *_, info = env.step(1)
    assert not info["result"].ok
    assert env.action_masks().tolist() == [True, True, False]


def test_texts_are_sent_as_they_stand() -> None:
    texts = ["no call", "<tool_call>{", NAVIGATION[0]]
    env, plain = TableActions(VSPNavigation(TASKS), texts), VSPNavigation(TASKS)
    env.reset(seed=4)
    plain.reset(seed=4)
    for action in (0, 1, 2):
        text = env.text(action)
        assert action == 2 or text == texts[action]
        seen, *rest = env.step(action)
        other, *expected = plain.step(text)
        assert seen["text"] == other["text"]
        assert all(np.array_equal(a, b) for a, b in zip(seen["images"], other["images"], strict=True))
        assert rest == expected


def test_parity_with_plain_steps() -> None:
    def played(script: Script) -> Iterator[Shown]:
        env = TableActions(make(script), script.actions)
        seen, _ = env.reset(seed=script.seed, options={"task": script.index})
        yield Shown(observation_digest(seen))
        for action in range(len(script.actions)):
            seen, reward, terminated, truncated, _ = env.step(action)
            yield Shown(observation_digest(seen), reward, terminated, truncated)

    report = compare("table", lambda drawn: [list(played(script)) for script in drawn], scripts(per_family=2))
    assert not report.differences, report.differences[0]
    assert report.episodes == 12


def test_a_failure_of_the_infrastructure_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise InfraError("the server is gone")

    env = made()
    env.reset(seed=0)
    monkeypatch.setattr(VSPNavigation, "_respond", broken)
    with pytest.raises(InfraError, match="the server is gone"):
        env.step(0)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match="no table for the family `gui_qa`, only for vsp_navigation"):
        TableActions(GUIQA())
    with pytest.raises(UsageError, match="no entries"):
        TableActions(VSPNavigation(TASKS), [])
    with pytest.raises(UsageError, match="positions are 0 to 0"):
        TableActions(VSPNavigation(TASKS), [Answer(Found(1, ()))])
    env = made()
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    for action in (6, -1):
        with pytest.raises(UsageError, match=f"0 to 5, not {action}"):
            env.step(action)
    with pytest.raises(UsageError, match="at least 1 pixel"):
        NumericObservation(env, size=0)


@pytest.mark.parametrize(("size", "flat"), [(16, False), (16, True), (None, False), (None, True)])
def test_every_form_is_in_its_space_and_the_same_again(size: int | None, flat: bool) -> None:
    env = numeric_env(ENV, size=size, flat=flat, tasks=TASKS)
    assert isinstance(env.observation_space, Box if flat or size is None else Dict)
    runs = []
    for _ in range(2):
        seen = [env.reset(seed=1)[0]]
        seen += [env.step(action)[0] for action in SOLUTION]
        assert all(one in env.observation_space for one in seen)
        runs.append(seen)
    assert all(data_equivalence(*pair) for pair in zip(*runs, strict=True))


def test_what_the_numbers_say() -> None:
    env = numeric_env(ENV, size=32, tasks=TASKS, max_turns=5)
    seen, _ = env.reset(seed=0, options={"task": 1})
    assert seen["image"].std() > 10
    assert seen["state"].tolist() == [0] * 8
    after, *_ = env.step(0)
    assert after["state"] == pytest.approx([0.2, 1, 1, 0, 0, 0, 0, 0])
    assert not np.array_equal(after["image"], seen["image"])  # the tool marked the player
    last, *_ = env.step(3)
    assert last["state"] == pytest.approx([0.4, 0, 1, 0, 0, 0, 0, 0])
    assert np.array_equal(last["image"], after["image"])
    assert after["state"][1] == 1  # what was handed out does not change
    again, _ = env.reset(seed=0, options={"task": 1})
    assert np.array_equal(again["image"], seen["image"])
    assert not again["state"].any()


def test_flat_is_the_same_in_one_vector() -> None:
    env, flat = (numeric_env(ENV, size=8, flat=form, tasks=TASKS) for form in (False, True))
    for one in (env, flat):
        one.reset(seed=2)
    (seen, *_), (vector, *_) = env.step(1), flat.step(1)
    assert np.allclose(vector[:-8], seen["image"].ravel() / 255)
    assert np.array_equal(vector[-8:], seen["state"])


def test_given_tasks_are_played_in_order() -> None:
    turns = iter(SOLUTION * 2)
    env = RecordEpisodeStatistics(numeric_env(ENV, size=None, tasks=TASKS))
    inner = env.unwrapped
    assert isinstance(inner, ToolEnv)
    first, second = play_numeric(lambda seen: next(turns), env, [4, inner.tasks[2]])
    assert (first.task.id, second.task.id) == (inner.tasks[4].id, inner.tasks[2].id)
    assert first.reward == second.reward == 8
