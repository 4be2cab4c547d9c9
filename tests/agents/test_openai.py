"""The agent behind ``openai:``: what it sends, what it makes of replies, and what it survives."""

from __future__ import annotations

import base64
import functools
import io
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import adagym  # noqa: F401  (registers the environments)
from adagym.agents.endpoint import Completion, Endpoint
from adagym.agents.openai import OpenAIAgent, OpenAIConfig, action_text
from adagym.agents.openai_messages import PictureFormat, Transcript
from adagym.algos.collect import Collector, Job, Rollout
from adagym.errors import UsageError
from adagym.protocol import DIALECTS
from adagym.types import ImageBlock, Message, TextBlock, ToolCall, ToolResult

PLAIN = PictureFormat()
ANSWER = "<think></think><response>\\boxed{R,R,D,D}</response>"
LOOK = DIALECTS.load("adareasoner").write_call(ToolCall("Point", {"image": "img_1", "description": "Elf"}), "Look.")
DRAW = ToolCall("Draw2DPath", {"image": "img_1", "start_point": [32, 32], "directions": "R"})


def picture(seed: int, height: int = 24, width: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def opening(*pictures: np.ndarray) -> list[Message]:
    shown = [ImageBlock(f"img_{number}", image) for number, image in enumerate(pictures, 1)]
    return [Message("system", (TextBlock("You see."),)), Message("user", (*shown, TextBlock("Where?")))]


def drawn(dialect: str, number: int) -> list[Message]:
    """A call and its result, with a picture named ``img_<number>``."""
    spoken = DIALECTS.load(dialect)
    result = ToolResult("Draw2DPath", "success", "Drawn.", images=(picture(number),))
    action = Message("assistant", (TextBlock(spoken.write_call(DRAW, "Draw.")),))
    return [action, spoken.observe(result, [f"img_{number}"])]


def loaded(part: dict[str, Any]) -> tuple[str | None, np.ndarray]:
    """The format and the pixels of a picture as sent."""
    head, _, data = part["image_url"]["url"].partition(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == f"data:image/{str(image.format).lower()};base64"
    return image.format, np.asarray(image.convert("RGB"))


def pictures_in(messages: list[dict[str, Any]]) -> list[np.ndarray]:
    parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
    return [loaded(part)[1] for part in parts if part["type"] == "image_url"]


# What is sent.


def test_the_opening_is_sent_pixel_by_pixel() -> None:
    transcript = Transcript("adareasoner", PLAIN)
    transcript.extend(opening(picture(1), picture(2)))
    system, user = transcript.messages
    assert system == {"role": "system", "content": "You see."}
    assert [part["type"] for part in user["content"]] == ["image_url", "image_url", "text"]
    assert user["content"][2] == {"type": "text", "text": "Where?"}
    for number, part in enumerate(user["content"][:2], 1):
        kind, pixels = loaded(part)
        assert kind == "PNG"
        np.testing.assert_array_equal(pixels, picture(number))


def test_pictures_can_be_smaller() -> None:
    transcript = Transcript("adareasoner", PictureFormat("jpeg", 20))
    transcript.extend(opening(picture(1), picture(2, 10, 20)))
    parts = transcript.messages[1]["content"]
    assert "img_1 has 40x24 pixels, in which coordinates count; it is shown with 20x12" in parts[0]["text"]
    assert [part["type"] for part in parts] == ["text", "image_url", "image_url", "text"]
    assert [(loaded(part)[0], loaded(part)[1].shape) for part in parts[1:3]] == [
        ("JPEG", (12, 20, 3)),
        ("JPEG", (10, 20, 3)),
    ]


@pytest.mark.parametrize(("dialect", "wrapped"), [("adareasoner", False), ("hermes", True)])
def test_text_dialects_send_results_as_user(dialect: str, wrapped: bool) -> None:
    messages = [*opening(picture(1)), *drawn(dialect, 2)]
    transcript = Transcript(dialect, PLAIN)
    transcript.extend(messages[:2])
    transcript.extend(messages)
    assert [message["role"] for message in transcript.messages] == ["system", "user", "assistant", "user"]
    assert transcript.messages[2]["content"] == messages[2].text
    parts = transcript.messages[3]["content"]
    text = "".join(part.get("text", "") for part in parts)
    inner = messages[3].text
    assert text == (f"<tool_response>\n{inner}\n</tool_response>" if wrapped else inner)
    assert len(pictures_in([transcript.messages[3]])) == 1


def test_native_calls_and_their_pictures() -> None:
    transcript = Transcript("openai", PLAIN)
    transcript.extend([*opening(picture(1)), *drawn("openai", 2), *drawn("openai", 3)])
    roles = ["system", "user", "assistant", "tool", "user", "assistant", "tool", "user"]
    assert [message["role"] for message in transcript.messages] == roles
    call, result, shown = transcript.messages[2:5]
    assert call["content"] == "Draw."
    assert [c["function"]["name"] for c in call["tool_calls"]] == ["Draw2DPath"]
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == DRAW.arguments
    ids = [transcript.messages[place]["tool_calls"][0]["id"] for place in (2, 5)]
    assert [transcript.messages[place]["tool_call_id"] for place in (3, 6)] == ids == ["call00001", "call00002"]
    assert json.loads(result["content"].split("\n")[0])["status"] == "success"
    assert shown["content"][0] == {"type": "text", "text": "img_2:"}
    np.testing.assert_array_equal(loaded(shown["content"][1])[1], picture(2))


def test_calls_that_cannot_be_used_go_back_as_text() -> None:
    bad = '{"content": "", "tool_calls": [{"function": {"name": "Crop", "arguments": "{"}}]}'
    spoken = DIALECTS.load("openai")
    messages = [Message("assistant", (TextBlock(bad),)), spoken.complain(spoken.parse(bad).error or "")]
    transcript = Transcript("openai", PLAIN)
    transcript.extend([*opening(picture(1)), *messages])
    assert transcript.messages[2] == {"role": "assistant", "content": bad}
    assert [message["role"] for message in transcript.messages[3:]] == ["user"]


@pytest.mark.parametrize("dialect", ["adareasoner", "hermes", "openai"])
def test_pictures_of_tools_are_left_out_oldest_first(dialect: str) -> None:
    transcript = Transcript(dialect, PLAIN)
    messages = [*opening(picture(0), picture(1))]
    transcript.extend(messages)
    for number in range(3, 8):
        messages += drawn(dialect, number)
    transcript.extend(messages)
    for dropped, left in ((3, [6, 7]), (1, [7]), (1, []), (0, [])):
        assert transcript.drop() == dropped
        found = pictures_in(transcript.messages)
        assert len(found) == 2 + len(left)
        for pixels, seed in zip(found, [0, 1, *left], strict=True):
            np.testing.assert_array_equal(pixels, picture(seed))
        assert [json.loads(message) for message in transcript.written()] == transcript.messages
    assert "[img_3 is left out here: the conversation is too long. It still exists.]" in json.dumps(transcript.messages)
    messages += drawn(dialect, 8)
    transcript.extend(messages)
    assert len(pictures_in(transcript.messages)) == 3


# What is made of replies.


@pytest.mark.parametrize(
    ("dialect", "text", "action"),
    [
        ("adareasoner", f"{LOOK}\n{{'invented': 'result'}}{ANSWER}", LOOK),
        ("adareasoner", ANSWER, ANSWER),
        ("hermes", "<tool_call>{}</tool_call><tool_call>{}</tool_call>", "<tool_call>{}</tool_call>"),
        ("openai", "\\boxed{R}", '{"content": "\\\\boxed{R}"}'),
    ],
)
def test_replies_end_at_the_first_stop(dialect: str, text: str, action: str) -> None:
    assert action_text(Completion(text), dialect) == action


def test_thoughts_beside_the_text_come_back_into_it() -> None:
    apart = Completion("<response>\\boxed{R}</response>", reasoning="Right.")
    assert action_text(apart, "adareasoner") == "<think>Right.</think><response>\\boxed{R}</response>"
    assert action_text(Completion(ANSWER, reasoning="Right."), "adareasoner") == ANSWER
    assert json.loads(action_text(apart, "openai")) == {"content": apart.text}


def test_calls_beside_the_text_come_back_into_it() -> None:
    call = {"type": "function", "function": {"name": "Crop", "arguments": '{"image": "img_1"}'}}
    action = action_text(Completion("", (call, call), reasoning="Look."), "hermes")
    assert action == DIALECTS.load("hermes").write_call(ToolCall("Crop", {"image": "img_1"}), "Look.")


# Episodes.


def play(agent: OpenAIAgent, tasks: Sequence[int] = (0,), n_envs: int = 8, **env_kwargs: Any) -> list[Rollout]:
    kwargs = {"tasks": "vsp-generated:sides=3-3,n=40,seed=1", "max_turns": 4, **env_kwargs}
    make = functools.partial(gym.make, "adagym/VSPNavigation-v0", disable_env_checker=True, **kwargs)
    collector = Collector(make, agent, n_envs)
    try:
        return sorted(collector.collect([Job(task, 5 + task) for task in tasks]), key=lambda rollout: rollout.index)
    finally:
        collector.close()
        agent.close()


def agent_of(fake: Any, **options: Any) -> OpenAIAgent:
    connection = {"timeout": options.pop("timeout", 5.0), "retries": options.pop("retries", 1)}
    return OpenAIAgent(Endpoint("m", fake.url, **connection), OpenAIConfig(**options))


def test_an_episode_in_text(fake_endpoint: Any) -> None:
    fake_endpoint.script = lambda number, body: (LOOK, ANSWER)[number]
    (rollout,) = play(agent_of(fake_endpoint, temperature=0.7, max_tokens=99))
    trajectory = rollout.trajectory
    assert trajectory.outcome == "answered"
    assert trajectory.actions == (LOOK, ANSWER)
    assert trajectory.reward is not None
    first, second = fake_endpoint.requests
    assert {key: first[key] for key in ("model", "temperature", "max_tokens")} == {
        "model": "m",
        "temperature": 0.7,
        "max_tokens": 99,
    }
    assert "tools" not in first
    assert "stop" not in first
    assert first["seed"] != second["seed"]
    assert second["messages"][:2] == first["messages"]
    assert second["messages"][2]["content"] == LOOK
    np.testing.assert_array_equal(pictures_in(first["messages"])[0], trajectory.messages[1].images[0])
    assert [(turn.prompt_tokens, turn.completion_tokens, turn.retries) for turn in rollout.usage] == [(7, 3, 0)] * 2
    assert all(turn.seconds > 0 for turn in rollout.usage)


def test_an_episode_with_native_calls(fake_endpoint: Any) -> None:
    function = {"name": "Draw2DPath", "arguments": json.dumps(DRAW.arguments)}
    message = {"content": None, "tool_calls": [{"id": "abc", "type": "function", "function": function}]}
    script = ({"choices": [{"message": message}]}, "So \\boxed{R,R}.")
    fake_endpoint.script = lambda number, body: script[number]
    (rollout,) = play(agent_of(fake_endpoint), dialect="openai")
    assert rollout.trajectory.outcome == "answered"
    assert rollout.trajectory.answer == "R,R"
    assert rollout.trajectory.calls[0].ok
    first, second = fake_endpoint.requests
    assert "Draw2DPath" in [tool["function"]["name"] for tool in first["tools"]]
    assert first["tools"][0]["function"]["parameters"]["type"] == "object"
    assert [m["role"] for m in second["messages"]] == ["system", "user", "assistant", "tool", "user"]
    assert len(pictures_in(second["messages"])) == 2


def test_equal_seeds_send_equal_requests(fake_endpoint: Any) -> None:
    fake_endpoint.script = lambda number, body: ANSWER
    for _ in range(2):
        play(agent_of(fake_endpoint), [0, 1], n_envs=1)
    once, again = fake_endpoint.requests[:2], fake_endpoint.requests[2:]
    assert once == again
    assert once[0]["seed"] != once[1]["seed"]
    play(agent_of(fake_endpoint, seeds=False, temperature=None, top_p=0.9, limit="max_completion_tokens"))
    last = fake_endpoint.requests[-1]
    assert {"seed", "temperature", "max_tokens"}.isdisjoint(last)
    assert (last["top_p"], last["max_completion_tokens"]) == (0.9, 2048)


def full_when(pictures: int) -> Callable[[int, dict[str, Any]], Any]:
    """Calls a drawing tool in each turn; refuses requests with more pictures than given."""
    draw = DIALECTS.load("adareasoner").write_call(DRAW, "Draw.")

    def script(number: int, body: dict[str, Any]) -> Any:
        too_many = len(pictures_in(body["messages"])) > pictures
        return (400, "This model's maximum context length is 99 tokens.") if too_many else draw

    return script


def test_a_full_context_costs_old_pictures_first(fake_endpoint: Any) -> None:
    fake_endpoint.script = full_when(2)
    (rollout,) = play(agent_of(fake_endpoint))
    assert rollout.trajectory.outcome == "truncated"  # by the turns allowed
    assert len(rollout.trajectory.steps) == 4
    assert [turn.dropped_images for turn in rollout.usage] == [0, 0, 1, 1]
    for body in fake_endpoint.requests:
        np.testing.assert_array_equal(pictures_in(body["messages"])[0], rollout.trajectory.messages[1].images[0])


def test_an_episode_that_cannot_be_made_to_fit_is_truncated(fake_endpoint: Any) -> None:
    def script(number: int, body: dict[str, Any]) -> Any:
        return LOOK if number == 0 else (400, "prompt is too long")

    fake_endpoint.script = script
    (rollout,) = play(agent_of(fake_endpoint))
    assert rollout.trajectory.outcome == "truncated"
    assert rollout.trajectory.reward is not None
    assert len(rollout.trajectory.steps) == 1
    assert len(rollout.usage) == 2


def test_a_first_prompt_that_does_not_fit_is_no_answer(fake_endpoint: Any) -> None:
    fake_endpoint.script = full_when(0)
    (rollout,) = play(agent_of(fake_endpoint))
    assert rollout.trajectory.outcome == "infra_failure"
    assert "Not even the first prompt fits" in (rollout.trajectory.error or "")
    assert rollout.trajectory.reward is None


HOSTILE: list[tuple[Any, str]] = [
    ((500, "broken"), "http_500"),
    (b'{"choices": [{"message"', "bad_json"),
    ({"choices": []}, "empty_choices"),
    ({"choices": [{"message": {"content": 5}}]}, "bad_type"),
    ((200, b"", {"Content-Length": 100_000_000}), "too_large"),
    ((400, "no"), "http_400"),
    ((302, "", {"Location": "/elsewhere"}), "redirect"),
    (lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "cut_off"),
]


def test_what_goes_wrong_voids_its_episode_and_no_other(fake_endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adagym.agents.endpoint._FIRST_WAIT", 0.001)
    tasks = range(2 * len(HOSTILE))
    openings: list[int] = []

    def script(number: int, body: dict[str, Any]) -> Any:
        if len(body["messages"]) == 2:
            openings.append(number)
            return LOOK
        place = len(openings) - 1
        return ANSWER if place % 2 else HOSTILE[place // 2][0]

    fake_endpoint.script = script
    rollouts = play(agent_of(fake_endpoint), tasks, n_envs=1)
    for place, rollout in enumerate(rollouts):
        trajectory = rollout.trajectory
        if place % 2:
            assert (trajectory.outcome, trajectory.error) == ("answered", None)
            continue
        assert trajectory.outcome == "infra_failure"
        assert trajectory.reward is None
        assert trajectory.error is not None
        assert trajectory.error.startswith(f"{HOSTILE[place // 2][1]}: ")
        assert len(rollout.usage) == 2
    assert rollouts[0].usage[1].retries == 1
    assert len(openings) == len(rollouts)


def test_many_requests_are_in_flight(fake_endpoint: Any) -> None:
    together = threading.Barrier(6, timeout=20)

    def wait(handler: Any) -> None:
        together.wait()
        fake_endpoint._send(handler, ANSWER)

    fake_endpoint.script = lambda number, body: wait
    agent = agent_of(fake_endpoint, parallel=6)
    assert agent.parallel == 6
    assert {rollout.trajectory.outcome for rollout in play(agent, range(12))} == {"answered"}


@pytest.mark.parametrize("status", [401, 404])
def test_an_endpoint_that_takes_nothing_stops_the_run(fake_endpoint: Any, status: int) -> None:
    fake_endpoint.script = lambda number, body: (status, "no")
    with pytest.raises(UsageError, match=r"`m` at http.*/v1 does not answer \(http_4.*OPENAI_API_KEY"):
        play(agent_of(fake_endpoint), range(3))


def test_one_that_did_answer_once_does_not(fake_endpoint: Any) -> None:
    fake_endpoint.script = lambda number, body: (404, "no") if number else ANSWER
    rollouts = play(agent_of(fake_endpoint), range(3), n_envs=1)
    assert [rollout.trajectory.outcome for rollout in rollouts] == ["answered", "infra_failure", "infra_failure"]


def test_a_bug_is_named_and_voids_its_episode(fake_endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = agent_of(fake_endpoint)
    monkeypatch.setattr(agent.endpoint, "chat", lambda messages, **fields: 1 // 0)
    (rollout,) = play(agent)
    assert rollout.trajectory.error == "bug: ZeroDivisionError: integer division or modulo by zero"


def test_an_abandoned_episode_holds_nobody_up(fake_endpoint: Any) -> None:
    both = threading.Event()

    def answer(handler: Any) -> None:
        assert both.wait(20)
        fake_endpoint._send(handler, ANSWER)

    def hang(handler: Any) -> None:
        both.set()
        fake_endpoint.stopped.wait(20)

    fake_endpoint.script = lambda number, body: hang if number == 1 else answer
    agent = agent_of(fake_endpoint, timeout=30.0)
    make = functools.partial(gym.make, "adagym/VSPNavigation-v0", disable_env_checker=True)
    collector = Collector(make, agent, 2)
    next(iter(collector.collect([Job(0, 1), Job(1, 2)])))  # the other one hangs
    assert next(iter(collector.collect([Job(2, 3)]))).trajectory.outcome == "answered"
    collector.close()
    agent.close()
    for thread in agent._pool._threads:
        thread.join(10)
        assert not thread.is_alive()
