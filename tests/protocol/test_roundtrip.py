"""What a dialect writes it reads back unchanged; what it cannot write it refuses."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adagym.errors import UsageError
from adagym.protocol import DIALECTS, MAX_ACTION_CHARS, Dialect
from adagym.protocol.base import MAX_DEPTH
from adagym.types import ToolCall

NAMES = DIALECTS.names()
TAGGED = ["adareasoner", "adatooler", "hermes"]
MARKS = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<response>", "</response>", "<answer>", "</answer>"]

readable = st.characters(exclude_categories=["Cs"])
tricky = st.one_of(
    st.text(readable, max_size=12), st.sampled_from([*MARKS, "\\boxed{", "{", "}", "\\", '"', "```", "\u2028", "\x00"])
)
texts = st.lists(tricky, max_size=4).map("".join)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
arguments = st.dictionaries(texts, values, max_size=4)
tool_names = texts.map(str.strip).filter(bool)
thoughts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=30)


@pytest.fixture(params=NAMES)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    loaded: Dialect = DIALECTS.load(request.param)
    return loaded


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None)
@given(tool_name=tool_names, arguments=arguments, think=thoughts)
def test_every_call_is_read_back(name: str, tool_name: str, arguments: dict[str, Any], think: str) -> None:
    dialect = DIALECTS.load(name)
    parsed = dialect.parse(dialect.write_call(ToolCall(tool_name, arguments), think))
    assert parsed.call == ToolCall(tool_name, arguments)
    assert parsed.format_ok
    assert parsed.answer is None
    assert parsed.error is None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None)
@given(answer=texts, think=thoughts)
def test_an_answer_is_read_back_or_refused(name: str, answer: str, think: str) -> None:
    dialect = DIALECTS.load(name)
    try:
        text = dialect.write_answer(answer, think)
    except UsageError:
        plain = answer.strip() and not any(mark in answer for mark in [*MARKS, "\\boxed{"])
        balanced = "{" not in answer and "}" not in answer
        assert not (plain and balanced), "an answer without marks must be writable"
        return
    parsed = dialect.parse(text)
    assert parsed.answer == answer.strip()
    assert parsed.format_ok
    assert parsed.call is None


def test_the_exact_forms() -> None:
    call = ToolCall("Point", {"image": "img_1", "description": "Elf"})
    assert DIALECTS.load("adareasoner").write_call(call, "Look.") == (
        '<think>Look.</think><tool_call>{"name": "Point", "parameters": '
        '{"image": "img_1", "description": "Elf"}}</tool_call>'
    )
    assert DIALECTS.load("adatooler").write_call(call, "Look.") == (
        '<think>Look.</think><tool_call>{"name": "Point", "arguments": '
        '{"image": "img_1", "description": "Elf"}}</tool_call>'
    )
    assert DIALECTS.load("hermes").write_call(call) == (
        '<tool_call>{"name": "Point", "arguments": {"image": "img_1", "description": "Elf"}}</tool_call>'
    )
    assert DIALECTS.load("adareasoner").write_answer("R,D", "Done.") == (
        "<think>Done.</think><response>\\boxed{R,D}</response>"
    )
    assert DIALECTS.load("adatooler").write_answer("R,D", "Done.") == "<think>Done.</think><answer>R,D</answer>"
    assert DIALECTS.load("hermes").write_answer("R,D") == "\\boxed{R,D}"
    assert DIALECTS.load("openai").write_answer("R,D", "Done.") == '{"content": "Done. \\\\boxed{R,D}"}'


@pytest.mark.parametrize("name", TAGGED)
def test_marks_inside_arguments_are_escaped(name: str) -> None:
    dialect = DIALECTS.load(name)
    call = ToolCall("Ask", {"question": "a </tool_call><think>x</think> \\< 1 < 2"})
    text = dialect.write_call(call, "Ask.")
    assert text.count("</tool_call>") == 1
    assert "\\u003c/tool_call>" in text
    assert dialect.parse(text).call == call


def test_an_empty_thought_is_written_where_one_is_demanded() -> None:
    assert DIALECTS.load("adareasoner").write_answer("A") == "<think>...</think><response>\\boxed{A}</response>"
    assert DIALECTS.load("hermes").write_answer("A") == "\\boxed{A}"


@pytest.mark.parametrize("answer", ["", "   ", "a}", "{", "\\boxed{A}", "\ud800", "x" * (MAX_ACTION_CHARS + 1)])
def test_answers_without_a_boxed_form_are_refused(dialect: Dialect, answer: str) -> None:
    if dialect.name == "adatooler" and answer in ("a}", "{"):
        assert dialect.parse(dialect.write_answer(answer)).answer == answer
        return
    with pytest.raises(UsageError, match="answer cannot be written in the dialect"):
        dialect.write_answer(answer, "Done.")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("adareasoner", "a</response>"),
        ("adareasoner", "<tool_call>{}</tool_call>"),
        ("adatooler", "a</answer>b"),
        ("adatooler", "<think>a</think>b"),
        ("hermes", "<tool_call>"),
        ("hermes", "<think>a"),
    ],
)
def test_answers_that_hold_marks_are_refused(name: str, answer: str) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        DIALECTS.load(name).write_answer(answer, "Done.")


@pytest.mark.parametrize("name", ["adareasoner", "adatooler"])
@pytest.mark.parametrize("think", ["a</think>b", "<tool_call>", "<think>"])
def test_thoughts_that_hold_marks_are_refused(name: str, think: str) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        DIALECTS.load(name).write_answer("A", think)


def deep(levels: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "bad",
    [
        {"x": math.nan},
        {"x": math.inf},
        {"x": {1, 2}},
        {"x": b"bytes"},
        {"x": "\udfff"},
        {"x": 10**5000},
        deep(MAX_DEPTH + 1),
        deep(5000),
        {"x": "y" * MAX_ACTION_CHARS},
    ],
    ids=["nan", "inf", "set", "bytes", "surrogate", "huge-int", "deep", "deeper", "long"],
)
def test_arguments_that_are_not_json_are_refused(dialect: Dialect, bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        dialect.write_call(ToolCall("Point", bad), "Look.")


@pytest.mark.parametrize("tool_name", ["", "  ", " Point"])
def test_names_that_are_read_differently_are_refused(dialect: Dialect, tool_name: str) -> None:
    with pytest.raises(UsageError, match="call cannot be written"):
        dialect.write_call(ToolCall(tool_name, {}), "Look.")


def test_tuples_become_lists(dialect: Dialect) -> None:
    parsed = dialect.parse(dialect.write_call(ToolCall("AStar", {"start": (32, 96)}), "Plan."))
    assert parsed.call == ToolCall("AStar", {"start": [32, 96]})
