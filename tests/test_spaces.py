"""The spaces: sampling, membership, seeds, JSON, equality, pickling."""

from __future__ import annotations

import json
import pickle
import re
from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector.utils import batch_space
from hypothesis import given
from hypothesis import strategies as st

from adagym.errors import UnknownName
from adagym.protocol import DIALECTS
from adagym.spaces import ActionText, ImageSpace, ImageTuple, Situation, UnicodeText, is_unicode
from adagym.types import Task, ToolSpec

POINT = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
SPEC = ToolSpec(
    "Probe",
    "Look at a place.",
    {
        "type": "object",
        "properties": {
            "image": {"type": "string", "description": "The picture, for example img_1."},
            "what": {"type": "string", "description": "What to find, for example Elf, Ice Holes or R,R,D."},
            "at": {**POINT, "description": "Where."},
            "mode": {"type": "string", "enum": ["near", "far"], "description": "How."},
            "optional": {"type": "integer", "description": "Not needed."},
        },
        "required": ["image", "what", "at", "mode"],
    },
)

SPACES = {
    "text": lambda seed=None: UnicodeText(seed=seed),
    "short text": lambda seed=None: UnicodeText(5, min_length=5, seed=seed),
    "image": lambda seed=None: ImageSpace(seed=seed),
    "small image": lambda seed=None: ImageSpace(3, min_side=2, seed=seed),
    "images": lambda seed=None: ImageTuple(seed=seed),
    "no images": lambda seed=None: ImageTuple(max_images=0, seed=seed),
    "action": lambda seed=None: ActionText("adareasoner", (SPEC,), seed=seed),
    "action without tools": lambda seed=None: ActionText("openai", seed=seed),
}


def same(left: Any, right: Any) -> bool:
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(np.array_equal(left, right))


@pytest.fixture(params=sorted(SPACES))
def make(request: pytest.FixtureRequest) -> Any:
    return SPACES[request.param]


def test_samples_are_members_and_follow_the_seed(make: Any) -> None:
    first, second, other = make(seed=7), make(seed=7), make(seed=8)
    samples = [first.sample() for _ in range(30)]
    assert all(sample in first for sample in samples)
    assert all(same(sample, second.sample()) for sample in samples)
    first.seed(7)
    assert all(same(sample, first.sample()) for sample in samples)
    if make is not SPACES["no images"]:
        assert not all(same(sample, other.sample()) for sample in samples)


def test_samples_survive_json(make: Any) -> None:
    space = make(seed=1)
    samples = [space.sample() for _ in range(5)]
    back = space.from_jsonable(json.loads(json.dumps(space.to_jsonable(samples))))
    assert len(back) == 5
    assert all(map(same, back, samples))


def test_pickles_and_copies_are_equal_and_draw_the_same(make: Any) -> None:
    space = make(seed=3)
    space.sample()
    for copy in (pickle.loads(pickle.dumps(space)), deepcopy(space)):
        assert copy == space
        drawn = deepcopy(space)
        assert same(copy.sample(), drawn.sample())


def test_spaces_differ_from_each_other() -> None:
    made = [make() for make in SPACES.values()]
    for index, left in enumerate(made):
        for other, right in enumerate(made):
            assert (left == right) == (index == other), (left, right)
        assert left != "a string"
        assert type(left).__name__ in repr(left)


def test_masks_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="neither `mask` nor `probability`"):
        make().sample(mask=np.ones(2))


def test_spaces_do_not_flatten_and_work_in_dict_and_batch(make: Any) -> None:
    space = make(seed=0)
    assert not space.is_np_flattenable
    both = gym.spaces.Dict({"a": space, "b": gym.spaces.Discrete(2)}, seed=1)
    assert both.sample() in both
    batch = batch_space(space, 3)
    assert batch.sample() in batch


@pytest.mark.parametrize(
    ("text", "member"),
    [("", True), ("abcé", True), ("🧊" * 5, True), ("abcdef", False), ("\ud800", False), (b"a", False), (3, False)],
)
def test_text_membership(text: object, member: bool) -> None:
    assert UnicodeText(5).contains(text) is member


@pytest.mark.parametrize(
    ("image", "member"),
    [
        (np.zeros((2, 3, 3), np.uint8), True),
        (np.zeros((3, 2, 3), np.uint8), True),
        (np.zeros((1, 3, 3), np.uint8), False),
        (np.zeros((4, 3, 3), np.uint8), False),
        (np.zeros((2, 3, 4), np.uint8), False),
        (np.zeros((2, 3), np.uint8), False),
        (np.zeros((2, 3, 3), np.float32), False),
        ([[[0, 0, 0]]], False),
        (None, False),
    ],
)
def test_image_membership(image: object, member: bool) -> None:
    assert ImageSpace(3, min_side=2).contains(image) is member
    assert ImageTuple(ImageSpace(3, min_side=2)).contains((image,)) is member
    assert not ImageTuple(ImageSpace(3, min_side=2)).contains([image])


