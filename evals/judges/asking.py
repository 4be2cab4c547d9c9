"""Asking a judge: through the cache, within a budget, and again where the reply is no verdict."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adagym.agents.endpoint import Completion, ContextOverflow, EndpointError, Hostile, Refused
from adagym.errors import UsageError
from adagym.evals.judges.cache import Verdict, VerdictCache, request_key
from adagym.evals.judges.prompts import PROMPTS, messages
from adagym.evals.judges.verdicts import NoVerdict, read_verdict

OUTAGE = 10
"""So many requests in a row without a usable reply end the run."""

AGAIN = 0.5
"""Temperature of a repeated request: at 0 another seed would give the same reply."""


_CONTENT = (400, 422)
"""Statuses with which endpoints refuse what is in a request, rather than whoever asks."""


class Chat(Protocol):
    """What is used of :class:`adagym.agents.endpoint.Endpoint`."""

    def chat(self, messages: Sequence[Mapping[str, Any]], **fields: Any) -> Completion:
        """Ask for one completion."""
        ...

    def close(self) -> None:
        """Break off what is in flight."""
        ...


@dataclass(frozen=True)
class Question:
    """What a judge is to decide."""

    question: str
    references: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Reply:
    """What came of a question."""

    verdict: Verdict | None = None
    problem: str = ""
    """Why there is no verdict; empty if there is one."""
    cached: bool = False
    asked: bool = True
    """False if the budget was spent before a first request."""


class Asker:
    """Asks one judge; any number of threads may use it.

    Args:
        chat: The endpoint.
        model: Its model, part of what verdicts are cached by.
        prompt: Name of the prompt.
        cache: Known verdicts, and where new ones are kept.
        seed: Of the first request; repeated ones take the following.
        max_tokens: Longest reply.
        retries: How often a reply that is no verdict is asked for again.
        budget: Most requests; None for no limit.
    """

    def __init__(
        self,
        chat: Chat,
        model: str,
        prompt: str,
        cache: VerdictCache,
        *,
        seed: int = 0,
        max_tokens: int = 1024,
        retries: int = 3,
        budget: int | None = None,
    ) -> None:
        self._chat = chat
        self._model = model
        self._prompt = PROMPTS[prompt]
        self._cache = cache
        self._sampling = {"temperature": 0.0, "max_tokens": max_tokens, "seed": seed}
        self._retries = retries
        self._budget = budget
        self._lock = threading.Lock()
        self._unanswered = 0
        self.requests = 0
        """Requests made; those that the client repeats after an error of the network are not counted."""
        self._last: EndpointError | None = None
        self.answered = False
        """Whether there was any reply, readable or not."""

    def key(self, question: Question) -> str:
        """The question's key in the cache: model, sampling, prompt, and all that is asked about; not the fence."""
        return request_key(
            {
                "model": self._model,
                "sampling": self._sampling,
                "prompt": [self._prompt.instructions, self._prompt.word, self._prompt.alone],
                "question": question.question,
                "references": question.references,
                "answer": question.answer,
            }
        )

    def ask(self, question: Question) -> Reply:
        """Take the verdict from the cache, or ask for it.

        Raises:
            UsageError: The endpoint leaves one request after the other unanswered, or the cache cannot be written.
        """
        key = self.key(question)
        known = self._cache.get(key)
        if known is not None:
            return Reply(known, cached=True)
        request = messages(self._prompt, question.question, question.references, question.answer)
        problem = ""
        for attempt in range(1 + self._retries):
            if not self._may_ask():
                return Reply(problem=problem or "not asked: the budget is spent", asked=attempt > 0)
            try:
                verdict = self._once(request, attempt)
            except (NoVerdict, Hostile) as error:
                problem = str(error)
            except EndpointError as error:
                problem = str(error)
                break
            else:
                self._cache.put(key, verdict)
                return Reply(verdict)
        return Reply(problem=problem)

    def _once(self, request: Sequence[Mapping[str, Any]], attempt: int) -> Verdict:
        sampling = {**self._sampling, "seed": self._sampling["seed"] + attempt}
        if attempt:
            sampling["temperature"] = AGAIN
        try:
            completion = self._chat.chat(request, **sampling)
        except EndpointError as error:
            self._note(error)
            raise
        self._note(None)
        return Verdict(*read_verdict(self._prompt, completion.text, completion.finish_reason))

    def _may_ask(self) -> bool:
        """Take one request out of the budget, unless it is spent.

        Raises:
            UsageError: The endpoint is gone: questions that are still in the queue need not find that out again.
        """
        with self._lock:
            self._stop_if_gone()
            if self._budget is not None and self.requests >= self._budget:
                return False
            self.requests += 1
            return True

    def _note(self, error: EndpointError | None) -> None:
        """Count requests in a row that the endpoint left unanswered, not those it refused for what is in them.

        Raises:
            UsageError: There are too many.
        """
        about_content = isinstance(error, ContextOverflow) or (
            isinstance(error, Refused) and (error.kind == "content_filter" or error.status in _CONTENT)
        )
        with self._lock:
            self._last = error or self._last
            self.answered = self.answered or error is None
            self._unanswered = 0 if error is None or about_content else self._unanswered + 1
            self._stop_if_gone()

    def _stop_if_gone(self) -> None:
        if self._unanswered >= OUTAGE:
            raise UsageError(
                f"The judge left {OUTAGE} requests in a row unanswered ({self._last}). Check its address, name and "
                "key, and run the command again: verdicts so far are kept."
            )

    def check(self) -> None:
        """Tell a judge that answered nothing at all.

        Raises:
            UsageError: There were requests, and no reply to any.
        """
        if self.requests and not self.answered:
            raise UsageError(
                f"The judge answered none of {self.requests} requests ({self._last}). Check its address, name and key."
            )
