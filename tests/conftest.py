"""What tests of several folders share: a model small enough for them, and an endpoint that does as it is told.

The model has fresh weights, its own tokenizer, and one thread.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from adagym.policies.hf import HFPolicy

CORPUS = (
    "<think>Find the player.</think><tool_call>"
    '{"name": "Point", "parameters": {"image": "img_1", "description": "Elf"}}</tool_call>',
    '{"tool_response_from": "Point", "status": "success", "error_code": 0, "points": [[96, 32]]}',
    "<think>The path is safe.</think><response>\\boxed{R,R,D}</response>",
    "Tools:\nPoint(image, description): Find things in a picture.\nWrite <think></think>, then one <tool_call>.",
    "New image generated and saved as: img_2. Where is the player? Go to the present. Say A, B, C or D. left right",
)


@pytest.fixture(scope="session")
def new_policy() -> Callable[[int], HFPolicy]:
    """Makes a policy of 0.4 M parameters from a seed."""
    import torch

    from adagym.policies.tiny import new_tiny

    torch.set_num_threads(1)
    return lambda seed: new_tiny(CORPUS, seed, width=32, layers=2)


@pytest.fixture(scope="session")
def policy(new_policy: Callable[[int], HFPolicy]) -> HFPolicy:
    """One that tests only read."""
    return new_policy(0)


class FakeEndpoint:
    """An OpenAI-compatible server whose behaviour a test scripts.

    ``script(number, body)`` says what the request of that number (from 0) gets: a text becomes a completion with that
    content, a dict is sent as JSON, bytes as they are, a pair
    adds the status, a triple the headers too, and a function is called with the handler and does what it likes.
    """

    def __init__(self) -> None:
        self.script: Callable[[int, dict[str, Any]], Any] = lambda number, body: "hello"
        self.requests: list[dict[str, Any]] = []
        """Bodies, in the order in which they came."""
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.stopped = threading.Event()
        """Set at the end; what sleeps should wait for it."""
        self._lock = threading.Lock()
        self._server = self._listen()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _listen(self) -> ThreadingHTTPServer:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with fake._lock:
                    number = len(fake.requests)
                    fake.requests.append(body)
                    fake.headers.append(dict(self.headers))
                    fake.paths.append(self.path)
                    told = fake.script(number, body)
                try:
                    told(self) if callable(told) else fake._send(self, told)
                except OSError:
                    pass  # the client hung up, as it should if the answer is bad enough

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        return Server(("127.0.0.1", 0), Handler)

    def _send(self, handler: BaseHTTPRequestHandler, told: Any) -> None:
        status, payload, headers = (*told, {}, {})[:3] if isinstance(told, tuple) else (200, told, {})
        if isinstance(payload, str):
            payload = completion(payload) if status == 200 else {"error": {"message": payload}}
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(content), **headers}.items():
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(content)


def completion(content: Any, **fields: Any) -> dict[str, Any]:
    """A whole reply; ``fields`` go into the message."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content, **fields}}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}


@pytest.fixture
def fake_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEndpoint]:
    """A scripted endpoint; see :class:`FakeEndpoint`. The key in the environment is ``sk-secret``."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    served = FakeEndpoint()
    yield served
    served.close()
