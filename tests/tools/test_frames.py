"""The kinds of parameters of AdaTooler-V's tools, and calls drawn from their schemas."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adagym.protocol.base import signature
from adagym.spaces import ActionText, Situation
from adagym.tools.executor import Executor
from adagym.tools.frames import Place
from adagym.types import Array, ToolCall, ToolSpec
from adagym.video import ShownVideo

NAMES = ("FrameAt", "VideoClip", "PathTracer", "crop_image")
IMAGES: dict[str, Array] = {"img_1": np.zeros((60, 80, 3), np.uint8), "img_2": np.zeros((50, 90, 3), np.uint8)}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("numbers", "normalised", "pixels"),
    [
        ((0, 0, 1, 1), False, (0, 0, 1, 1)),
        ((0.0, 0.0, 1.0, 1.0), False, (0, 0, 1, 1)),
        ((0, 0, 1, 0.5), True, (0, 0, 80, 30)),
        ((0.25, 0.5), True, (20, 30)),
        ((0.25, 1.5), False, (0, 2)),
        ((-0.1, 0.5), False, (0, 0)),
        ((1, 1.0001), False, (1, 1)),
    ],
)
def test_numbers_are_shares_only_beyond_doubt(numbers: tuple[float, ...], normalised: bool, pixels: object) -> None:
    place = Place(numbers)
    assert (place.normalised, place.pixels(IMAGES["img_1"])) == (normalised, pixels)


@pytest.mark.parametrize("name", NAMES)
def test_drawn_calls_succeed(name: str, video: ShownVideo) -> None:
    executor = Executor([name])
    space = ActionText("hermes", executor.specs, seed=0)
    space.situation = Situation(IMAGES)
    (spec,) = executor.specs
    made = [executor.run(ToolCall(name, space.sample_arguments(spec)), IMAGES, video) for _ in range(50)]
    assert sum(result.ok for result in made) >= 25


@pytest.mark.parametrize("name", NAMES)
@given(value=JSON)
def test_whatever_is_given_the_tool_answers(name: str, value: object) -> None:
    executor = Executor([name])
    (spec,) = executor.specs
    for call in (ToolCall(name, dict.fromkeys(spec.properties, value)), ToolCall(name, {spec.properties[0]: value})):
        result = executor.run(call, IMAGES)
        assert result.error_code in (201, 204, 205)
        assert result.message.encode()


def test_tools_can_be_sent_to_other_processes() -> None:
    executor = pickle.loads(pickle.dumps(Executor(NAMES)))
    assert executor.specs == Executor(NAMES).specs


def test_a_tool_that_requires_nothing_is_introduced_by_all_it_takes() -> None:
    one, other, *_ = Executor(NAMES).specs
    assert signature(one) == "FrameAt(target_frame, time): Look at frames of the video at full size."
    assert signature(other).startswith("VideoClip(target_frames, start_time, end_time, count): ")
    plain = ToolSpec("Lamp", "Light it. Fully.", {"properties": {"a": {}, "b": {}}, "required": ["b"]})
    assert signature(plain) == "Lamp(b): Light it."
