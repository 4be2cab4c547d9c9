"""The game: branches, saved episodes, hints and other players."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adagym.agents import AGENTS, Agent, Conversation
from adagym.agents.seat import GymEnv
from adagym.envs.vsp_verification import VSPVerification
from adagym.errors import UsageError
from adagym.play.company import Companion, Hints
from adagym.play.saving import env_of, open_episode, save_episode
from adagym.play.session import Session
from adagym.protocol import DIALECTS
from adagym.store import differences
from adagym.types import ToolCall

DIALECT = DIALECTS.load("adareasoner")
YES, NO = DIALECT.write_answer("Yes"), DIALECT.write_answer("No")


def point(what: str, image: str = "img_1") -> str:
    return DIALECT.write_call(ToolCall("Point", {"image": image, "description": what}))


def expert() -> Agent:
    return AGENTS.load("expert").from_spec(None)


def make_adaptive() -> GymEnv:
    return VSPVerification("vsp-generated:sides=3,n=3", prompt="brief", adaptive="names,fields,errors")


def test_undo_redo_and_the_branch_that_is_left_stays(new_session: Callable[[], Session]) -> None:
    game = new_session()
    assert not game.undo()
    assert not game.redo()
    game.act(point("Elf"))
    game.act(YES)
    assert game.here.ended
    assert game.undo()
    game.act(NO)
    assert [node.number for node in game.path] == [0, 1, 3]
    assert game.undo()
    assert game.redo()
    assert game.here.number == 3
    game.go(2)
    assert game.here.trajectory.answer == "Yes"
    assert game.undo()
    assert game.redo()
    assert game.here.number == 2  # redoing leads to the branch that was visited last
    rewards = {game.nodes[number].trajectory.reward for number in (2, 3)}
    assert len(rewards) == 2


def test_going_back_leads_to_the_same_bytes_as_never_having_left(new_session: Callable[[], Session]) -> None:
    wandering, straight = new_session(), new_session()
    wandering.act(point("Gift"))
    wandering.undo()
    for game in (wandering, straight):
        game.act(point("Elf"))
        game.act(YES)
    assert differences(wandering.here.trajectory, straight.here.trajectory) == []


def test_a_turn_that_was_played_before_is_visited_again(new_session: Callable[[], Session]) -> None:
    game = new_session()
    first = game.act(point("Elf"))
    game.undo()
    assert game.act(point("Elf")) is first
    assert len(game.nodes) == 2


def test_the_reward_as_it_stands_is_that_of_an_episode_cut_here(new_session: Callable[[], Session]) -> None:
    game = new_session()
    game.act(point("Elf"))
    assert game.score().parts == {"format": 0.0, "tool": 4.0, "accuracy": 0.0}
    game.act(YES)
    assert game.score().total == game.here.trajectory.reward
    assert list(game.images) == ["img_1", "img_2"]


def test_a_saved_episode_is_looked_at_without_its_environment(
    new_session: Callable[[], Session], tmp_path: Path
) -> None:
    game = new_session()
    game.act(point("Elf"))
    game.act(YES)
    assert save_episode(game.here.trajectory, tmp_path / "e.jsonl") == f"Appended to {tmp_path / 'e.jsonl'}"
    saved = open_episode(tmp_path / "e.jsonl", 0)
    with pytest.raises(UsageError, match="from 0 to 0, not 1"):
        open_episode(tmp_path / "e.jsonl", 1)

    def nothing() -> GymEnv:
        raise UsageError("no environment")

    shown = Session.recorded(saved, nothing)
    turns = [len(shown.messages)]
    while shown.redo():
        turns.append(len(shown.messages))
    assert turns == [2, 4, 5]
    assert shown.here.trajectory.reward == game.here.trajectory.reward
    shown.undo()
    assert list(shown.images) == ["img_1", "img_2"]
    assert shown.score().parts["tool"] == 4.0
    with pytest.raises(UsageError, match="no environment"):
        shown.act(NO)


def test_a_saved_episode_is_played_on_from_any_turn(new_session: Callable[[], Session]) -> None:
    game = new_session()
    game.act(point("Elf"))
    game.act(YES)
    saved = game.here.trajectory
    shown = Session.recorded(saved, env_of(saved))
    shown.redo()
    shown.act(NO)
    game.undo()
    game.act(NO)
    assert replace(shown.here.trajectory, env_kwargs={}).reward == game.here.trajectory.reward
    assert [message.text for message in shown.messages] == [message.text for message in game.messages]
    assert [node.number for node in shown.path] == [0, 1, 3]
    shown.undo()
    shown.act(YES)
    assert shown.here.number == 2  # the saved turn itself
    shown.close()


def test_an_episode_of_an_unknown_environment_says_so(new_session: Callable[[], Session]) -> None:
    strange = replace(new_session().here.trajectory, env_id="adagym/Nothing-v9")
    with pytest.raises(UsageError, match="looked at, and not be continued"):
        Session.recorded(strange, env_of(strange)).conversation()


def test_hints_lead_to_the_end_in_any_order(new_session: Callable[[], Session]) -> None:
    game, hints = new_session(), Hints(expert())
    game.act(point("Ice Holes"))  # the expert asks for the elf first
    for _ in range(3):
        if game.here.ended:
            break
        game.act(hints.next(game))
    assert game.here.trajectory.outcome == "answered"
    assert game.score().parts["accuracy"] == 1.0
    assert game.here.trajectory.actions.count(point("Ice Holes")) == 1
    with pytest.raises(UsageError, match="undo a turn"):
        hints.next(game)


def test_hints_under_other_names() -> None:
    game = Session.start(make_adaptive, task=0, seed=5)
    for _ in range(4):
        if not game.here.ended:
            game.act(Hints(expert()).next(game))
    assert game.score().parts == {"format": 1.0, "tool": 4.0, "accuracy": 1.0}


class Silent(Agent):
    """Fails as agents may."""

    name = "silent"

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        raise UsageError("I cannot.")


def test_another_player_plays_the_same_task(new_session: Callable[[], Session]) -> None:
    game = new_session()
    rival = Companion(expert(), game.factory, game.nodes[0].trajectory)
    assert rival.standing() == "expert: turn 0"
    rival.advance()
    assert rival.standing() == "expert: turn 1"
    assert game.here.number == 0
    done = rival.finish()
    assert (done.task.id, done.outcome) == (game.here.trajectory.task.id, "answered")
    assert rival.standing() == f"expert: answered at turn {len(done.steps)}, reward 8"
    rival.close()


def test_what_stops_another_player_is_told(new_session: Callable[[], Session]) -> None:
    game = new_session()
    rival = Companion(Silent(), game.factory, game.nodes[0].trajectory)
    rival.advance()
    assert rival.ended
    assert rival.standing() == "silent: stopped at turn 0: I cannot."
    with pytest.raises(UsageError, match="There is no hint: I cannot"):
        Hints(Silent()).next(game)
