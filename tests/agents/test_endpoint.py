"""The client for OpenAI-compatible endpoints, against a server that does its worst."""

from __future__ import annotations

import socket
import time
from email.utils import formatdate
from typing import Any

import pytest

from adagym.agents import transport
from adagym.agents.endpoint import (
    Address,
    Completion,
    ContextOverflow,
    Endpoint,
    EndpointError,
    Hostile,
    Refused,
    Retryable,
    asked_wait,
)
from adagym.errors import InfraError, UsageError

ASK = [{"role": "user", "content": "Where is the player?"}]
NOW = {"retry-after-ms": "1"}


def endpoint(fake: Any, **options: Any) -> Endpoint:
    return Endpoint("org/model", fake.url, **{"timeout": 5.0, "retries": 1, **options})


def choice(**message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": "hello", **message}}]}


def test_a_request_and_its_reply(fake_endpoint: Any) -> None:
    said = endpoint(fake_endpoint).chat(ASK, temperature=0.5, seed=3)
    assert (said.text, said.tool_calls, said.finish_reason) == ("hello", (), "stop")
    assert (said.usage.prompt_tokens, said.usage.completion_tokens, said.usage.retries) == (7, 3, 0)
    assert said.usage.seconds > 0
    asked = {"model": "org/model", "messages": ASK, "stream": False, "temperature": 0.5, "seed": 3}
    assert fake_endpoint.requests == [asked]
    assert fake_endpoint.paths == ["/v1/chat/completions"]
    assert fake_endpoint.headers[0]["Authorization"] == "Bearer sk-secret"


def test_without_a_key_none_is_sent(fake_endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    endpoint(fake_endpoint).chat(ASK)
    assert "Authorization" not in fake_endpoint.headers[0]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": None}, Completion("")),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]},
            Completion("ab"),
        ),
        ({"reasoning_content": "hm"}, Completion("hello", reasoning="hm")),
        ({"reasoning": 3}, Completion("hello")),
        (
            {"content": None, "tool_calls": [{"id": "1", "function": {"name": "Crop", "arguments": {"a": 1}}}]},
            Completion("", ({"type": "function", "function": {"name": "Crop", "arguments": '{"a": 1}'}},)),
        ),
        (
            {"tool_calls": [{"id": "1", "function": {"name": "Crop", "arguments": None}}]},
            Completion("hello", ({"type": "function", "function": {"name": "Crop", "arguments": ""}},)),
        ),
    ],
)
def test_forms_of_replies(fake_endpoint: Any, message: dict[str, Any], expected: Completion) -> None:
    fake_endpoint.script = lambda number, body: choice(**message)
    said = endpoint(fake_endpoint).chat(ASK)
    assert (said.text, said.tool_calls, said.reasoning) == (expected.text, expected.tool_calls, expected.reasoning)


@pytest.mark.parametrize("usage", [None, 3, [], {"prompt_tokens": "7"}, {"prompt_tokens": True}, {"prompt_tokens": -1}])
def test_tokens_that_make_no_sense_are_left_out(fake_endpoint: Any, usage: object) -> None:
    fake_endpoint.script = lambda number, body: {**choice(), "usage": usage}
    assert endpoint(fake_endpoint).chat(ASK).usage.prompt_tokens is None


