"""Whatever is written, parsing gives a typed error or a reading, and never an exception."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adagym.protocol import DIALECTS, MAX_ACTION_CHARS, base
from adagym.types import ParsedAction

TAGGED = ["adareasoner", "adatooler", "hermes"]
ANSWER_TAG = {"adareasoner": "response", "adatooler": "answer"}
KINDS = set(re.findall(r"[a-z_]+", re.findall(r"``([a-z_, \n]+)``", base.__doc__ or "")[-1]))

BODIES: list[tuple[str, str, str]] = [
    ("empty", "", "empty_call"),
    ("blank", " \n\t", "empty_call"),
    ("plain words", "Point at the elf", "bad_json"),
    ("unclosed object", '{"name": "Point", "parameters": {"image": "img_1"}', "bad_json"),
    ("extra brace", '{"name": "Point", "parameters": {}}}', "bad_json"),
    ("single quotes", "{'name': 'Point', 'parameters': {}}", "bad_json"),
    ("trailing comma", '{"name": "Point", "parameters": {},}', "bad_json"),
    ("comment", '{"name": "Point", /* x */ "parameters": {}}', "bad_json"),
    ("python literals", '{"name": "Point", "parameters": {"a": None, "b": True}}', "bad_json"),
    ("two objects", '{"name": "A", "parameters": {}}\n{"name": "B", "parameters": {}}', "bad_json"),
    ("raw line break in a string", '{"name": "Po\nint", "parameters": {}}', "bad_json"),
    ("raw null byte in a string", '{"name": "Po\x00int", "parameters": {}}', "bad_json"),
    ("bad escape", '{"name": "\\x41", "parameters": {}}', "bad_json"),
    ("half an escape", '{"name": "\\u12", "parameters": {}}', "bad_json"),
    ("byte order mark", '\ufeff{"name": "Point", "parameters": {}}', "bad_json"),
    ("full-width braces", '\uff5b"name": "Point"\uff5d', "bad_json"),
    ("curly quotes", "{“name”: “Point”, “parameters”: {}}", "bad_json"),
    ("function syntax", 'Point(image="img_1")', "bad_json"),
    ("xml", "<name>Point</name>", "bad_json"),
    ("half a fence", '```json\n{"name": "Point", "parameters": {}}', "bad_json"),
    ("integer too long", '{"name": "Point", "parameters": {"x": ' + "9" * 5000 + "}}", "bad_json"),
    ("leading zero", '{"name": "Point", "parameters": {"x": 032}}', "bad_json"),
    ("hexadecimal", '{"name": "Point", "parameters": {"x": 0x20}}', "bad_json"),
    ("array of calls", '[{"name": "Point", "parameters": {}}]', "not_object"),
    ("empty array", "[]", "not_object"),
    ("number", "42", "not_object"),
    ("string", '"Point"', "not_object"),
    ("null", "null", "not_object"),
    ("true", "true", "not_object"),
    ("no name", '{"parameters": {"image": "img_1"}}', "missing_name"),
    ("empty object", "{}", "missing_name"),
    ("tool instead of name", '{"tool": "Point", "parameters": {}}', "missing_name"),
    ("capital name", '{"Name": "Point", "parameters": {}}', "missing_name"),
    ("name is null", '{"name": null, "parameters": {}}', "bad_name"),
    ("name is a number", '{"name": 3, "parameters": {}}', "bad_name"),
    ("name is a list", '{"name": ["Point"], "parameters": {}}', "bad_name"),
    ("name is empty", '{"name": "", "parameters": {}}', "bad_name"),
    ("name is blank", '{"name": " \\u3000", "parameters": {}}', "bad_name"),
    ("no parameters", '{"name": "Point"}', "missing_arguments"),
    ("args instead", '{"name": "Point", "args": {}}', "missing_arguments"),
    ("flat parameters", '{"name": "Point", "image": "img_1"}', "missing_arguments"),
    ("parameters are null", '{"name": "Point", "parameters": null}', "bad_arguments"),
    ("parameters are a list", '{"name": "Point", "parameters": ["img_1"]}', "bad_arguments"),
    ("parameters are a string", '{"name": "Point", "arguments": "{}"}', "bad_arguments"),
    ("parameters are a number", '{"name": "Point", "arguments": 1.5}', "bad_arguments"),
    ("duplicate name", '{"name": "A", "name": "B", "parameters": {}}', "duplicate_key"),
    ("duplicate parameter", '{"name": "A", "parameters": {"x": 1, "x": 2}}', "duplicate_key"),
    ("duplicate by escape", '{"name": "A", "parameters": {"x": 1, "\\u0078": 2}}', "duplicate_key"),
    ("NaN", '{"name": "A", "parameters": {"x": NaN}}', "not_finite"),
    ("Infinity", '{"name": "A", "parameters": {"x": Infinity}}', "not_finite"),
    ("minus Infinity", '{"name": "A", "parameters": {"x": [-Infinity]}}', "not_finite"),
    ("overflow", '{"name": "A", "parameters": {"x": 1e999}}', "not_finite"),
    ("minus overflow", '{"name": "A", "parameters": {"x": -1e400}}', "not_finite"),
    ("escaped lone surrogate", '{"name": "A", "parameters": {"x": "\\ud800"}}', "bad_unicode"),
    ("reversed surrogates", '{"name": "A", "parameters": {"x": "\\ude00\\ud83d"}}', "bad_unicode"),
    ("surrogate in a key", '{"name": "A", "parameters": {"\\udfff": 1}}', "bad_unicode"),
    ("17 levels", '{"name": "A", "parameters": ' + '{"a":' * 16 + "1" + "}" * 16 + "}", "too_deep"),
    ("600 levels", '{"name": "A", "parameters": ' + '{"a":' * 600 + "1" + "}" * 600 + "}", "too_deep"),
    ("700 arrays", "[" * 700 + "]" * 700, "too_deep"),
    ("20,000 arrays", "[" * 20_000 + "]" * 20_000, "too_deep"),
]
"""What stands between <tool_call> and </tool_call>, and the kind of error in every dialect with tags."""

CALL = '{"name": "Point", "parameters": {}}'

FRAMES: list[tuple[str, str, str, str | None]] = [
    ("prose", "I think it is the left one.", "no_action", None),
    ("thought only", "<think>hm</think>", "no_action", "empty_answer"),
    ("unclosed thought", "<think>hm", "no_action", "unclosed_tag"),
    ("many open thoughts", "<think>" * 5000, "no_action", "unclosed_tag"),
    ("call inside the thought only", f"<think><tool_call>{CALL}</tool_call></think>", "no_action", "empty_answer"),
    ("unclosed call", f"<think>a</think><tool_call>{CALL}", "unclosed_tag", "unclosed_tag"),
    ("half a closing tag", f"<tool_call>{CALL}</tool_call", "unclosed_tag", "unclosed_tag"),
    ("closed only", f"{CALL}</tool_call>", "unclosed_tag", "unclosed_tag"),
    ("tags swapped", f"</tool_call>{CALL}<tool_call>", "unclosed_tag", "unclosed_tag"),
    ("nested calls", f"<tool_call><tool_call>{CALL}</tool_call></tool_call>", "nested_tags", "nested_tags"),
    ("many open calls", "<tool_call>" * 5000, "nested_tags", "nested_tags"),
    ("two calls", f"<tool_call>{CALL}</tool_call><tool_call>{CALL}</tool_call>", "several_calls", "several_calls"),
    ("a thousand calls", "<tool_call>{}</tool_call>" * 1000, "several_calls", "several_calls"),
    ("one of two calls broken", f"<tool_call>{CALL}</tool_call><tool_call>", "unclosed_tag", "unclosed_tag"),
    ("call and answer", f"<tool_call>{CALL}</tool_call><@>A</@>", "call_and_answer", "not an error"),
    ("answer and call", f"<@>A</@><tool_call>{CALL}</tool_call>", "call_and_answer", "not an error"),
    ("call inside the answer", f"<@><tool_call>{CALL}</tool_call></@>", "call_and_answer", "not an error"),
    ("two answers", "<@>A</@><@>B</@>", "several_answers", None),
    ("unclosed answer", "<think>a</think><@>\\boxed{A}", "unclosed_tag", None),
    ("answer closed only", "\\boxed{A}</@>", "unclosed_tag", None),
    ("nested answers", "<@><@>A</@></@>", "nested_tags", None),
    ("empty answer", "<think>a</think><@></@>", "empty_answer", None),
    ("blank answer", "<@> \n\u3000</@>", "empty_answer", None),
    ("empty box", "<@>\\boxed{}</@>", "empty_answer", "empty_answer"),
    ("blank box", "<@>\\boxed{ \t}</@>", "empty_answer", "empty_answer"),
    ("tag in capitals", f"<TOOL_CALL>{CALL}</TOOL_CALL>", "no_action", None),
    ("tag with a space", f"<tool_call >{CALL}</tool_call >", "no_action", None),
    ("full-width tag", f"\uff1ctool_call\uff1e{CALL}\uff1c/tool_call\uff1e", "no_action", None),
    ("zero-width tag", f"<tool\u200b_call>{CALL}</tool\u200b_call>", "no_action", None),
    ("right-to-left override", f"\u202e<tool_call\u202c>{CALL}", "no_action", None),
    ("emoji and accents", "🙂🧊🎁 e\u0301 \u200d \U0010ffff", "no_action", None),
    ("control characters", "\x00\x01\x1b[31m", "no_action", None),
    ("markdown call", f"```json\n{CALL}\n```", "no_action", None),
]
"""Whole texts (``<@>`` stands for the answer tag), the kind with an answer tag, and the kind in hermes: None where
the whole text is an answer, and "not an error" where it is a call."""

OPENAI: list[tuple[str, str, str]] = [
    ("prose", "It is A.", "bad_json"),
    ("tags", f"<tool_call>{CALL}</tool_call>", "bad_json"),
    ("array", "[]", "not_object"),
    ("string", '"A"', "not_object"),
    ("number", "7", "not_object"),
    ("empty object", "{}", "empty_answer"),
    ("null content", '{"content": null}', "empty_answer"),
    ("blank content", '{"content": "  "}', "empty_answer"),
    ("empty box", '{"content": "\\\\boxed{}"}', "empty_answer"),
    ("content is a list", '{"content": [{"type": "text", "text": "A"}]}', "bad_json"),
    ("content is a number", '{"content": 3}', "bad_json"),
    ("calls are an object", '{"tool_calls": {"function": {}}}', "bad_json"),
    ("calls are a string", '{"tool_calls": "Point"}', "bad_json"),
    ("call is a string", '{"tool_calls": ["Point"]}', "not_object"),
    ("call is null", '{"tool_calls": [null]}', "not_object"),
    ("no function", '{"tool_calls": [{"type": "function"}]}', "not_object"),
    ("function is a list", '{"tool_calls": [{"function": []}]}', "not_object"),
    ("two calls", '{"tool_calls": [{"function": {}}, {"function": {}}]}', "several_calls"),
    ("no name", '{"tool_calls": [{"function": {"arguments": "{}"}}]}', "missing_name"),
    ("bad name", '{"tool_calls": [{"function": {"name": 1, "arguments": "{}"}}]}', "bad_name"),
    ("no arguments", '{"tool_calls": [{"function": {"name": "Point"}}]}', "missing_arguments"),
    ("arguments not JSON", '{"tool_calls": [{"function": {"name": "P", "arguments": "image=1"}}]}', "bad_json"),
    ("arguments a list", '{"tool_calls": [{"function": {"name": "P", "arguments": "[]"}}]}', "bad_arguments"),
    ("arguments null", '{"tool_calls": [{"function": {"name": "P", "arguments": null}}]}', "bad_arguments"),
    ("arguments NaN", '{"tool_calls": [{"function": {"name": "P", "arguments": "{\\"x\\": NaN}"}}]}', "not_finite"),
    ("duplicate key", '{"content": "A", "content": "B"}', "duplicate_key"),
    ("NaN", '{"content": NaN}', "not_finite"),
    ("surrogate", '{"content": "\\ud800"}', "bad_unicode"),
    ("deep", '{"content": ' + "[" * 600 + "]" * 600 + "}", "too_deep"),
    ("deeper", "[" * 40_000 + "]" * 40_000, "too_deep"),
]
"""Whole texts in the ``openai`` dialect."""

ANYTHING: list[tuple[str, object, str]] = [
    ("None", None, "not_text"),
    ("number", 3, "not_text"),
    ("bytes", b"<response>A</response>", "not_text"),
    ("list", ["<response>A</response>"], "not_text"),
    ("dict", {"name": "Point"}, "not_text"),
    ("array", np.zeros(4), "not_text"),
    ("path", Path("x"), "not_text"),
    ("nothing", "", "empty"),
    ("white space", " \n\t\u3000\u2003", "empty"),
    ("lone surrogate", "<response>\ud83d</response>", "bad_unicode"),
    ("two lone surrogates", "\ude00 \ud83d", "bad_unicode"),
    ("one too many", "x" * (MAX_ACTION_CHARS + 1), "too_long"),
    ("1 MB", '<tool_call>{"name": "' + "a" * 1_000_000 + '", "parameters": {}}</tool_call>', "too_long"),
    ("10 MB", "<think>" * 1_500_000, "too_long"),
]
"""Refused in every dialect."""


def assert_typed(parsed: ParsedAction, kind: str) -> None:
    assert parsed.error_kind == kind, parsed.error
    assert kind in KINDS
    assert parsed.error
    assert parsed.call is None
    assert parsed.answer is None
    assert parsed.format_ok is False
    parsed.text.encode()
    parsed.error.encode()
    assert len(parsed.error) < 400
    assert len(parsed.text) <= MAX_ACTION_CHARS + 1


def test_the_corpus_is_large_and_covers_every_kind() -> None:
    expected = [kind for *_, kind in BODIES + OPENAI] + [kind for *_, kind, _ in FRAMES] + [k for *_, k in ANYTHING]
    assert len(expected) >= 60
    assert set(expected) == KINDS
    assert len(KINDS) == 21


@pytest.mark.parametrize("name", TAGGED)
@pytest.mark.parametrize(("body", "kind"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_bodies(name: str, body: str, kind: str) -> None:
    dialect = DIALECTS.load(name)
    assert_typed(dialect.parse(f"<think>Look.</think><tool_call>{body}</tool_call>"), kind)
    assert_typed(dialect.parse(f"<tool_call>\n{body}\n</tool_call>"), kind)


@pytest.mark.parametrize("name", TAGGED)
@pytest.mark.parametrize(("text", "kind", "hermes"), [case[1:] for case in FRAMES], ids=[case[0] for case in FRAMES])
def test_frames(name: str, text: str, kind: str, hermes: str | None) -> None:
    parsed = DIALECTS.load(name).parse(text.replace("@>", f"{ANSWER_TAG.get(name, 'response')}>"))
    if name != "hermes":
        assert_typed(parsed, kind)
    elif hermes is None:
        assert parsed.answer
        assert parsed.error is None
    elif hermes == "not an error":
        assert parsed.call is not None
        assert parsed.call.name == "Point"
    else:
        assert_typed(parsed, hermes)


@pytest.mark.parametrize(("text", "kind"), [case[1:] for case in OPENAI], ids=[case[0] for case in OPENAI])
def test_openai(text: str, kind: str) -> None:
    assert_typed(DIALECTS.load("openai").parse(text), kind)


@pytest.mark.parametrize("name", DIALECTS.names())
@pytest.mark.parametrize(("value", "kind"), [case[1:] for case in ANYTHING], ids=[case[0] for case in ANYTHING])
def test_anything(name: str, value: object, kind: str) -> None:
    assert_typed(DIALECTS.load(name).parse(value), kind)


@pytest.mark.parametrize("name", DIALECTS.names())
def test_surrogates_in_refused_text_are_replaced(name: str) -> None:
    assert DIALECTS.load(name).parse("a\ud83d\ude00b").text == "a\ufffd\ufffdb"


LENIENT = [
    ("other arguments key", '<think>a</think><tool_call>{"name": "P", "arguments": {}}</tool_call>'),
    ("fenced", f"<think>a</think><tool_call>```json\n{CALL}\n```</tool_call>"),
    ("further key", '<think>a</think><tool_call>{"name": "P", "parameters": {}, "id": 1}</tool_call>'),
    ("no thought", f"<tool_call>{CALL}</tool_call>"),
    ("empty thought", f"<think> </think><tool_call>{CALL}</tool_call>"),
    ("two thoughts", f"<think>a</think><think>b</think><tool_call>{CALL}</tool_call>"),
    ("thought after", f"<tool_call>{CALL}</tool_call><think>a</think>"),
    ("words before", f"Well. <think>a</think><tool_call>{CALL}</tool_call>"),
    ("words between", f"<think>a</think> so <tool_call>{CALL}</tool_call>"),
    ("words after", f"<think>a</think><tool_call>{CALL}</tool_call> now"),
    ("call mentioned in the thought", f"<think>a <tool_call> b</think><tool_call>{CALL}</tool_call>"),
    ("unclosed thought", f"<think>a<tool_call>{CALL}</tool_call>"),
    ("answer without a box", "<think>a</think><response>A</response>"),
    ("words after the answer", "<think>a</think><response>\\boxed{A}</response>."),
]


@pytest.mark.parametrize("text", [case[1] for case in LENIENT], ids=[case[0] for case in LENIENT])
def test_readable_but_not_strict(text: str) -> None:
    parsed = DIALECTS.load("adareasoner").parse(text)
    assert parsed.error is None
    assert parsed.call is not None or parsed.answer == "A"
    assert parsed.format_ok is False


@pytest.mark.parametrize("text", ["\\boxed{A}", "It is \\boxed{A}.", "\\boxed{B} no, \\boxed{A}", "\\boxed{ A }"])
def test_the_last_box_is_the_answer(text: str) -> None:
    parsed = DIALECTS.load("adareasoner").parse(f"<think>a</think>\n<response>{text}</response>\n")
    assert parsed.answer == "A"
    assert parsed.format_ok


PIECES = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<response>", "</response>", "<answer>", "</answer>"]
PIECES += ["{", "}", "[", "]", '"', ":", ",", "\\", '"name"', '"parameters"', '"tool_calls"', '"function"', "\\boxed{"]
PIECES += ["NaN", "1e999", "\ud800", "\\ud800", "🙂", "\x00", " ", "a", "0", "```", "null", CALL]


@pytest.mark.parametrize("name", DIALECTS.names())
@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
def test_parsing_is_total(name: str, text: str) -> None:
    parsed = DIALECTS.load(name).parse(text)
    assert [parsed.call is not None, parsed.answer is not None, parsed.error is not None].count(True) == 1
    assert (parsed.error is None) == (parsed.error_kind is None)
    if parsed.error is not None:
        assert parsed.error_kind is not None
        assert_typed(parsed, parsed.error_kind)
    else:
        assert parsed.text == text


FLOODS = ["<think>", "</think>", "<think></think>", "<tool_call>", "<tool_call></tool_call>", "</tool_call>", "<"]
FLOODS += ["<think>a</think><tool_call>", "\\boxed{", "}", "\\boxed{}", "[", '{"a":', "```", " ", "<response>"]


@pytest.mark.parametrize("name", DIALECTS.names())
@pytest.mark.parametrize("flood", FLOODS)
def test_time_is_linear_in_the_length(name: str, flood: str) -> None:
    text = flood * (MAX_ACTION_CHARS // len(flood))
    dialect = DIALECTS.load(name)
    spent = []
    for _ in range(3):
        start = time.thread_time()
        dialect.parse(text)
        spent.append(time.thread_time() - start)
    # A quadratic parser needs seconds here, a linear one about a millisecond.
    assert min(spent) < 0.05
