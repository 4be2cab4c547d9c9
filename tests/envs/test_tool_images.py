"""Pictures that tools make: shown, named without being shown, or withheld."""

from __future__ import annotations

import pytest

from adagym.envs.tiles import MapImage
from adagym.envs.vsp_navigation import VSPNavigation
from adagym.errors import UsageError
from adagym.types import Task

ROWS = ("SFF", "HFF", "FFG")
TASKS = [
    Task("t/0", "vsp_navigation", "Go.", (MapImage(ROWS),), answer_type="plan", meta={"rows": list(ROWS), "side": 3})
]
POINT = (
    '<think>Look.</think><tool_call>{{"name": "Point", "parameters": '
    '{{"image": "{}", "description": "gift"}}}}</tool_call>'
)


def test_tool_images_can_be_withheld() -> None:
    env = VSPNavigation(TASKS, tool_images=False)
    env.reset(seed=0)
    observation, *_ = env.step(POINT.format("img_1"))
    assert observation["images"] == ()
    assert "img_2" not in observation["text"]
    assert '"points": [[160, 160]]' in observation["text"]
    assert env.step(POINT.format("img_2"))[4]["result"].error_code == 204


def test_tool_images_can_be_named_without_being_shown() -> None:
    shown, named = (VSPNavigation(TASKS, tool_images=mode) for mode in (True, "named"))
    texts = []
    for env in (shown, named):
        env.reset(seed=0)
        texts.append(env.step(POINT.format("img_1"))[0]["text"])
        assert env.step(POINT.format("img_2"))[4]["result"].ok
    assert texts[0] == texts[1]
    assert "img_2" in texts[1]
    assert [len(message.images) for message in named.messages if message.role != "assistant"] == [0, 1, 0, 0]
    assert [len(message.images) for message in shown.messages if message.role != "assistant"] == [0, 1, 1, 1]
    with pytest.raises(UsageError, match=r"True, False or .named., not 'hidden'"):
        VSPNavigation(TASKS, tool_images="hidden")