def test_too_many_images_are_outside() -> None:
    space = ImageTuple(max_images=1)
    image = np.zeros((1, 1, 3), np.uint8)
    assert (image,) in space
    assert (image, image) not in space


@pytest.mark.parametrize(
    "make_bad",
    [
        lambda: UnicodeText(3, min_length=4),
        lambda: UnicodeText(3, min_length=-1),
        lambda: ImageSpace(2, min_side=3),
        lambda: ImageSpace(2, min_side=0),
        lambda: ImageTuple(max_images=-1),
    ],
)
def test_bounds_are_checked(make_bad: Any) -> None:
    with pytest.raises(ValueError, match="Expected"):
        make_bad()


@given(st.text())
def test_every_valid_text_is_unicode(text: str) -> None:
    assert is_unicode(text)
    assert not is_unicode(text + "\udfff")


@pytest.mark.parametrize("dialect", DIALECTS.names())
def test_sampled_calls_fit_the_schema_and_the_pictures(dialect: str) -> None:
    space = ActionText(dialect, (SPEC,), seed=0)
    space.situation = Situation({"img_1": np.zeros((20, 30, 3), np.uint8), "img_2": np.zeros((9, 9, 3), np.uint8)})
    seen: set[str] = set()
    for _ in range(100):
        parsed = DIALECTS.load(dialect).parse(space.sample_call())
        assert parsed.format_ok
        assert parsed.call is not None
        assert parsed.call.name == "Probe"
        arguments = parsed.call.arguments
        assert set(arguments) == {"image", "what", "at", "mode"}
        assert arguments["what"] in ("Elf", "Ice Holes", "R,R,D")
        assert arguments["mode"] in ("near", "far")
        assert all(0 <= value < {"img_1": 20, "img_2": 9}[arguments["image"]] for value in arguments["at"])
        seen.add(arguments["image"])
    assert seen == {"img_1", "img_2"}


@pytest.mark.parametrize(
    ("answer_type", "choices", "pattern"),
    [
        ("plan", (), r"[LRUD](,[LRUD]){0,9}"),
        ("yes_no", (), r"Yes|No"),
        ("choice", ("x", "y"), r"[AB]"),
        ("number", (), r"\d+"),
        ("box", (), r"\[\d+, \d+, \d+, \d+\]"),
        ("free_form", (), r"\w+"),
    ],
)
def test_sampled_answers_are_of_the_kind_the_task_asks_for(answer_type: Any, choices: Any, pattern: str) -> None:
    space = ActionText("adatooler", (SPEC,), seed=0)
    task = Task("t", "f", "?", answer_type=answer_type, choices=choices, meta={"side": 5})
    space.situation = Situation(task=task)
    answers = {DIALECTS.load("adatooler").parse(space.sample_answer()).answer for _ in range(50)}
    for answer in answers:
        assert answer is not None
        assert re.fullmatch(pattern, answer)
    assert len(answers) > 1


def test_samples_are_calls_and_answers() -> None:
    space = ActionText("adareasoner", (SPEC,), seed=0)
    parsed = [DIALECTS.load("adareasoner").parse(space.sample()) for _ in range(100)]
    assert 30 < sum(item.call is not None for item in parsed) < 70
    assert all(item.error is None for item in parsed)


def test_without_tools_every_sample_is_an_answer() -> None:
    space = ActionText("adareasoner", seed=0)
    assert all("<response>" in space.sample() for _ in range(20))
    with pytest.raises(ValueError, match="no tools"):
        space.sample_call()


def test_unknown_dialects_are_named() -> None:
    with pytest.raises(UnknownName, match="Did you mean `hermes`"):
        ActionText("hermess")


def test_a_copy_shares_the_pictures_but_not_the_generator() -> None:
    space = ActionText("adareasoner", (SPEC,), seed=0)
    space.situation = Situation({"img_1": np.zeros((8, 8, 3), np.uint8)})
    copy = deepcopy(space)
    assert copy.situation is space.situation
    expected = deepcopy(space).sample()
    copy.sample()
    assert space.sample() == expected


def test_calls_are_drawn_until_one_is_accepted() -> None:
    space = ActionText("adareasoner", (SPEC,), seed=0)
    space.situation = Situation(accepts=lambda call: call.arguments["mode"] == "near")
    assert all('"mode": "near"' in space.sample_call() for _ in range(50))
    space.situation = Situation(accepts=lambda call: False)
    assert "Probe" in space.sample_call()
