"""Thoughts from a model, against a server that speaks just enough of the OpenAI interface."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from adagym.algos.curate import CurationConfig, curate
from adagym.algos.curation.thoughts import RETRIES, transcript
from adagym.errors import UsageError

NAVIGATION = "adagym/VSPNavigation-v0"

Script = Callable[[int, int], tuple[int, str]]
"""(number of the request, number of gaps) -> (HTTP status, text of the reply)."""


class Model:
    """A server that answers by a script."""

    def __init__(self) -> None:
        self.script: Script = lambda request, gaps: (200, thoughts(gaps))
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.keys.append(self.headers["Authorization"])
                model.requests.append({"path": self.path, **body})
                prompt = body["messages"][0]["content"]
                gaps = len(re.findall(r"<think>\[\d+\] ", prompt))
                status, text = model.script(len(model.requests), gaps)
                message = {"role": "assistant", "content": text}
                choice = {"index": 0, "finish_reason": "stop", "message": message}
                reply = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
                content = json.dumps(reply if status == 200 else {"error": {"message": text}}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("retry-after-ms", "1")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def spec(self) -> str:
        return f"openai:org/model@http://127.0.0.1:{self.server.server_address[1]}/v1"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    served = Model()
    yield served
    served.close()


def thoughts(count: int) -> str:
    return "\n".join(f"<think>Thought number {number}.</think>" for number in range(count))


def config(model: Model, **changes: Any) -> CurationConfig:
    return CurationConfig(
        **{"env": NAVIGATION, "mix": {"direct": 1.0}, "n": 1, "cot": model.spec, "cot_workers": 1, **changes}
    )


def test_the_thoughts_of_the_model_are_put_in_place(model: Model) -> None:
    made = curate(config(model, mix={"direct": 1.0, "tool_failure": 1.0}, n=4, cot_workers=4))
    assert len(made.rows) == 4
    assert made.rejections == ()
    for trajectory in made.trajectories:
        assert [s.parsed.think for s in trajectory.steps] == [
            f"Thought number {n}." for n in range(len(trajectory.steps))
        ]
        assert trajectory.reward_parts["format"] == 1
    assert model.keys == ["Bearer a key"] * 4
    assert {(request["path"], request["model"]) for request in model.requests} == {
        ("/v1/chat/completions", "org/model")
    }


def test_the_model_sees_the_whole_episode_and_its_gaps(model: Model) -> None:
    (row,) = curate(config(model)).rows
    prompt = model.requests[0]["messages"][0]["content"]
    assert "exactly 5 blocks" in prompt
    assert [int(number) for number in re.findall(r"<think>\[(\d+)\] ", prompt)] == [1, 2, 3, 4, 5]
    for message in row.messages:
        if message.role != "assistant":
            assert message.text.split("\n")[0] in prompt
    assert "[img_1]" in prompt
    assert transcript(row.trajectory) != prompt


@pytest.mark.parametrize("dialect", ["hermes", "openai"])
def test_other_dialects_get_their_thoughts_too(model: Model, dialect: str) -> None:
    (row,) = curate(config(model, dialect=dialect)).rows
    assert all(f"Thought number {number}." in step.action for number, step in enumerate(row.trajectory.steps))


@pytest.mark.parametrize("bad", ["wrong number", "empty", "marks"])
def test_an_unusable_reply_is_asked_for_again(model: Model, bad: str) -> None:
    def script(request: int, gaps: int) -> tuple[int, str]:
        first = {
            "wrong number": thoughts(gaps - 1),
            "empty": thoughts(gaps - 1) + "<think> </think>",
            "marks": thoughts(gaps - 1) + "<think>I <tool_call> now</think>",
        }[bad]
        return 200, first if request == 1 else thoughts(gaps)

    model.script = script
    made = curate(config(model))
    assert len(made.rows) == 1
    assert len(model.requests) == 2


def test_a_row_without_usable_thoughts_is_rejected_and_counted(model: Model) -> None:
    model.script = lambda request, gaps: (200, thoughts(gaps + 1))
    made = curate(config(model))
    assert made.summary() == {"direct": {"wanted": 1, "made": 0, "rejected": {"wrong number of thoughts": 4}}}
    assert len(model.requests) == 4 * (1 + RETRIES)


def test_server_errors_pass(model: Model) -> None:
    model.script = lambda request, gaps: (500, "busy") if request < 3 else (200, thoughts(gaps))
    assert len(curate(config(model)).rows) == 1
    assert len(model.requests) == 3


def test_a_refused_request_costs_its_row_only(model: Model) -> None:
    model.script = lambda request, gaps: (400, "too long") if request == 1 else (200, thoughts(gaps))
    made = curate(config(model, n=2))
    assert len(made.rows) == 2
    assert [rejection.reason for rejection in made.rejections] == ["request refused by the model"]


@pytest.mark.parametrize("status", [401, 404, 500])
def test_an_endpoint_that_does_not_answer_stops_the_run(model: Model, status: int) -> None:
    model.script = lambda request, gaps: (status, "no")
    with pytest.raises(UsageError, match=r"`org/model` at http.* does not answer .*OPENAI_API_KEY"):
        curate(config(model))


@pytest.mark.parametrize(
    "spec", ["openai", "openai:model", "openai:@http://x", "openai:m@localhost", "anthropic:m@http://x"]
)
def test_specs_of_another_form_are_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="openai:MODEL@URL"):
        curate(CurationConfig(NAVIGATION, n=1, cot=spec))
