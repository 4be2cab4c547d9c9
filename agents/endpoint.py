"""One client for OpenAI-compatible endpoints: vLLM, SGLang, ``transformers serve``, commercial ones.

It trusts nothing that comes back. A request has a time limit as a whole, so that a reply that drips in byte by byte
ends too; a reply has a size limit; redirects are not followed, since they would hand the key to whoever is there;
and every field that is used is checked. What can go wrong is one of four errors, each with a ``kind`` in a word, and
all of them are ``InfraError``: an episode is void, never scored.

The key comes from ``OPENAI_API_KEY`` alone and is in no message, not even where a server repeats it.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from adagym.agents.base import Usage
from adagym.agents.transport import Answer, Cancelled, Sender, Transport, TransportError
from adagym.errors import InfraError, UsageError

KEY = "OPENAI_API_KEY"
URL = "OPENAI_BASE_URL"
FORM = "openai:MODEL@URL"

LONGEST_WAIT = 60.0
"""Seconds waited before an attempt at most, whatever a server asks for."""

NEVER = (401, 403, 404)
"""Statuses that say that no request will do: wrong key, or no such model or address."""

_FIRST_WAIT = 0.5
_AGAIN = (408, 409, 425, 429)
_OVERFLOW = (
    "context length",
    "context_length",
    "context window",
    "context size",
    "maximum model length",
    "max_model_len",
    "maximum number of tokens",
    "prompt is too long",
    "too many tokens",
    "input is too long",
    "image(s) may be provided",  # vLLM, where a prompt holds more pictures than it was started for
)


class EndpointError(InfraError):
    """A request got no usable reply.

    Args:
        kind: What went wrong in a word, for example ``timeout``; the message begins with it.
        sentence: What happened.
    """

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(f"{kind}: {sentence}")
        self.kind = kind
        self.usage = Usage()
        """Time and attempts spent on the request."""


class Retryable(EndpointError):
    """It may go better later, and did not within the attempts allowed: 429, 5xx, time-outs, broken connections.

    Args:
        kind: What went wrong in a word.
        sentence: What happened.
        wait: Seconds the server asks to be left alone.
    """

    def __init__(self, kind: str, sentence: str, wait: float | None = None) -> None:
        super().__init__(kind, sentence)
        self.wait = wait


class ContextOverflow(EndpointError):
    """The messages are longer than the model's context."""


class Refused(EndpointError):
    """The endpoint will not do it, now or later: wrong key, unknown model, a field it does not know.

    Args:
        kind: What went wrong in a word.
        sentence: What happened.
        status: The HTTP status.
    """

    def __init__(self, kind: str, sentence: str, status: int) -> None:
        super().__init__(kind, sentence)
        self.status = status


class Hostile(EndpointError):
    """A reply that breaks the interface: no JSON, wrong types, no choices, too large, a redirect."""


