"""The full screen, without a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static, TextArea

from adagym.agents import AGENTS
from adagym.play.app import PlayApp
from adagym.play.company import Companion, Hints
from adagym.play.form import ANSWER, RAW, ActionForm
from adagym.play.picture import PictureView
from adagym.play.protocols import Mode
from adagym.play.saving import env_of
from adagym.play.session import Session
from adagym.play.transcript import Thumbnail
from adagym.play.view import MARK
from adagym.store import read_trajectories
from adagym.types import Trajectory

Playing = Callable[[PlayApp, "Pilot[Trajectory]"], Awaitable[None]]


def play(app: PlayApp, what: Playing, size: tuple[int, int] = (80, 24)) -> Trajectory:
    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(app, pilot)
            await what(app, pilot)
            await settle(app, pilot)
            await pilot.press("f10")

    asyncio.run(run())
    assert app.return_value is not None
    return app.return_value


async def settle(app: PlayApp, pilot: Pilot[Any]) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


async def press(app: PlayApp, pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(app, pilot)


async def choose(app: PlayApp, pilot: Pilot[Any], action: str) -> None:
    app.query_one("#action", Select).value = action
    await settle(app, pilot)


def field(app: PlayApp, name: str) -> Input:
    return next(entry for entry in app.query(Input) if entry.name == name)


def said(app: PlayApp, where: str = "#say") -> str:
    return str(app.query_one(where, Static).content)


def expert() -> Hints:
    return Hints(AGENTS.load("expert").from_spec(None))


def test_a_form_a_completion_and_an_answer(new_session: Callable[[], Session]) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        assert field(app, "image").value == "img_1"  # the only picture is filled in
        assert field(app, "description").has_focus
        await press(app, pilot, "enter")
        assert said(app, "#about").startswith("! description: fill this in")
        await press(app, pilot, *"Elf", "enter")
        assert [str(node.content).split()[0] for node in app.query(".role").results(Static)] == [
            "user",
            "assistant",
            "user",
        ]
        assert len(app.query(Thumbnail)) == 2
        assert "tool 4" in said(app, "#reward")
        assert "turn 2 of 4" in said(app, "#status")
        await choose(app, pilot, ANSWER)
        field(app, ANSWER).focus()
        await press(app, pilot, "y", "right", "enter")  # the right arrow takes the completion

    trajectory = play(PlayApp(new_session()), what)
    assert trajectory.outcome == "answered"
    assert trajectory.answer == "Yes"
    assert trajectory.steps[0].parsed.format_ok


def test_wrong_entries_are_told_and_nothing_is_sent(new_session: Callable[[], Session]) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        field(app, "image").value = "img_7"
        await settle(app, pilot)
        assert "There is no picture 'img_7'; there is img_1." in said(app, "#about")
        field(app, "description").value = "Elf"
        await press(app, pilot, "f4")
        assert field(app, "image").has_focus

    assert play(PlayApp(new_session()), what).steps == ()


def test_raw_text_goes_as_it_stands(new_session: Callable[[], Session]) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        await choose(app, pilot, RAW)
        app.query_one("#raw", TextArea).text = "no tags at all"
        await press(app, pilot, "f4")

    assert play(PlayApp(new_session()), what).steps[0].parsed.error_kind == "no_action"


def test_hint_undo_change_and_turns(new_session: Callable[[], Session]) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        await press(app, pilot, "f3")
        assert said(app).startswith("Hint: ")
        assert field(app, "description").value
        await press(app, pilot, "f4", "f5")
        assert app.session.here.number == 0
        assert field(app, "description").value  # what was taken back can be changed
        field(app, "description").value = "Gift"
        await press(app, pilot, "f4", "f7", "up", "enter")
        assert app.session.here.number in (0, 1)
        await press(app, pilot, "f5", "f5")
        assert said(app) == "! There is no turn to take back."
        await press(app, pilot, "f6", "f6")
        assert said(app) == "! There is no later turn."

    app = PlayApp(new_session(), hints=expert())
    play(app, what)
    assert len(app.session.nodes) == 3


def test_another_player_and_the_end(new_session: Callable[[], Session]) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        await press(app, pilot, "f9")
        assert said(app).startswith("! The other player's episode is shown when")
        await choose(app, pilot, ANSWER)
        field(app, ANSWER).value = "No"
        await press(app, pilot, "f4")
        assert said(app).startswith("The episode is over: answered")
        assert "expert: answered at turn" in said(app, "#reward")
        await press(app, pilot, "f4")
        assert "F5 takes the last turn back" in said(app)
        await press(app, pilot, "f9")
        assert app.screen.query(Thumbnail)
        await press(app, pilot, "escape", "f1", "escape")

    session = new_session()
    agent = AGENTS.load("expert").from_spec(None)
    rival = Companion(agent, session.factory, session.nodes[0].trajectory)
    play(PlayApp(session, rival=rival), what, (120, 40))


@pytest.mark.parametrize("key", ["f1", "f10", "ctrl+q"])
def test_a_page_takes_the_keys_until_it_is_closed(new_session: Callable[[], Session], key: str) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        await press(app, pilot, "f3", "f1")
        told = str(app.screen.query_one(Static).render())
        assert {f"F{number}" for number in range(1, 11)} <= set(told.split())
        assert "F1  this page                  F6  redo, or the next saved turn" in told
        await press(app, pilot, "f4", "f3", "f2")
        assert len(app.screen_stack) == 2
        assert app.session.here.number == 0
        await press(app, pilot, key)
        assert len(app.screen_stack) == 1
        await press(app, pilot, "f4")
        assert app.session.here.number == 1

    play(PlayApp(new_session(), hints=expert()), what)


def test_the_crosshair_on_a_surface_is_there_while_the_player_is(new_session: Callable[[], Session]) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        def marked() -> bool:
            pixels = np.asarray(app.query_one(PictureView)._surface.image)
            return bool((pixels == MARK).all(axis=-1).any())

        assert not marked()
        await press(app, pilot, "f2")
        assert marked()
        await press(app, pilot, "escape")
        assert not marked()

    play(PlayApp(new_session(), "sixel"), what)


def test_saving_asks_for_a_file(new_session: Callable[[], Session], tmp_path: Path) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        await press(app, pilot, "f8", "escape", "f8")
        await press(app, pilot, "enter")
        assert said(app) == f"Appended to {tmp_path / 'e.jsonl'}"

    play(PlayApp(new_session(), out=tmp_path / "e.jsonl"), what)
    assert [trajectory.steps for trajectory in read_trajectories(tmp_path / "e.jsonl")] == [()]


def test_a_saved_episode_turn_by_turn(new_session: Callable[[], Session]) -> None:
    game = new_session()
    game.act("nonsense")
    game.act(str(expert().next(game)))
    saved = game.here.trajectory

    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        assert app.query_one("#raw", TextArea).text == "nonsense"  # the next turn, as it was played
        await press(app, pilot, "f6")
        assert field(app, "image").value == "img_1"
        await press(app, pilot, "f6")

    shown = play(PlayApp(Session.recorded(saved, env_of(saved))), what)
    assert shown.actions == saved.actions


def test_every_pick_adds_to_a_list_of_places(new_session: Callable[[], Session]) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        await choose(app, pilot, "AStar")
        entry = field(app, "obstacles")
        entry.value = "[[1, 2], [3, 4]]"
        entry.focus()
        await press(app, pilot, "f2", "enter")
        x, y = app.query_one(PictureView).cursor
        assert entry.value == f"[1, 2], [3, 4], [{x}, {y}]"
        assert app.query_one(PictureView).has_focus  # more may follow

    play(PlayApp(new_session()), what)


def vstar() -> Session:
    from adagym.envs.vstar import VStar

    return Session.start(lambda: VStar("vstar:side=640,difficulty=easy,n=2", prompt="brief"), task=0, seed=0)


def test_points_and_boxes_are_picked_by_keys_and_mouse() -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        await choose(app, pilot, "Crop")
        view, entry = app.query_one(PictureView), field(app, "coordinates")
        entry.focus()
        await press(app, pilot, "f2")
        assert view.has_focus
        x, y = view.cursor
        await press(app, pilot, "enter", "shift+right", "j", "enter")
        assert entry.value == f"{x}, {y}, {x + 2}, {y + 2}"
        entry.focus()
        await settle(app, pilot)
        columns, rows = view.cells
        left, top = (view.content_size.width - columns) // 2, (view.content_size.height - rows) // 2
        await pilot.mouse_down(view, offset=(left + 2, top + 1))
        await pilot.hover(view, offset=(left + 6, top + 4))
        await pilot.mouse_up(view, offset=(left + 6, top + 4))
        await settle(app, pilot)
        near, far = view.window.pixel(2, 1, (columns, rows)), view.window.pixel(6, 4, (columns, rows))
        assert entry.value == f"{near[0]}, {near[1]}, {far[0] + 1}, {far[1] + 1}"
        await press(app, pilot, "f2", "plus", "escape")
        assert view.window.width < 640
        assert entry.value.startswith(f"{near[0]}, ")

    play(PlayApp(vstar()), what)


@pytest.mark.parametrize(
    ("mode", "size"), [("blocks", (80, 24)), ("grey", (80, 24)), ("kitty", (80, 24)), ("sixel", (120, 40))]
)
def test_every_way_to_show_pictures_fits(new_session: Callable[[], Session], mode: Mode, size: tuple[int, int]) -> None:
    async def what(app: PlayApp, pilot: Pilot[Trajectory]) -> None:
        view = app.query_one(PictureView)
        await press(app, pilot, "f2", "left", "plus")
        columns, rows = view.cells
        assert columns <= view.content_size.width
        assert rows <= view.content_size.height
        if mode in ("kitty", "sixel"):
            (surface,) = view.children
            assert (surface.size.width, surface.size.height) == (columns, rows)
        form = app.query_one(ActionForm)
        assert form.region.bottom <= size[1] - 1
        assert app.query_one("#transcript").size.height >= 5

    play(PlayApp(new_session(), mode), what, size)