HOSTILE: dict[str, tuple[Any, str]] = {
    "truncated JSON": (b'{"choices": [{"mess', "bad_json"),
    "no JSON": (b"<html>", "bad_json"),
    "nothing": (b"", "bad_json"),
    "not Unicode": (b'{"choices": "\xff\xfe"}', "bad_json"),
    "deep": (b"[" * 200_000, "bad_json"),
    "a long number": (b'{"choices": ' + b"9" * 10_000 + b"}", "bad_json"),
    "a list": (b"[]", "bad_type"),
    "no choices": ({"id": "x"}, "bad_type"),
    "empty choices": ({"choices": []}, "empty_choices"),
    "choices of another type": ({"choices": {"0": {}}}, "bad_type"),
    "a choice of another type": ({"choices": ["hello"]}, "bad_type"),
    "no message": ({"choices": [{}]}, "bad_type"),
    "a message of another type": ({"choices": [{"message": "hello"}]}, "bad_type"),
    "content of another type": (choice(content=5), "bad_type"),
    "parts of another type": (choice(content=["a"]), "bad_type"),
    "text of another type": (choice(content=[{"type": "text", "text": None}]), "bad_type"),
    "calls of another type": (choice(tool_calls={"name": "Crop"}), "bad_type"),
    "a call of another type": (choice(tool_calls=["Crop"]), "bad_type"),
    "a call without a function": (choice(tool_calls=[{"id": "1"}]), "bad_type"),
    "a call without a name": (choice(tool_calls=[{"function": {"arguments": "{}"}}]), "bad_type"),
    "arguments of another type": (choice(tool_calls=[{"function": {"name": "Crop", "arguments": 5}}]), "bad_type"),
    "a reason of another type": ({"choices": [{"message": {"content": "a"}, "finish_reason": 5}]}, "bad_type"),
    "elsewhere": ((302, "", {"Location": "http://elsewhere.invalid/"}), "redirect"),
    "permanently elsewhere": ((308, "", {"Location": "http://elsewhere.invalid/"}), "redirect"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_replies_are_named_and_not_asked_for_again(fake_endpoint: Any, name: str) -> None:
    told, kind = HOSTILE[name]
    fake_endpoint.script = lambda number, body: told
    asked = endpoint(fake_endpoint)
    with pytest.raises(Hostile, match=f"^{kind}: ") as caught:
        asked.chat(ASK)
    assert caught.value.kind == kind
    assert isinstance(caught.value, InfraError)
    assert len(fake_endpoint.requests) == 1
    assert not asked.answered


def drip(handler: Any) -> None:
    """A byte now and then, with a length that promises more."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not handler.server_stopped.wait(0.02):
        handler.wfile.write(b" ")


def drip_headers(handler: Any) -> None:
    while not handler.server_stopped.wait(0.02):
        handler.wfile.write(b"H")


def silence(handler: Any) -> None:
    handler.server_stopped.wait(10)


@pytest.mark.parametrize("slow", [drip, drip_headers, silence])
def test_slow_replies_end_at_the_time_limit_as_a_whole(fake_endpoint: Any, slow: Any) -> None:
    def script(number: int, body: object) -> Any:
        def run(handler: Any) -> None:
            handler.server_stopped = fake_endpoint.stopped
            slow(handler)

        return run

    fake_endpoint.script = script
    began = time.monotonic()
    with pytest.raises(Retryable, match=r"^timeout: No complete reply came within 0.3 seconds") as caught:
        endpoint(fake_endpoint, timeout=0.3, retries=0).chat(ASK)
    assert 0.2 < time.monotonic() - began < 5
    assert 0.2 < caught.value.usage.seconds < 5


@pytest.mark.parametrize("how", ["announced", "endless", "chunks"])
def test_huge_replies_are_not_read(fake_endpoint: Any, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LONGEST_REPLY", 100_000)
    sent = []

    def write(handler: Any) -> None:
        length = "Content-Length: 100000000\r\n" if how == "announced" else ""
        chunked = "Transfer-Encoding: chunked\r\n" if how == "chunks" else ""
        handler.wfile.write(f"HTTP/1.1 200 OK\r\n{length}{chunked}\r\n".encode())
        for _ in range(1000):
            handler.wfile.write(b"186a0\r\n" + b" " * 100_000 + b"\r\n" if how == "chunks" else b" " * 100_000)
            sent.append(100_000)

    fake_endpoint.script = lambda number, body: write
    with pytest.raises(Hostile, match=r"^too_large: The reply is longer than 100000 bytes"):
        endpoint(fake_endpoint).chat(ASK)
    assert sum(sent) < 50_000_000  # the connection is cut, not drained


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", "cut_off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "cut_off"),
        (b"", "connection"),
        (b"hello\r\n\r\n", "bad_http"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "bad_http"),
    ],
)
def test_broken_connections(fake_endpoint: Any, raw: bytes, kind: str) -> None:
    fake_endpoint.script = lambda number, body: lambda handler: handler.wfile.write(raw)
    with pytest.raises(EndpointError, match=f"^{kind}: "):
        endpoint(fake_endpoint, retries=0).chat(ASK)


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(Retryable, match=r"^unreachable: No connection \(ConnectionRefusedError"):
        Endpoint("m", url, retries=0).chat(ASK)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_passing_failures_are_asked_again(fake_endpoint: Any, status: int) -> None:
    fake_endpoint.script = lambda number, body: (status, "busy", NOW) if number < 2 else "hello"
    said = endpoint(fake_endpoint, retries=2).chat(ASK)
    assert (said.text, said.usage.retries) == ("hello", 2)
    assert fake_endpoint.requests[0] == fake_endpoint.requests[2]
    fake_endpoint.script = lambda number, body: (status, "busy", NOW)
    with pytest.raises(
        Retryable, match=f"^http_{status}: The endpoint answered with status {status}: .*busy"
    ) as caught:
        endpoint(fake_endpoint, retries=2).chat(ASK)
    assert caught.value.usage.retries == 2


def test_an_error_in_place_of_a_completion_is_asked_again(fake_endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adagym.agents.endpoint._FIRST_WAIT", 0.001)
    fake_endpoint.script = lambda number, body: "hello" if number else {"error": {"code": 502, "message": "upstream"}}
    assert endpoint(fake_endpoint).chat(ASK).usage.retries == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_refusals_are_final(fake_endpoint: Any, status: int) -> None:
    fake_endpoint.script = lambda number, body: (status, "no such thing")
    with pytest.raises(Refused, match=f"^http_{status}: .*no such thing") as caught:
        endpoint(fake_endpoint).chat(ASK)
    assert caught.value.status == status
    assert len(fake_endpoint.requests) == 1


def test_an_empty_purse_and_a_filter_are_refusals(fake_endpoint: Any) -> None:
    fake_endpoint.script = lambda number, body: (429, {"error": {"code": "insufficient_quota"}}, NOW)
    with pytest.raises(Refused, match=r"^http_429: "):
        endpoint(fake_endpoint).chat(ASK)
    filtered = {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}
    fake_endpoint.script = lambda number, body: filtered
    with pytest.raises(Refused, match=r"^content_filter: "):
        endpoint(fake_endpoint).chat(ASK)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "This model's maximum context length is 2048 tokens. However, you requested 4096 tokens."),
        (400, '{"code": "context_length_exceeded"}'),
        (400, "The decoder prompt (length 3000) is longer than the maximum model length of 2048."),
        (400, "At most 4 image(s) may be provided in one prompt."),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (413, "Payload too large"),
        (500, "the request exceeds the available context size"),
    ],
)
def test_a_full_context(fake_endpoint: Any, status: int, text: str) -> None:
    fake_endpoint.script = lambda number, body: (status, text)
    with pytest.raises(ContextOverflow, match=r"^context: "):
        endpoint(fake_endpoint).chat(ASK)
    assert len(fake_endpoint.requests) == 1


def test_waits_are_what_is_asked_for_or_grow_and_differ(fake_endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def waits(headers: dict[str, str], seed: int = 0) -> list[float]:
        fake_endpoint.script = lambda number, body: (503, "busy", headers)
        asked, seen = endpoint(fake_endpoint, retries=9, seed=seed), []
        monkeypatch.setattr(asked._closed, "wait", seen.append)
        with pytest.raises(Retryable):
            asked.chat(ASK)
        return seen

    for number, seconds in enumerate(waits({})):
        assert min(60.0, 0.5 * 2**number) <= seconds <= 1.5 * min(60.0, 0.5 * 2**number)
    assert all(7 <= seconds <= 10.5 for seconds in waits({"Retry-After": "7"}))
    assert max(waits({"Retry-After": "1e9"})) <= 90
    assert waits({}) == waits({}) != waits({}, seed=1)


def test_how_servers_ask_to_be_left_alone() -> None:
    assert asked_wait({"Retry-After": "3"}) == 3
    assert asked_wait({"retry-after-ms": "250", "Retry-After": "3"}) == 0.25
    assert asked_wait({"Retry-After": formatdate(time.time() + 100, usegmt=True)}) == pytest.approx(100, abs=3)
    assert asked_wait({"Retry-After": formatdate(0, usegmt=True)}) == 0
    assert [asked_wait({"Retry-After": text}) for text in ("", "soon", "nan", "inf", "-1", "9" * 400)] == [None] * 6
    assert asked_wait({}) is None


def test_the_key_is_in_no_message(fake_endpoint: Any) -> None:
    fake_endpoint.script = lambda number, body: (401, "Incorrect key sk-secret provided")
    with pytest.raises(Refused, match=r"Incorrect key \[key\] provided") as caught:
        endpoint(fake_endpoint).chat(ASK)
    assert "sk-secret" not in repr(caught.value)
    fake_endpoint.script = lambda number, body: {"error": "key sk-secret"}
    with pytest.raises(Retryable, match=r"key \[key\]"):
        endpoint(fake_endpoint, retries=0).chat(ASK)
    for key in ("sk-\nsecret", "sk-\u00e9secret"):
        with pytest.raises(UsageError, match="no HTTP header can carry") as refused:
            Endpoint("m", fake_endpoint.url, key=key)
        assert "secret" not in str(refused.value)


def test_proxies_are_heeded(fake_endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "proxy_bypass", lambda host: False)
    monkeypatch.setattr(transport, "getproxies", lambda: {"http": fake_endpoint.url.removesuffix("/v1")})
    Endpoint("m", "http://far.invalid/v1").chat(ASK)
    assert fake_endpoint.paths == ["http://far.invalid/v1/chat/completions"]


def test_closing_ends_waits_and_refuses_requests(fake_endpoint: Any) -> None:
    asked = endpoint(fake_endpoint, retries=9)
    fake_endpoint.script = lambda number, body: (asked.close(), (503, "busy"))[1]
    with pytest.raises(EndpointError):
        asked.chat(ASK)
    with pytest.raises(Refused, match=r"^closed: "):
        asked.chat(ASK)
    assert len(fake_endpoint.requests) == 1


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert Address.parse("m@http://h:1/v1/") == Address("m", "http://h:1/v1")
    assert Address.parse("org/m@2@https://h/v1") == Address("org/m@2", "https://h/v1")
    for text in ("m", "", "@http://h", "m@h", "m@http://", "m@ftp://h", "m@http://[h", "m@http://h:x"):
        with pytest.raises(UsageError, match="openai:MODEL@URL"):
            Address.parse(text)
    with pytest.raises(UsageError, match="password") as caught:
        Address.parse("m@http://user:secret@h/v1")
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://h/v1")
    assert Address.parse("m@2") == Address("m@2", "http://h/v1")


@pytest.mark.parametrize("options", [{"timeout": 0.0}, {"timeout": float("nan")}, {"retries": -1}])
def test_limits_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="`timeout` is above 0"):
        Endpoint("m", "http://h/v1", **options)
