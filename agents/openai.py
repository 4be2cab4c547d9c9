"""A model behind an OpenAI-compatible endpoint as an agent: many requests at a time, each episode on its own.

What goes wrong with a request voids its episode and no other; see :mod:`adagym.agents.endpoint`. Where a
conversation outgrows the model's context, the older pictures that tools gave are left out, half of them at a time;
the pictures of the first observation always stay. If that is not enough the episode is truncated.
"""

from __future__ import annotations

import queue
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from adagym.agents.base import Agent, Conversation, Reply, Usage
from adagym.agents.endpoint import (
    FORM,
    NEVER,
    Address,
    Completion,
    ContextOverflow,
    Endpoint,
    EndpointError,
    Refused,
    unanswered,
)
from adagym.agents.openai_messages import NATIVE, PictureFormat, Transcript
from adagym.errors import UsageError
from adagym.policies.base import TokenTrace
from adagym.protocol import DIALECTS
from adagym.protocol.base import dumps, function_schema


@dataclass(frozen=True)
class OpenAIConfig:
    """How turns are asked for."""

    temperature: float | None = 0.0
    """None leaves it to the endpoint; some models take no other than their own."""
    top_p: float | None = None
    """None leaves it to the endpoint."""
    max_tokens: int = 2048
    """Tokens of a turn at most."""
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The request's field for ``max_tokens``; some models want ``max_completion_tokens``."""
    seeds: bool = True
    """Whether each turn's seed is sent, which follows from the episode's and the turn."""
    pictures: PictureFormat = field(default_factory=PictureFormat)
    """How pictures are sent."""
    parallel: int = 64
    """Requests in flight at most."""

    def __post_init__(self) -> None:
        """Check the values."""
        if self.parallel < 1 or self.max_tokens < 1:
            raise UsageError(f"`parallel` and `max_tokens` are at least 1, not {self.parallel} and {self.max_tokens}.")
        if self.limit not in ("max_tokens", "max_completion_tokens"):
            raise UsageError(f"`limit` is max_tokens or max_completion_tokens, not `{self.limit}`.")
        for name, value, most in (("temperature", self.temperature, 100.0), ("top_p", self.top_p, 1.0)):
            if value is not None and not 0 <= value <= most:
                raise UsageError(f"`{name}` is `none` or from 0 to {most:g}, not {value}.")


class OpenAIAgent(Agent):
    """Plays with a model behind an endpoint: ``openai:MODEL@URL``, with options ``openai:MODEL@URL,key=value,...``.

    In text dialects a reply ends at the dialect's first stop string, as if sampling had stopped there.

    Args:
        endpoint: The model.
        config: How turns are asked for.
    """

    name = "openai"

    def __init__(self, endpoint: Endpoint, config: OpenAIConfig | None = None) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.config = config or OpenAIConfig()
        self.parallel = self.config.parallel
        self._pool = ThreadPoolExecutor(self.config.parallel, thread_name_prefix="openai")
        self._done: queue.SimpleQueue[tuple[_Episode, Reply | UsageError]] = queue.SimpleQueue()
        self._episodes: dict[str, _Episode] = {}
        self._running = 0

    @classmethod
    def from_spec(cls, argument: str | None) -> OpenAIAgent:
        """Build ``openai:MODEL@URL[,key=value...]``; without ``@URL`` the address is ``OPENAI_BASE_URL``.

        Raises:
            UsageError: It is of another form, or an option is unknown or unusable.
        """
        address, *options = (argument or "").split(",")
        given = dict(_option(option) for option in options)
        where = Address.parse(address)
        connection = {key: given.pop(key) for key in ("timeout", "retries") if key in given}
        pictures = PictureFormat(**{key: given.pop(key) for key in ("image", "side") if key in given})
        return cls(Endpoint(where.model, where.url, **connection), OpenAIConfig(pictures=pictures, **given))

    def submit(self, conversation: Conversation) -> None:
        """Ask for the next turn, in another thread."""
        key = conversation.key
        if key not in self._episodes:
            self._episodes[key] = _Episode(Transcript(conversation.dialect, self.config.pictures))
        self._running += 1
        self._pool.submit(self._work, self._episodes[key], conversation)

    def poll(self) -> list[Reply]:
        """Wait for a reply, and return all that are there.

        Raises:
            UsageError: The endpoint takes no request at all: wrong key, unknown model, nobody there.
        """
        replies: list[Reply] = []
        while self._running and (not replies or not self._done.empty()):
            episode, reply = self._done.get()
            self._running -= 1
            if episode.gone:
                continue
            if isinstance(reply, UsageError):
                raise reply
            replies.append(reply)
        return replies

    def finish(self, key: str) -> TokenTrace | None:
        """Forget an episode; a reply that is still to come is dropped."""
        episode = self._episodes.pop(key, None)
        if episode is not None:
            episode.gone = True
        return None

    def close(self) -> None:
        """Break off what is in flight."""
        for key in list(self._episodes):
            self.finish(key)
        self.endpoint.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, episode: _Episode, conversation: Conversation) -> None:
        reply: Reply | UsageError = Reply(conversation.key, error="The episode was given up.")
        try:
            if not episode.gone:
                reply = self._turn(episode.transcript, conversation)
        except UsageError as error:
            reply = error
        except Exception as error:  # a bug voids its episode; without a reply it would be waited for in vain
            reply = Reply(conversation.key, error=f"bug: {type(error).__name__}: {error}")
        self._done.put((episode, reply))

    def _turn(self, transcript: Transcript, conversation: Conversation) -> Reply:
        """Ask until the messages fit."""
        key, asked = conversation.key, _request(self.config, conversation)
        transcript.extend(conversation.messages)
        began, used = time.monotonic(), Usage()
        while True:
            try:
                completion = self.endpoint.chat(transcript.written(), **asked)
            except ContextOverflow as error:
                dropped = transcript.drop()
                used = replace(
                    used,
                    seconds=time.monotonic() - began,
                    retries=used.retries + error.usage.retries,
                    dropped_images=used.dropped_images + dropped,
                )
                if dropped:
                    continue
                if conversation.turn:
                    return Reply(key, full=True, usage=used)
                return Reply(key, error=f"{error} Not even the first prompt fits; choose a longer context.", usage=used)
            except EndpointError as error:
                self._give_up(error)
                used = replace(used, seconds=time.monotonic() - began, retries=used.retries + error.usage.retries)
                return Reply(key, error=str(error), usage=used)
            used = replace(
                completion.usage,
                seconds=time.monotonic() - began,
                retries=used.retries + completion.usage.retries,
                dropped_images=used.dropped_images,
            )
            return Reply(key, action_text(completion, conversation.dialect), usage=used)

    def _give_up(self, error: EndpointError) -> None:
        """Stop everything where no request can succeed.

        Raises:
            UsageError: It is so.
        """
        hopeless = error.kind == "unreachable" or (isinstance(error, Refused) and error.status in NEVER)
        if hopeless and not self.endpoint.answered:
            raise unanswered(self.endpoint, error) from error