@dataclass(frozen=True)
class Completion:
    """A checked reply."""

    text: str
    """The content; empty if there is none."""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    """``{"type": "function", "function": {"name": str, "arguments": str}}``, without the server's ids."""
    finish_reason: str | None = None
    reasoning: str = ""
    """What servers that take thoughts out of the content give beside it."""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Address:
    """A model at an endpoint."""

    model: str
    url: str
    """Base address, ending in ``/v1`` for most servers."""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``MODEL@URL``, or ``MODEL`` with the address in ``OPENAI_BASE_URL``.

        Raises:
            UsageError: It is of another form, or the address holds a password, which would end up in files.
        """
        cuts = [text.find(mark) for mark in ("@http://", "@https://") if mark in text]
        model, url = (text[: cuts[0]], text[cuts[0] + 1 :]) if cuts else (text, os.environ.get(URL, ""))
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # brackets without an address in them, or a port that is no number
            usable = False
        if not model or not usable:
            raise UsageError(
                f"A model at an endpoint is written {FORM}, for example openai:qwen2.5-72b@http://localhost:8000/v1. "
                f"Without @URL the address is taken from {URL}. In `openai:{text}` the "
                f"{'address' if model else 'model'} is missing or cannot be used."
            )
        if parts.username is not None or parts.query or parts.fragment:
            raise UsageError(
                f"The address of `{model}` holds a password, a query or a fragment. Give a plain one, and the key in "
                f"{KEY}."
            )
        return cls(model, url.rstrip("/"))


class Endpoint:
    """Asks one model for completions. Safe to use from several threads at a time.

    Args:
        model: Name of the model there.
        url: Base address; ``/chat/completions`` is added.
        key: Sent as a bearer token; None takes ``OPENAI_API_KEY``, which local servers do not need.
        timeout: Seconds for one attempt, from connecting to the last byte.
        retries: Further attempts after a :class:`Retryable` failure.
        seed: Seeds the jitter of the waits between attempts, which decides nothing else.
        connect: Makes what sends the requests, from the address and the headers.

    Raises:
        UsageError: The address or the key cannot be used.
    """

    def __init__(
        self,
        model: str,
        url: str,
        key: str | None = None,
        timeout: float = 300.0,
        retries: int = 5,
        seed: int = 0,
        connect: Callable[[str, Mapping[str, str]], Sender] = Transport,
    ) -> None:
        if not (0 < timeout < float("inf") and retries >= 0):
            raise UsageError(f"`timeout` is above 0 seconds and `retries` not below 0: {timeout}, {retries}.")
        self.model = model
        self.url = url
        self.timeout = timeout
        self.retries = retries
        self.answered = False
        """Whether any request ever got a completion."""
        self._key = (os.environ.get(KEY, "") if key is None else key).strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise UsageError(f"The key in {KEY} holds characters that no HTTP header can carry. Set it again.")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._transport = connect(f"{url.rstrip('/')}/chat/completions", headers)
        self._rng = np.random.default_rng(seed)
        self._closed = threading.Event()

    def chat(self, messages: Sequence[Mapping[str, Any] | str], **fields: Any) -> Completion:
        """Ask for one completion, not streamed.

        Args:
            messages: In the interface's form; a text is one that is written as JSON already.
            fields: Further fields of the request: ``temperature``, ``max_tokens``, ``seed``, ``tools``, ...

        Raises:
            Retryable: No attempt succeeded.
            ContextOverflow: The messages do not fit.
            Refused: The endpoint will not do it.
            Hostile: The reply cannot be used.
        """
        request = json.dumps({"model": self.model, "stream": False, **fields})
        written = ", ".join(message if isinstance(message, str) else json.dumps(message) for message in messages)
        body = f'{request[:-1]}, "messages": [{written}]}}'.encode()
        began = time.monotonic()
        for attempt in itertools.count():
            try:
                completion = self._attempt(body)
            except EndpointError as error:
                error.usage = Usage(seconds=time.monotonic() - began, retries=attempt)
                if not isinstance(error, Retryable) or attempt >= self.retries or self._closed.is_set():
                    raise
                self._closed.wait(self._pause(error, attempt))
            else:
                self.answered = True
                used = replace(completion.usage, seconds=time.monotonic() - began, retries=attempt)
                return replace(completion, usage=used)
        raise AssertionError  # the loop has no other end

    def close(self) -> None:
        """Break off what is in flight; requests after this fail."""
        self._closed.set()
        self._transport.close()

    def _attempt(self, body: bytes) -> Completion:
        try:
            answer = self._transport.post(body, self.timeout)
        except Cancelled as error:
            raise Refused("closed", str(error), 0) from error
        except TransportError as error:
            make = Retryable if error.passing else Hostile
            raise make(error.kind, self._clean(str(error))) from error
        if not 200 <= answer.status < 300:
            raise self._refusal(answer)
        return self._read(answer.body)

    def _refusal(self, answer: Answer) -> EndpointError:
        """The error that a status says."""
        kind, status = f"http_{answer.status}", answer.status
        if 300 <= status < 400:
            return Hostile("redirect", "The endpoint sends requests elsewhere. Give the address it should be.")
        said = self._clean(answer.body[:65536].decode("utf-8", "replace"))
        sentence = f"The endpoint answered with status {status}: {said[:300]}"
        low = said.lower()
        if status == 413 or (status in (400, 422, 500) and any(mark in low for mark in _OVERFLOW)):
            return ContextOverflow("context", sentence)
        if (status in _AGAIN or status >= 500) and "insufficient_quota" not in low:
            return Retryable(kind, sentence, asked_wait(answer.headers))
        return Refused(kind, sentence, status)

    def _read(self, body: bytes) -> Completion:
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Hostile("bad_json", f"The reply is not JSON: {type(error).__name__}.") from error
        if isinstance(payload, dict) and payload.get("error"):
            raise Retryable("error_reply", self._clean(f"The reply is an error: {payload['error']}")[:300])
        return read_completion(payload)

    def _pause(self, error: Retryable, attempt: int) -> float:
        """Seconds before the next attempt: what the server asks for, or exponential; more by up to a half."""
        wait = _FIRST_WAIT * 2.0 ** min(attempt, 10) if error.wait is None else error.wait
        return float(min(wait, LONGEST_WAIT) * self._rng.uniform(1.0, 1.5))

    def _clean(self, text: str) -> str:
        """Text of a server on one line and without the key."""
        return " ".join((text.replace(self._key, "[key]") if self._key else text).split())


def unanswered(endpoint: Endpoint, error: EndpointError) -> UsageError:
    """What to tell a person whose endpoint takes no request at all."""
    return UsageError(
        f"The model `{endpoint.model}` at {endpoint.url} does not answer ({str(error).rstrip('.')}). Check the "
        f"address, {KEY} and the model's name."
    )


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone, from ``retry-after-ms`` or ``retry-after``; None if it does not."""
    values = {name.lower(): value.strip() for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(values.get(name, "")) * unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        return max(0.0, parsedate_to_datetime(values.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return None


def read_completion(payload: object) -> Completion:
    """Check a reply and take what is used of it.

    Raises:
        Hostile: A field is missing or of the wrong type.
        Refused: The endpoint's filter took the reply away.
    """
    choices = _typed(_typed(payload, dict, "The reply").get("choices"), list, "`choices`")
    if not choices:
        raise Hostile("empty_choices", "The reply has no choices.")
    choice = _typed(choices[0], dict, "A choice")
    message = _typed(choice.get("message"), dict, "`message`")
    reason = choice.get("finish_reason")
    reason = None if reason is None else str(_typed(reason, str, "`finish_reason`"))
    text = _text(message.get("content"))
    calls = message.get("tool_calls")
    calls = [] if calls is None else _typed(calls, list, "`tool_calls`")
    if reason == "content_filter" and not text and not calls:
        raise Refused("content_filter", "The endpoint's filter took the reply away.", 200)
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    return Completion(
        text,
        tuple(_call(call) for call in calls),
        reason,
        thoughts if isinstance(thoughts, str) else "",
        _usage(payload.get("usage") if isinstance(payload, dict) else None),
    )


def _text(content: object) -> str:
    """Content as text; some servers write it as a list of parts."""
    if isinstance(content, list):
        parts = [_typed(part, dict, "A part of `content`") for part in content]
        return "".join(_typed(part.get("text"), str, "`text`") for part in parts if part.get("type") == "text")
    return "" if content is None else str(_typed(content, str, "`content`"))


def _call(call: object) -> Mapping[str, Any]:
    function = _typed(_typed(call, dict, "A tool call").get("function"), dict, "`function`")
    name = _typed(function.get("name"), str, "`name`")
    arguments = function.get("arguments")
    if isinstance(arguments, dict):  # Ollama
        arguments = json.dumps(arguments)
    arguments = "" if arguments is None else _typed(arguments, str, "`arguments`")
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _usage(usage: object) -> Usage:
    """Tokens, where they are numbers; they decide nothing, so that wrong ones are only left out."""
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(_count(prompt), _count(completion))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _typed(value: object, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise Hostile("bad_type", f"{what} is {type(value).__name__}, not {kind.__name__}.")
    return value
