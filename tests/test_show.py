"""How values look to people."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from rich.console import Console

from adagym.show import Shown, ShownObservation, brief
from adagym.show.blocks import cells_for, grey_levels, half_blocks
from adagym.types import (
    ArrayImage,
    ImageBlock,
    Message,
    ParsedAction,
    Step,
    Task,
    TextBlock,
    ToolCall,
    ToolResult,
    Trajectory,
)

PICTURE = np.zeros((4, 6, 3), np.uint8)
TASK = Task("a/1", "vsp_navigation", "Where <b>to</b>?", (ArrayImage(PICTURE),), answer="R", choices=("one", "two"))
CALL = ParsedAction("go", call=ToolCall("Point", {"image": "img_1"}))
RESULT = ToolResult("Point", "success", data={"points": [[1, 2]]}, images=(PICTURE,))
STEP = Step("go", CALL, RESULT, {"text": "seen", "images": (PICTURE,)})
LAST = Step("R", ParsedAction("R", answer="R"), None, {"text": "", "images": ()}, 8.0, terminated=True)
MESSAGES = (
    Message("system", (TextBlock("rules"),)),
    Message("user", (ImageBlock("img_1", PICTURE), TextBlock("Where <b>to</b>?"))),
)
TRAJECTORY = Trajectory("E-v0", {}, TASK, 1, "adareasoner", MESSAGES, (STEP, LAST), "answered", 8.0, {"accuracy": 1.0})


def printed(value: object) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(value)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            TASK,
            "Task('a/1', family='vsp_navigation', prompt='Where <b>to</b>?', images=1, choices=2, answer='R', "
            "split='test')",
        ),
        (ArrayImage(PICTURE), "ArrayImage(6x4)"),
        (TextBlock("x" * 70), f"TextBlock('{'x' * 60}'... 70 characters)"),
        (MESSAGES[1], "Message(user, [img_1 6x4], 'Where <b>to</b>?')"),
        (RESULT, "ToolResult(Point, success, data={'points': [[1, 2]]}, images=[6x4])"),
        (
            ToolResult("Crop", "failed", "No.", 201),
            "ToolResult(Crop, failed, error_code=201, message='No.', images=[])",
        ),
        (STEP, "Step(Point: ok, reward=0)"),
        (LAST, "Step(answer 'R', reward=8, terminated)"),
        (TRAJECTORY, "Trajectory(E-v0, task='a/1', 2 turns: Point: ok -> answer 'R', answered, reward=8)"),
        (
            ShownObservation(text="hi", images=(PICTURE,) * 6),
            "Observation(text='hi', images=[6x4, 6x4, 6x4, 6x4, ...])",
        ),
    ],
)
def test_one_line_without_pixels(value: object, line: str) -> None:
    assert repr(value) == line


def test_every_shown_type_has_a_line() -> None:
    kinds = {kind for kind in Shown.__subclasses__() if kind.__module__.startswith("adagym.")}
    assert kinds == set(brief._FACTS)
    with pytest.raises(TypeError, match="no one-line form"):
        brief.brief(object())


def test_what_environments_return_prints_and_is_a_dict() -> None:
    env: gym.Env[Any, str] = gym.make("adagym/VSPVerification-v0")
    observation, _ = env.reset(seed=0, options={"task": 0})
    assert repr(observation).startswith("Observation(text='")
    assert observation in env.observation_space
    for copied in (pickle.loads(pickle.dumps(observation)), copy.deepcopy(observation)):
        assert copied["text"] == observation["text"]
        assert repr(copied) == repr(observation)
    del observation["images"]
    observation["more"] = 1
    assert repr(observation).endswith(", more=1)")
    env.close()


def test_rich_shows_text_pictures_and_the_outcome() -> None:
    shown = printed(TRAJECTORY)
    assert shown.index("rules") < shown.index("▀▀▀▀▀▀") < shown.index("img_1, 6x4 pixels")
    assert "answered, reward 8 (accuracy 1)" in shown
    shown = printed(TASK)
    assert "task a/1" in shown
    assert "choice 2: two" in shown
    assert printed(RESULT).count("▀▀▀▀▀▀") == 2


@pytest.mark.parametrize(
    "value", [TASK, MESSAGES[1], RESULT, STEP, TRAJECTORY, ShownObservation(text="<i>", images=())]
)
def test_notebooks_get_html_in_which_nothing_is_a_tag_by_accident(value: Shown) -> None:
    html = value._repr_html_()
    assert "<b>to" not in html
    assert "<i>" not in html
    assert html.count("<details") == html.count("</details>")
    drawn = {id(TASK): 1, id(MESSAGES[1]): 1, id(RESULT): 1, id(STEP): 1, id(TRAJECTORY): 1}
    assert html.count('src="data:image/png;base64,') == drawn.get(id(value), 0)


def test_many_pictures_are_told_and_not_all_drawn() -> None:
    many = ShownObservation(text="", images=(PICTURE,) * 40)
    assert many._repr_html_().count("<img") == 32
    assert many._repr_html_().count("6x4 pixels") >= 40
    assert printed(many).count("6x4 pixels") == 40


def test_half_blocks() -> None:
    image = np.zeros((4, 2, 3), np.uint8)
    image[0] = (255, 0, 0)
    image[3, 1] = (0, 0, 255)
    text = half_blocks(image, 80)
    assert text.plain == "▀▀\n▀▀"
    colors = [
        (span.end - span.start, tuple(span.style.color.triplet), tuple(span.style.bgcolor.triplet))
        for span in text.spans
    ]
    red, black, blue = (255, 0, 0), (0, 0, 0), (0, 0, 255)
    assert colors == [(2, red, black), (1, black, black), (1, black, blue)]


@pytest.mark.parametrize(
    ("shape", "columns", "rows", "size"),
    [
        ((64, 64), 32, None, (32, 16)),
        ((9, 900), 72, None, (72, 1)),
        ((64, 64), 32, 8, (16, 8)),
        ((3, 2), 80, None, (2, 2)),
    ],
)
def test_pictures_keep_their_shape(
    shape: tuple[int, int], columns: int, rows: int | None, size: tuple[int, int]
) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    assert cells_for(image, columns, rows) == size
    for draw in (half_blocks, grey_levels):
        lines = draw(image, columns, rows).plain.split("\n")
        assert (len(lines[0]), len(lines)) == size


def test_grey_levels_use_the_whole_ramp_and_only_ascii() -> None:
    image = np.repeat(np.linspace(40, 90, 10).astype(np.uint8)[None, :, None], 3, axis=2)
    text = grey_levels(image, 10).plain
    assert text[0] == " "
    assert text[-1] == "@"
    assert text.isascii()
    assert grey_levels(PICTURE, 6).plain == "      \n      "