@dataclass
class _Episode:
    transcript: Transcript
    gone: bool = False


def action_text(completion: Completion, dialect: str) -> str:
    """A reply as the text of an action."""
    if dialect == NATIVE:
        calls = {"tool_calls": list(completion.tool_calls)} if completion.tool_calls else {}
        return dumps({"content": completion.text, **calls})
    text = completion.text
    # Servers that read calls and thoughts themselves take them out of the text.
    if completion.reasoning and "<think>" not in text:
        text = f"<think>{completion.reasoning}</think>{text}"
    for call in completion.tool_calls:
        name, arguments = dumps(call["function"]["name"]), call["function"]["arguments"] or "{}"
        text += f'<tool_call>{{"name": {name}, "arguments": {arguments}}}</tool_call>'
    ends = [text.find(stop) + len(stop) for stop in DIALECTS.load(dialect).stop if stop in text]
    return text[: min(ends)] if ends else text


def _request(config: OpenAIConfig, conversation: Conversation) -> dict[str, Any]:
    """The request's fields beside the messages."""
    seed = np.random.SeedSequence([conversation.seed, conversation.turn]).generate_state(1)[0]
    asked: dict[str, Any] = {config.limit: config.max_tokens}
    if config.temperature is not None:
        asked["temperature"] = config.temperature
    if config.top_p is not None:
        asked["top_p"] = config.top_p
    if config.seeds:
        asked["seed"] = int(seed) >> 1  # servers differ in how they read the highest bit
    if conversation.dialect == NATIVE and conversation.tools:
        asked["tools"] = [function_schema(tool) for tool in conversation.tools]
    return asked


def _option(text: str) -> tuple[str, Any]:
    """Read ``key=value``.

    Raises:
        UsageError: It is of another form, or no such option.
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    read = _OPTIONS.get(key)
    try:
        if read is None or not equals:
            raise ValueError
        return key, read(value)
    except ValueError:
        raise UsageError(
            f"`{text}` is no option of an endpoint. Write {FORM},key=value,... with some of {', '.join(_OPTIONS)}."
        ) from None


def _flag(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError
    return text == "yes"


def _or_none(text: str) -> float | None:
    return None if text == "none" else float(text)


_OPTIONS: dict[str, Any] = {
    "temperature": _or_none,
    "top_p": _or_none,
    "max_tokens": int,
    "limit": str,
    "seeds": _flag,
    "image": str,
    "side": int,
    "parallel": int,
    "timeout": float,
    "retries": int,
}
