"""Play in the terminal, without a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import pytest
from rich.console import Console

from adagym.agents.fields import Field, describe, fields_of, fill_in, kind_of, read_value
from adagym.agents.human import HumanAgent, Quit, Undo
from adagym.agents.seat import GymEnv, bare, conversation_at
from adagym.errors import UsageError
from adagym.play.plain import PlainGame
from adagym.play.session import Session
from adagym.types import ToolCall, ToolSpec, Trajectory


def make() -> GymEnv:
    env: GymEnv = gym.make("adagym/VSPVerification-v0", disable_env_checker=True)
    return env


def typist(lines: Sequence[str]) -> Callable[[str], str]:
    """Types the lines one by one, then ends the input."""
    waiting = list(lines)

    def type_line(prompt: str) -> str:
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    return type_line


def play(*lines: str) -> tuple[Trajectory, str]:
    output = io.StringIO()
    session = Session.start(make, task=0, seed=1)
    trajectory = PlainGame(session, Console(file=output, width=100), typist(lines)).play()
    return trajectory, output.getvalue()


FORM = ["Point", "img_1", "Elf"]


def test_a_form_makes_a_call_and_a_word_an_answer() -> None:
    trajectory, output = play(*FORM, "Yes", "")
    assert trajectory.outcome == "answered"
    assert trajectory.steps[0].parsed.call is not None
    assert trajectory.steps[0].parsed.call.arguments == {"image": "img_1", "description": "Elf"}
    assert trajectory.steps[0].parsed.format_ok
    assert trajectory.calls[0].ok
    assert trajectory.answer == "Yes"
    assert "▀" in output
    assert "img_1, " in output
    assert "img_2, " in output
    assert "The episode is over: answered, reward" in output


def test_tool_names_are_found_in_any_case() -> None:
    trajectory, _ = play("point", *FORM[1:], ":quit")
    assert [step.parsed.call.name for step in trajectory.steps if step.parsed.call] == ["Point"]
    assert trajectory.outcome == "running"


def test_raw_text_goes_as_it_stands() -> None:
    for line in (":raw <think>a</think><response>\\boxed{No}</response>", "<response>\\boxed{No}</response>"):
        trajectory, _ = play(line, "")
        assert trajectory.actions == (line.removeprefix(":raw "),)
        assert trajectory.answer == "No"


def test_undo_takes_actions_back_one_by_one() -> None:
    trajectory, output = play(*FORM, ":undo", ":undo", "Yes", ":undo", "No", "")
    assert trajectory.actions == ("<think>...</think><response>\\boxed{No}</response>",)
    assert "There is no action to take back." in output
    assert output.count("The episode is over") == 2


def test_undo_gives_the_same_episode_as_never_acting() -> None:
    undone, _ = play(*FORM, ":undo", *FORM, "Yes", "")
    plain, _ = play(*FORM, "Yes", "")
    assert undone.actions == plain.actions
    assert undone.reward == plain.reward
    assert [message.text for message in undone.messages] == [message.text for message in plain.messages]


@pytest.mark.parametrize("lines", [[":quit"], [], [*FORM[:2], ":nonsense"]])
def test_quitting_and_the_end_of_input_leave_the_episode_running(lines: list[str]) -> None:
    trajectory, _ = play(*lines)
    assert trajectory.outcome == "running"
    assert trajectory.reward is None


def test_questions_are_answered_and_cost_nothing() -> None:
    trajectory, output = play("", "?", ":help", ":tools", ":hlep", "</response>", "Yes", "")
    assert len(trajectory.steps) == 2  # text that starts like a tag is sent
    assert output.count("Type one of these") == 3
    assert "Point: " in output
    assert "There is no command :hlep" in output


def test_an_answer_that_cannot_be_written_is_asked_again() -> None:
    trajectory, output = play("a}{", "Yes", "")
    assert trajectory.answer == "Yes"
    assert len(trajectory.steps) == 1
    assert "cannot be written" in output


def test_enter_takes_the_only_picture_but_not_one_of_two() -> None:
    trajectory, output = play("Point", "", "Elf", "Point", "", "img_2", "Elf", "Yes", "")
    calls = [step.parsed.call for step in trajectory.steps[:2]]
    assert calls == [ToolCall("Point", {"image": name, "description": "Elf"}) for name in ("img_1", "img_2")]
    assert "There is no picture ''; there is img_1, img_2." in output


def test_a_form_can_be_closed() -> None:
    trajectory, output = play("Point", "img_1", ":undo", "Yes", "")
    assert len(trajectory.steps) == 1
    assert "The form of Point is closed" in output
    assert play("Point", "img_1", ":quit")[0].steps == ()


def test_new_messages_are_shown_once() -> None:
    _, output = play(*FORM, "Yes", "")
    assert output.count("action sequence is") == 1
    assert output.count("tool_response_from") == 1


def test_signals_are_raised_to_the_caller() -> None:
    env = make()
    env.reset(seed=0)
    console = Console(file=io.StringIO())
    with pytest.raises(Undo):
        HumanAgent(console, typist([":undo"])).write(conversation_at(env, "a", turn=0))
    with pytest.raises(Quit):
        HumanAgent(console, typist([])).write(conversation_at(env, "a", turn=0))


def test_as_an_ordinary_agent() -> None:
    env = make()
    env.reset(seed=0)
    output = io.StringIO()
    conversation = conversation_at(env, "a", turn=0)
    texts = HumanAgent(Console(file=output), typist([":undo", "Yes"])).act([conversation])
    assert texts == ["<think>...</think><response>\\boxed{Yes}</response>"]
    assert "adagym play" in output.getvalue()
    with pytest.raises(UsageError, match="quit"):
        HumanAgent(Console(file=output), typist([":quit"])).act([conversation])


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        ("Elf", {"type": "string"}, "Elf"),
        ("12", {"type": "string"}, "12"),
        ("12", {"type": "integer"}, 12),
        ("1.5", {"type": "number"}, 1.5),
        ("2", {"type": "number"}, 2),
        ("yes", {"type": "boolean"}, True),
        ("False", {"type": "boolean"}, False),
        ("[32, 96]", {"type": "array"}, [32, 96]),
        ("32, 96", {"type": "array"}, [32, 96]),
        ("[1,2],[3,4]", {"type": "array"}, [[1, 2], [3, 4]]),
        ("[]", {"type": "array"}, []),
        ('{"x": 1}', {"type": "object"}, {"x": 1}),
        ("null", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None),
        ("7", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, 7),
        ("7", {"type": ["integer", "null"]}, 7),
        ("3", {"anyOf": [{"type": "integer"}, {"type": "array"}]}, 3),
        ("3, 4", {"anyOf": [{"type": "integer"}, {"type": "array"}]}, [3, 4]),
        ("1", {"anyOf": [{"type": "integer"}, {"type": "string"}]}, 1),
        ("img_1", {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "img_1"),
    ],
)
def test_form_entries(text: str, schema: dict[str, Any], expected: object) -> None:
    assert read_value(text, schema) == expected
    assert type(read_value(text, schema)) is type(expected)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("x", "integer"), ("1.5", "integer"), ("true", "integer"), ("", "array"), ("a, b", "array"), ("1", "boolean")],
)
def test_form_entries_of_another_kind_are_refused(text: str, kind: str) -> None:
    with pytest.raises(UsageError, match=f"is not of the kind {kind}"):
        read_value(text, {"type": kind})


SPEC = ToolSpec(
    "Zoom",
    "Look closer.",
    {
        "type": "object",
        "properties": {
            "image": {"type": "string", "description": "The picture."},
            "factor": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["image"],
    },
)


def test_tools_are_described() -> None:
    assert (
        describe(SPEC) == "Zoom: Look closer.\n  image (string): The picture.\n  factor (integer or null, optional): "
    )
    assert kind_of({}) == "string"


NUMBERS = {"type": "array", "items": {"type": "number"}}
PLACES = {
    "point": {**NUMBERS, "minItems": 2, "maxItems": 2},
    "box": {**NUMBERS, "minItems": 4, "maxItems": 4},
}
PLACES |= {f"{name}{'es' if name == 'box' else 's'}": {"type": "array", "items": PLACES[name]} for name in list(PLACES)}


@pytest.mark.parametrize("name", PLACES)
def test_places_are_known_by_their_schemas(name: str) -> None:
    assert Field("x", PLACES[name], True).spot == name
    assert Field("x", PLACES[name], True).kind == name
    assert Field("x", NUMBERS, True).spot is None


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("point", "1, 2", [1, 2]),
        ("points", "[1, 2]", [[1, 2]]),
        ("points", "[1, 2], [3, 4]", [[1, 2], [3, 4]]),
        ("points", "[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ("points", "[]", []),
        ("boxes", "1, 2, 3, 4", [[1, 2, 3, 4]]),
    ],
)
def test_places_are_read_with_or_without_brackets(kind: str, text: str, expected: object) -> None:
    assert Field("x", PLACES[kind], True).read(text, ()) == expected


def test_a_field_refuses_what_its_schema_does() -> None:
    with pytest.raises(UsageError, match="too short"):
        Field("x", PLACES["box"], True).read("1, 2", ())
    with pytest.raises(UsageError, match="There is no picture 'img_9'; there is img_1, img_2"):
        Field("image", {"type": "string"}, True).read("img_9", ("img_1", "img_2"))


def test_completions() -> None:
    assert Field("image", {"type": "string"}, True).completions(("img_1",)) == ["img_1"]
    assert Field("unit", {"type": "string", "enum": ["a", "b"]}, True).completions(()) == ["a", "b"]
    assert Field("resize", {"type": "boolean"}, False).completions(()) == ["yes", "no"]
    assert Field("text", {"type": "string"}, True).completions(("img_1",)) == []


def test_a_filled_form_is_a_call_or_names_its_mistake() -> None:
    assert [item.name for item in fields_of(SPEC)] == ["image", "factor"]
    assert fill_in(SPEC, {"image": "img_1", "factor": " "}, ["img_1"]).arguments == {"image": "img_1"}
    with pytest.raises(UsageError, match=r"^image: fill this in; it takes string"):
        fill_in(SPEC, {}, ["img_1"])
    with pytest.raises(UsageError, match=r"^factor: 'x' is not of the kind"):
        fill_in(SPEC, {"image": "img_1", "factor": "x"}, ["img_1"])


def test_optional_fields_may_be_left_out_and_wrong_ones_are_asked_again() -> None:
    env = make()
    env.reset(seed=0)
    bare(env).action_space.tools = (SPEC,)
    output = io.StringIO()

    def write(*lines: str) -> str:
        agent = HumanAgent(Console(file=output), typist(lines))
        return agent.write(conversation_at(env, "a", turn=0))

    assert '"parameters": {"image": "img_1"}' in write("Zoom", "img_1", "")
    assert '"parameters": {"image": "img_1", "factor": 3}' in write("Zoom", "img_1", "three", "3")
    assert "'three' is not of the kind integer or null" in output.getvalue()
